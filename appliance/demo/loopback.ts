/** Where phones of this machine reach the exchange, from its listening points ("udp/0.0.0.0:5060"). */
export function loopbackServer(listening: readonly string[]): { address: string; port: number } {
  const udp = listening.map((entry) => /^udp\/(.+):(\d+)$/.exec(entry)).filter((match) => match !== null);
  const hosts = udp.map((match) => ({ address: match[1] ?? "", port: Number(match[2]) }));
  const found = hosts.find(({ address }) => /^(127\.|0\.0\.0\.0)/.test(address)) ?? hosts[0];
  if (!found) throw new Error("the exchange has no UDP listening point for the test phones");
  return found.address === "0.0.0.0" ? { ...found, address: "127.0.0.1" } : found;
}

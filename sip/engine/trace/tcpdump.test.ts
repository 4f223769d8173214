import { expect, test } from "bun:test";
import { pcapOf } from "./pcap.ts";
import type { TraceEntry } from "./ring.ts";

/** What tcpdump prints of a capture, with all checksums checked. @throws when it refuses the file */
async function tcpdump(bytes: Uint8Array): Promise<string> {
  // -A: what goes over TCP and TLS it does not put in lines by itself.
  const reader = Bun.spawn(["tcpdump", "-n", "-vv", "-A", "-r", "-"], {
    stdin: new Blob([new Uint8Array(bytes)]),
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, TZ: "UTC" },
  });
  const [shown, complaints] = await Promise.all([
    new Response(reader.stdout).text(),
    new Response(reader.stderr).text(),
  ]);
  expect([await reader.exited, complaints]).toEqual([0, expect.stringContaining("reading from file -")]);
  return shown;
}

function exchange(remote: string, local: string): TraceEntry[] {
  const say = (direction: "in" | "out", at: number, start: string, body = ""): TraceEntry => ({
    at: Date.UTC(2026, 10, 21, 8) + at,
    direction,
    remote,
    local,
    text: `${start}\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nCall-ID: a\r\nCSeq: 1 INVITE\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  });
  return [
    say("in", 0, "INVITE sip:b@h SIP/2.0", "v=0\r\ns=-\r\n"),
    say("out", 1, "SIP/2.0 100 Trying"),
    say("out", 900, `SIP/2.0 200 OK`, "a=x:12345\r\n".repeat(165)),
    say("in", 950, "ACK sip:b@h SIP/2.0"),
    say("in", 2_000, "BYE sip:b@h SIP/2.0"),
  ];
}

const CASES = [
  ["UDP", "udp:192.0.2.7:5062", "udp:192.0.2.1:5060", /192\.0\.2\.7\.5062 > 192\.0\.2\.1\.5060/],
  [
    "TCP",
    "tcp:192.0.2.7:45062",
    "tcp:192.0.2.1:5060",
    /192\.0\.2\.1\.5060 > 192\.0\.2\.7\.45062: Flags \[P\.\]/,
  ],
  ["UDP over IPv6", "udp:2001:db8::7:5062", "udp:2001:db8::1:5060", /2001:db8::7\.5062 > 2001:db8::1\.5060/],
  [
    "TCP over IPv6",
    "tcp:2001:db8::7:45062",
    "tcp:2001:db8::1:5060",
    /2001:db8::7\.45062 > 2001:db8::1\.5060/,
  ],
  ["TLS, decrypted", "tls:192.0.2.7:45062", "tls:192.0.2.1:5061", /192\.0\.2\.7\.45062 > 192\.0\.2\.1\.5061/],
] as const;

for (const [name, remote, local, addresses] of CASES)
  test(`tcpdump reads the capture of a call over ${name}, whole and with good checksums`, async () => {
    const entries = exchange(remote, local);
    const shown = await tcpdump(pcapOf(entries));
    expect(shown).toMatch(addresses);
    for (const start of ["INVITE sip:", "SIP/2.0 100 Trying", "SIP/2.0 200 OK", "ACK sip:b@h", "BYE sip:b@h"])
      expect(shown).toContain(start);
    expect(
      [...shown.matchAll(/.*(?:truncated|bad |incorrect|invalid|malformed|\[\|).*/gi)].map((found) =>
        found[0].slice(0, 200),
      ),
    ).toEqual([]);
    const times = [...shown.matchAll(/^08:00:0[02]\.\d{6} IP/gm)].length;
    expect(times).toBe(entries.length);
  });

test("masked media keys stand as zeros of the right length, which readers decode", () => {
  const body =
    "v=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:***|2^31\r\na=crypto:2 AES_256_CM_HMAC_SHA1_80 inline:***\r\na=x:inline:***\r\n";
  const [entry] = exchange("udp:192.0.2.7:5062", "udp:192.0.2.1:5060");
  if (!entry) throw new Error("no entry");
  const head = entry.text.slice(0, entry.text.indexOf("\r\n\r\n"));
  const shown = pcapOf([{ ...entry, text: `${head}\r\n\r\n${body}` }]).toString("latin1");
  const [, short = "", long = ""] = /_80 inline:(\S+)\|2\^31\r\n.*_80 inline:(\S+)\r\n/.exec(shown) ?? [];
  expect([short, long].map((key) => Buffer.from(key, "base64"))).toEqual([
    Buffer.alloc(30),
    Buffer.alloc(46),
  ]);
  expect(shown).toContain("a=x:inline:***");
  const after = shown.slice(shown.indexOf("\r\n\r\n") + 4);
  expect(Number(/Content-Length: (\d+)/.exec(shown)?.[1])).toBe(after.length);
});

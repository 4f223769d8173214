/** Traces while others send whatever they can. */
import { expect, test } from "bun:test";
import { createSocket, type Socket } from "node:dgram";
import { at, bench, type Loose, SDP, UDP, until } from "./test-support.ts";

const { phone, cleanups } = bench();
const STRANGER = "127.0.0.9";
const KNOWN = "127.0.0.10";

async function sender(address: string): Promise<Socket> {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, address, resolve));
  cleanups.push(() => socket.close());
  return socket;
}

function request(method: string, callId: string, from: string): string {
  const head = [
    `${method} sip:x@127.0.0.1 SIP/2.0`,
    `Via: SIP/2.0/UDP ${from}:9;branch=z9hG4bK${callId};rport`,
    "Max-Forwards: 70",
    `From: <sip:x@x>;tag=1`,
    `To: <sip:y@x>${method === "INVITE" ? "" : ";tag=2"}`,
    `Call-ID: ${callId}`,
    `CSeq: 1 ${method}`,
    "Contact: <sip:x@127.0.0.1>",
    "Content-Length: 0",
  ];
  return `${head.join("\r\n")}\r\n\r\n`;
}

test("a call that is up keeps its trace through stray requests and refused calls of strangers and of our phones", async () => {
  const defence = { enabled: true, exempt: [], trusted: ["127.0.0.1", KNOWN] };
  const [a, b] = [await phone(), await phone([UDP], { defence, limits: { traceCalls: 10 } })];
  b.srf.invite((req: Loose, res: Loose) => {
    if (req.source_address === "127.0.0.1") b.srf.createUAS(req, res, { localSdp: SDP });
    else res.send(403);
  });
  const call = await a.srf.createUAC(at(b.engine, "1"), { localSdp: SDP });
  const callId: string = call.sip.callId;
  const starts = () => b.engine.trace(callId).map(({ text }) => /^(?:SIP\/2.0 )?(\w+)/.exec(text)?.[1]);
  await until(() => starts().includes("ACK"));
  const before = starts();

  const port = b.engine.listening[0]?.port ?? 0;
  for (const address of [STRANGER, KNOWN]) {
    const socket = await sender(address);
    for (const method of ["ACK", "INVITE", "BYE"]) {
      const count = address === STRANGER && method !== "ACK" ? 4 : 30;
      for (let n = 0; n < count; n++)
        socket.send(request(method, `${method}-${n}-${address}`, address), port, "127.0.0.1");
      const heard = () => b.engine.traceSearch({ addresses: [address] }).map(({ text }) => text);
      // The answer, where there is one: only then was the last one dealt with.
      const start = method === "ACK" ? "ACK " : method === "INVITE" ? "SIP/2.0 403" : "SIP/2.0 481";
      const last = `${method}-${count - 1}-`;
      await until(() => heard().some((text) => text.startsWith(start) && text.includes(last)));
    }
  }
  expect(starts()).toEqual(before);
  expect(b.engine.trace(`ACK-29-${STRANGER}`)).toEqual([]);
  // A refused call has a trace, the stranger's in spite of all that our phone sent.
  for (const callId of [`INVITE-3-${STRANGER}`, `INVITE-29-${KNOWN}`])
    expect(b.engine.trace(callId).at(-1)?.text).toContain("SIP/2.0 403");

  call.destroy();
  await until(() => starts().slice(before.length).join() === "BYE,200");
});

import { expect, test } from "bun:test";
import { parseMessage } from "../message/parse.ts";
import { masked, TraceRing } from "./ring.ts";

function invite(callId: string, cseq = 1, method = "INVITE") {
  const text = `${method} sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nCall-ID: ${callId}\r\nCSeq: ${cseq} ${method}\r\n\r\n`;
  const parsed = parseMessage(Buffer.from(text));
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.message;
}

test("the ring keeps the last messages of the last calls and no registrations", () => {
  const ring = new TraceRing(2, 3);
  for (let cseq = 1; cseq <= 5; cseq++) ring.note("in", "udp:192.0.2.1:5060", invite("a", cseq));
  expect(ring.entries("a").map((entry) => /CSeq: (\d)/.exec(entry.text)?.[1])).toEqual(["3", "4", "5"]);
  ring.note("in", "x", invite("r", 1, "REGISTER"));
  expect(ring.entries("r")).toEqual([]);
  ring.note("in", "x", invite("b"));
  ring.note("out", "x", invite("c"));
  expect(ring.entries("a")).toEqual([]);
  expect(ring.text("c")).toContain("-> x\nINVITE sip:b@h SIP/2.0\n");
  expect(ring.size).toBe(2);
});

test("credentials and media keys are masked", () => {
  const text = masked(
    'Authorization: Digest username="u", realm="r", nonce="n1", response="r1"\r\nProxy-Authorization: Basic dXNlcg==\r\na=crypto:1 AES inline:abc+/=\r\n',
  );
  expect(text).toContain('username="u"');
  for (const secret of ["n1", "r1", "dXNlcg", "abc+/="]) expect(text).not.toContain(secret);
});

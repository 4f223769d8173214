import { expect, onTestFinished, setSystemTime, test } from "bun:test";
import { parseMessage } from "../message/parse.ts";
import { masked } from "./mask.ts";
import { TraceRing } from "./ring.ts";

function message(callId: string, cseq = 1, method = "INVITE", user = "a") {
  const text = `${method} sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:${user}@h>;tag=1\r\nCall-ID: ${callId}\r\nCSeq: ${cseq} ${method}\r\n\r\n`;
  const parsed = parseMessage(Buffer.from(text));
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.message;
}
const cseqs = (entries: readonly { readonly text: string }[]) =>
  entries.map((entry) => /CSeq: (\d)/.exec(entry.text)?.[1]);

test("the ring keeps the last messages of the last calls", () => {
  const ring = new TraceRing({ calls: 2, messages: 3 }, (remote) => `local of ${remote}`);
  for (let cseq = 1; cseq <= 5; cseq++) ring.note("in", "udp:192.0.2.1:5060", message("a", cseq));
  expect(cseqs(ring.entries("a"))).toEqual(["3", "4", "5"]);
  expect(ring.entries("a")[0]?.local).toBe("local of udp:192.0.2.1:5060");
  ring.note("in", "x", message("r", 1, "REGISTER"));
  expect(ring.entries("r")).toEqual([]);
  ring.note("in", "x", message("b"));
  ring.note("out", "x", message("c"));
  expect(ring.entries("a")).toEqual([]);
  expect(ring.text("c")).toContain("-> x\nINVITE sip:b@h SIP/2.0\n");
  expect(ring.size).toBe(2);
});

test("messages without a call are found by address and by user; a flood from one address pushes out no other", () => {
  const ring = new TraceRing({ calls: 2, messages: 3, sources: 2, messagesOfSource: 2 });
  onTestFinished(() => void setSystemTime());
  ring.note("in", "udp:192.0.2.1:5060", message("r", 1, "REGISTER", "1001"));
  for (let n = 0; n < 50; n++) ring.note("in", "udp:192.0.2.66:9", message(`f${n}`, 2, "OPTIONS", "100"));
  // The clock is set back: the order stays.
  setSystemTime(Date.now() - 60_000);
  ring.note("out", "udp:192.0.2.1:5060", message("c", 3, "INVITE", "1001"));
  expect(cseqs(ring.search({ addresses: ["192.0.2.1"] }))).toEqual(["1", "3"]);
  expect(cseqs(ring.search({ user: "1001" }))).toEqual(["1", "3"]);
  expect(cseqs(ring.search({ user: "100" }))).toEqual(["2", "2"]);
  expect(ring.search({ addresses: ["192.0.2.9"] })).toEqual([]);
  expect(ring.search({}).length).toBe(4);
});

test("credentials and media keys are masked", () => {
  const text = masked(
    'Authorization: Digest username="u", realm="r", nonce="n1,n2", cnonce="c1", response="r1"\r\nProxy-Authorization: Basic dXNlcg==\r\nContact: <sip:u:pass1@h>\r\na=crypto:1 AES inline:abc+/=|2^31\r\n',
  );
  expect(text).toContain('username="u"');
  for (const secret of ["n1", "n2", "c1", "r1", "dXNlcg", "abc+/=", "pass1"])
    expect(text).not.toContain(secret);
});

test.each([
  ["INFO", "application/dtmf-relay", "Signal=7\r\nDuration=160", "7"],
  ["INFO", "application/dtmf", "7", "7"],
  ["MESSAGE", "text/plain", "my secret is 4711", "4711"],
  ["NOTIFY", "message/sipfrag", 'SIP/2.0 200 OK\r\nAuthorization: Digest response="abc99"', "abc99"],
  ["NOTIFY", "application/xml", "<x>password=hunter2</x>", "hunter2"],
  ["INVITE", "application/sdp", "a=ice-pwd:longicepassword\r\na=key-mgmt:mikey QWxhZGRp", "longicepassword"],
  ["INVITE", "application/sdp", "a=key-mgmt:mikey QWxhZGRp", "QWxhZGRp"],
])("%s with %s tells no secret", (method, type, body, secret) => {
  const head = `${method} sip:b@h SIP/2.0\r\nCSeq: 1 ${method}\r\nContent-Type: ${type}`;
  const shown = masked(`${head}\r\n\r\n${body}`);
  expect(shown).toStartWith(head);
  expect(shown.slice(head.length)).not.toContain(secret);
  expect(shown.slice(head.length)).toContain("*");
});

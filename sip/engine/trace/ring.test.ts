import { describe, expect, onTestFinished, setSystemTime, test } from "bun:test";
import { parseMessage } from "../message/parse.ts";
import { masked } from "./mask.ts";
import { hostOf, TraceRing } from "./ring.ts";

/** `method` "180 INVITE": an answer. */
function message(callId: string, cseq = 1, method = "INVITE", user = "a") {
  const [status, answered] = /^\d/.test(method) ? method.split(" ") : [undefined, method];
  const start = status === undefined ? `${method} sip:b@h SIP/2.0` : `SIP/2.0 ${status} Said`;
  const text = `${start}\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:${user}@h>;tag=1\r\nCall-ID: ${callId}\r\nCSeq: ${cseq} ${answered}\r\n\r\n`;
  const parsed = parseMessage(Buffer.from(text));
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.message;
}
const cseqs = (entries: readonly { readonly text: string }[]) =>
  entries.map((entry) => /CSeq: (\d)/.exec(entry.text)?.[1]);

test("the ring keeps the last messages of the last calls", () => {
  const ring = new TraceRing({ calls: 2, messages: 3 }, { localFor: (remote) => `local of ${remote}` });
  for (let cseq = 1; cseq <= 5; cseq++) ring.note("in", "udp:192.0.2.1:5060", message("a", cseq));
  expect(cseqs(ring.entries("a"))).toEqual(["3", "4", "5"]);
  expect(ring.entries("a")[0]?.local).toBe("local of udp:192.0.2.1:5060");
  ring.note("in", "x", message("r", 1, "REGISTER"));
  expect(ring.entries("r")).toEqual([]);
  ring.note("in", "x", message("b"));
  ring.note("in", "x", message("c"));
  expect(ring.entries("a")).toEqual([]);
  expect(ring.text("c")).toContain("<- x\nINVITE sip:b@h SIP/2.0\n");
  expect(ring.size).toBe(2);
  const off = new TraceRing({ calls: 0, messages: 3 });
  off.note("in", "x", message("a"));
  off.note("in", "x", message("r", 1, "REGISTER"));
  expect([off.size, off.search({}).length]).toEqual([0, 0]);
});

describe("a call that is up loses its place to none that never came about", () => {
  const PHONE = "udp:192.0.2.1:5060";
  const STRANGER = "udp:203.0.113.9:5060";
  const ring = () =>
    new TraceRing({ calls: 3, messages: 20 }, { knows: (address) => address === hostOf(PHONE) });
  type Say = readonly [way: "in" | "out", what: string];
  const CALLED: readonly Say[] = [
    ["in", "INVITE"],
    ["out", "100 INVITE"],
    ["out", "401 INVITE"],
    ["in", "ACK"],
    ["in", "INVITE"],
    ["out", "180 INVITE"],
  ];
  const PLACED: readonly Say[] = [
    ["out", "INVITE"],
    ["in", "401 INVITE"],
    ["out", "ACK"],
    ["out", "INVITE"],
    ["in", "100 INVITE"],
    ["in", "183 INVITE"],
  ];
  const say = (to: TraceRing, callId: string, lines: readonly Say[], remote = PHONE) => {
    for (const [way, what] of lines) to.note(way, remote, message(callId, 1, what));
  };
  /** Everything others can send, many times. */
  const storm = (to: TraceRing) => {
    for (let n = 0; n < 30; n++) {
      for (const method of ["ACK", "BYE", "NOTIFY", "200 INVITE", "180 INVITE", "200 BYE"])
        say(to, `${method}${n}`, [["in", method]], STRANGER);
      // Comes with an answer to itself.
      const forged: Say[] = ["INVITE", "180 INVITE", "200 INVITE", "ACK"].map((what) => ["in", what]);
      say(to, `forged${n}`, forged, STRANGER);
      for (const remote of [STRANGER, PHONE]) {
        const refused: Say[] = [
          ["in", "INVITE"],
          ["out", "403 INVITE"],
          ["in", "ACK"],
        ];
        say(to, `${remote}${n}`, refused, remote);
      }
    }
  };

  test.each([
    ["theirs that rings", CALLED],
    ["theirs that was answered", [...CALLED, ["out", "200 INVITE"], ["in", "ACK"]]],
    [
      "theirs with a refused change",
      [...CALLED, ["out", "200 INVITE"], ["in", "INVITE"], ["out", "488 INVITE"]],
    ],
    ["ours without an answer", [["out", "INVITE"]]],
    ["ours that rings", PLACED],
    ["ours that was answered", [...PLACED, ["in", "200 INVITE"], ["out", "ACK"]]],
  ] as const)("%s", (_, lines) => {
    const kept = ring();
    say(kept, "call", lines);
    storm(kept);
    expect(kept.entries("call").length).toBe(lines.length);
    say(kept, "call", [["in", "BYE"]]);
    storm(kept);
    expect(kept.entries("call").length).toBe(lines.length + 1);
  });

  test("nor to calls that are over, ended by either side, cancelled or refused; those are the last that were", () => {
    const kept = ring();
    say(kept, "call", [...CALLED, ["out", "200 INVITE"]]);
    const ends: Readonly<Record<string, readonly Say[]>> = {
      "they end": [
        ...CALLED,
        ["out", "200 INVITE"],
        ["in", "BYE"],
        ["out", "200 BYE"],
        ["out", "200 INVITE"],
      ],
      "we end": [...PLACED, ["in", "200 INVITE"], ["out", "BYE"], ["in", "200 BYE"]],
      "they cancel": [...CALLED, ["in", "CANCEL"], ["out", "200 CANCEL"], ["out", "487 INVITE"]],
      "we cancel": [...PLACED, ["out", "CANCEL"]],
      "they refuse": [...PLACED, ["in", "486 INVITE"]],
    };
    for (let n = 0; n < 4; n++)
      for (const [end, lines] of Object.entries(ends)) say(kept, `${end} ${n}`, lines);
    expect(kept.entries("call").length).toBe(7);
    const last = Object.keys(ends).filter((end) => kept.entries(`${end} 3`).length > 0);
    expect(last).toEqual(["they cancel", "we cancel", "they refuse"]);
    expect(kept.size).toBe(4);
  });

  test("more calls up than there are places: the oldest gives way, and what is said in it later goes to its address", () => {
    const kept = ring();
    for (let n = 0; n < 4; n++) say(kept, `call${n}`, [...CALLED, ["out", "200 INVITE"]]);
    expect([0, 1, 2, 3].map((n) => kept.entries(`call${n}`).length)).toEqual([0, 7, 7, 7]);
    say(kept, "call0", [["in", "BYE"]]);
    expect(kept.entries("call0")).toEqual([]);
    expect(kept.search({ addresses: ["192.0.2.1"] }).at(-1)?.text).toContain("Call-ID: call0");
  });

  test("what a stranger was refused is kept with its challenge until others try; let in, it is a call", () => {
    const kept = ring();
    say(kept, "refused", CALLED.slice(0, 4), STRANGER);
    say(kept, "let in", CALLED, STRANGER);
    expect(kept.entries("refused").map(({ text }) => /^\S+ \S+/.exec(text)?.[0])).toEqual([
      "INVITE sip:b@h",
      "SIP/2.0 100",
      "SIP/2.0 401",
      "ACK sip:b@h",
    ]);
    expect(kept.search({ addresses: ["203.0.113.9"] }).length).toBe(10);
    storm(kept);
    expect(kept.entries("refused")).toEqual([]);
    expect(kept.entries("let in").length).toBe(6);
  });
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

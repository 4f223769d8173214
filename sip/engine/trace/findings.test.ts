import { describe, expect, test } from "bun:test";
import { ALL_CODES, codes, explain, OUTSIDE, PHONE, partyOf, Script, sdp, talking } from "./test-talk.ts";

const AUTH = { Authorization: 'Digest username="1001", response="***"' };
const refusing = (status: string, more: Parameters<Script["say"]>[1] = {}, offer = sdp()) =>
  new Script("call").say("> INVITE", { sdp: offer }).say(`< ${status} INVITE`, more);

test("a call without trouble has no finding", () => {
  expect(codes(talking("<").say("< BYE").say("> 200 OK BYE"))).toEqual([]);
  expect(codes(talking(">").say("> BYE").say("< 200 OK BYE"))).toEqual([]);
});

describe("sign-in", () => {
  const challenged = () => new Script("call").say("< INVITE").say("> 401 Unauthorized INVITE").say("< ACK");
  test("a normal round of challenge and answer is no trouble", () => {
    const good = challenged().say("< INVITE", { cseq: 2, headers: AUTH }).say("> 200 OK INVITE", { cseq: 2 });
    expect(codes(good.say("< ACK", { cseq: 2 }))).toEqual([]);
  });
  test("a second challenge or 403 after credentials: wrong password", () => {
    const again = challenged().say("< INVITE", { cseq: 2, headers: AUTH });
    expect(codes(again.say("> 401 Unauthorized INVITE", { cseq: 2 }))).toEqual(["wrong-password"]);
    const register = new Script("call").say("< REGISTER").say("> 401 Unauthorized REGISTER");
    register.say("< REGISTER", { cseq: 2, headers: AUTH }).say("> 403 Forbidden REGISTER", { cseq: 2 });
    expect(explain(register)).toMatchObject([{ code: "wrong-password", params: { who: "1001" } }]);
  });
  test("403 to a call that was let in hands on what another said: the password was right", () => {
    const caller = challenged().say("< INVITE", { cseq: 2, headers: AUTH });
    const outside = new Script("out", OUTSIDE).say("> INVITE").say("< 403 Forbidden INVITE");
    caller.say("> 403 Forbidden INVITE", { cseq: 2 });
    const parties = [partyOf({ name: "1001" }), partyOf({ callId: "out", name: "13800138000", trunk: true })];
    expect(codes([caller, outside], parties)).toEqual(["carrier-forbidden"]);
    expect(codes(caller, [partyOf({ name: "1001" })])).toEqual(["we-forbidden"]);
    const rang = challenged().say("< INVITE", { cseq: 2, headers: AUTH });
    rang.say("> 180 Ringing INVITE", { cseq: 2 }).say("> 403 Forbidden INVITE", { cseq: 2 });
    expect(codes(rang)).toEqual(["we-forbidden"]);
  });
  test("no answer to the challenge: no password", () => {
    expect(codes(challenged())).toEqual(["no-password"]);
  });
  test("the carrier asks us and is not content, or we have nothing to say", () => {
    const asked = new Script("call", OUTSIDE)
      .say("> INVITE")
      .say("< 407 Proxy Authentication Required INVITE");
    expect(codes(asked)).toEqual(["our-password-missing"]);
    asked.say("> INVITE", { cseq: 2, headers: { "Proxy-Authorization": "Digest response=x" } });
    expect(codes(asked.say("< 407 Proxy Authentication Required INVITE", { cseq: 2 }))).toEqual([
      "our-password",
    ]);
  });
});

describe("their refusal of our call", () => {
  test.each([
    ["302 Moved Temporarily", "redirected"],
    ["400 Bad Request", "bad-request"],
    ["403 Forbidden", "forbidden"],
    ["404 Not Found", "unknown-number"],
    ["408 Request Timeout", "timed-out"],
    ["413 Request Entity Too Large", "too-large"],
    ["415 Unsupported Media Type", "no-codec"],
    ["420 Bad Extension", "extension-required"],
    ["480 Temporarily Unavailable", "unavailable"],
    ["483 Too Many Hops", "loop"],
    ["486 Busy Here", "busy"],
    ["488 Not Acceptable Here", "no-codec"],
    ["500 Server Internal Error", "server-error"],
    ["502 Bad Gateway", "carrier-network"],
    ["503 Service Unavailable", "overloaded"],
    ["599 Whatever", "server-error"],
    ["600 Busy Everywhere", "busy"],
    ["603 Decline", "declined"],
    ["499 Odd", "refused"],
  ])("%s: %s", (status, code) => {
    const found = explain(refusing(status), [partyOf()]);
    expect(found).toMatchObject([
      { code, weight: "cause", params: { who: "1002", detail: status }, entry: 1 },
    ]);
  });
  test("487 after our own CANCEL and 491 are no refusals", () => {
    expect(codes(refusing("487 Request Terminated"))).toEqual([]);
    expect(codes(refusing("491 Request Pending"))).toEqual([]);
  });
  test("Reason and Warning are told with the status; the codecs offered too", () => {
    const headers = {
      Reason: 'Q.850;cause=88;text="Incompatible destination"',
      Warning: '304 h "Media type not available"',
    };
    expect(explain(refusing("488 Not Acceptable Here", { headers }))[0]?.params).toMatchObject({
      detail:
        '488 Not Acceptable Here · Q.850 88: Incompatible destination · 304 h "Media type not available"',
      codecs: "PCMA, PCMU",
    });
  });
  test("a refusal of media is about SRTP when it says so or the offer was encrypted", () => {
    const headers = { Warning: '399 h "SRTP required"' };
    expect(codes(refusing("488 Not Acceptable Here", { headers }))).toEqual(["srtp"]);
    expect(codes(refusing("488 Not Acceptable Here", {}, sdp({ profile: "RTP/SAVP" })))).toEqual(["srtp"]);
  });
  test("refused both plain and encrypted: the codecs, not the encryption", () => {
    const secure = new Script("again").say("> INVITE", { sdp: sdp({ profile: "RTP/SAVP" }) });
    secure.say("< 488 Not Acceptable Here INVITE");
    const both = [refusing("488 Not Acceptable Here"), secure];
    expect(codes(both, [partyOf(), partyOf({ callId: "again" })])).toEqual(["no-codec"]);
    // Also where another call reached its phone, so that these are hints.
    const other = new Script("other").say("> INVITE").say("< 200 OK INVITE").say("> ACK");
    expect(codes([...both, other])).toEqual(["no-codec"]);
  });
  test("a carrier's 403 has its own words", () => {
    expect(codes(refusing("403 Forbidden"), [partyOf({ trunk: true })])).toEqual(["carrier-forbidden"]);
  });
});

describe("our refusal of their call", () => {
  test.each([
    ["403 Forbidden", "we-forbidden"],
    ["404 Not Found", "we-unknown-number"],
    ["480 Temporarily Unavailable", "we-unavailable"],
    ["486 Busy Here", "we-busy"],
    ["488 Not Acceptable Here", "we-no-codec"],
    ["503 Service Unavailable", "we-overloaded"],
    ["603 Decline", "we-declined"],
    ["500 Server Internal Error", "we-refused"],
  ])("%s: %s", (status, code) => {
    const script = new Script("call")
      .say("< INVITE", { sdp: sdp({ codecs: "4" }) })
      .say(`> ${status} INVITE`);
    expect(explain(script)).toMatchObject([{ code, params: { codecs: "G723" } }]);
  });
  test("is not told when it only hands on what another party did", () => {
    const caller = new Script("caller").say("< INVITE").say("> 486 Busy Here INVITE", { at: 90 });
    expect(codes([caller, refusing("486 Busy Here")])).toEqual(["busy"]);
  });
});

describe("silence and lost messages", () => {
  test("nothing comes back: the phone is gone", () => {
    const gone = new Script("call").say("> INVITE", { at: 0 }).again(500, 1_500);
    expect(explain(gone, [partyOf({ endedAt: 32_000 })])).toMatchObject([
      { code: "no-response", params: { times: 3, seconds: 32, address: "192.168.1.20" } },
    ]);
    expect(codes(new Script("call").say("> INVITE", { at: 39_000 }), [partyOf()])).toEqual([]);
    expect(codes(new Script("call").say("> INVITE").again(500, 1500).say("< 100 Trying INVITE"))).toEqual([]);
  });
  test("a long UDP message without an answer may have been cut", () => {
    const long = new Script("call").say("> INVITE", { at: 0, sdp: sdp() + "a=x\r\n".repeat(300) });
    expect(codes(long.again(500, 1_500))).toEqual(["no-response-large"]);
    const tcp = new Script("call", "tcp:192.168.1.20:5060");
    tcp.say("> INVITE", { at: 0, sdp: sdp() + "a=x\r\n".repeat(300) });
    expect(codes(tcp, [partyOf()])).toEqual(["no-response"]);
  });
  test("an answer that is never confirmed, and the BYE after it", () => {
    const deaf = new Script("call")
      .say("< INVITE")
      .say("> 200 OK INVITE", { at: 100 })
      .again(600, 1_600, 3_600);
    expect(explain(deaf)).toMatchObject([{ code: "ack-missing", params: { times: 4, seconds: 4 } }]);
    deaf.say("> BYE", { at: 32_100, headers: { Reason: 'SIP;cause=200;text="ACK timeout"' } });
    expect(explain(deaf)[0]).toMatchObject({ code: "ack-missing", params: { seconds: 32 } });
    const late = new Script("call").say("< INVITE").say("> 200 OK INVITE", { at: 100 }).again(600, 1_600);
    expect(codes(late.say("< ACK", { at: 1_700 }))).toEqual([]);
  });
  test("their answer again and again: our ACK is lost; and their BYE after 32 s", () => {
    const script = new Script("call").say("> INVITE").say("< 200 OK INVITE", { at: 100 }).again(600, 1_600);
    expect(codes(script)).toEqual(["our-ack-lost"]);
    const bye = talking(">").say("< BYE", { at: 32_020 });
    expect(explain(bye)).toMatchObject([{ code: "bye-after-32s", params: { seconds: 32 } }]);
    expect(codes(talking(">").say("< BYE", { at: 20_000 }))).toEqual([]);
  });
  test("our BYE without an answer: gone in the call", () => {
    const script = talking("<").say("> BYE", { at: 5_000 }).again(5_500, 6_500);
    expect(explain(script)).toMatchObject([{ code: "gone-in-call", params: { method: "BYE", times: 3 } }]);
    expect(codes(script.say("< 200 OK BYE"))).toEqual([]);
  });
  test("a change in the call is refused, unless it is accepted at last", () => {
    const inCall = { headers: { To: "<sip:1002@h>;tag=b" } };
    const script = talking("<").say("< INVITE", { cseq: 2, ...inCall });
    script.say("> 488 Not Acceptable Here INVITE", { cseq: 2 });
    expect(codes(script)).toEqual(["reoffer-refused"]);
    script
      .say("< INVITE", { cseq: 3, ...inCall })
      .say("> 200 OK INVITE", { cseq: 3 })
      .say("< ACK", { cseq: 3 });
    expect(codes(script)).toEqual([]);
  });
  test("the session was not refreshed", () => {
    const headers = { Reason: 'SIP;cause=200;text="Session timer expired"' };
    expect(codes(talking("<").say("> BYE", { headers }).say("< 200 OK BYE"))).toEqual(["session-expired"]);
    const refresh = talking("<")
      .say("> UPDATE", { cseq: 5 })
      .say("< 408 Request Timeout UPDATE", { cseq: 5 });
    expect(codes(refresh)).toEqual(["session-expired"]);
  });
});

describe("people", () => {
  test("the caller leaves; that nobody answered is then no finding of its own", () => {
    const caller = new Script("caller").say("< INVITE", { at: 0 }).say("< CANCEL", { at: 12_000 });
    const rung = new Script("call")
      .say("> INVITE", { at: 20 })
      .say("< 180 Ringing INVITE")
      .say("> CANCEL", { at: 12_010 });
    expect(explain([caller, rung])).toMatchObject([{ code: "caller-cancelled", params: { seconds: 12 } }]);
  });
  test("it rang in vain, but not when another device answered", () => {
    const ringing = () => new Script("call").say("> INVITE").say("< 180 Ringing INVITE", { at: 100 });
    expect(explain(ringing().say("> CANCEL", { at: 20_100 }))).toMatchObject([
      { code: "rang-no-answer", params: { seconds: 20 } },
    ]);
    const headers = { Reason: 'SIP;cause=200;text="Call completed elsewhere"' };
    expect(codes(ringing().say("> CANCEL", { headers }))).toEqual([]);
  });
  test("a BYE with a reason out of the ordinary is a hint", () => {
    const bye = (reason: string) => talking("<").say("< BYE", { headers: { Reason: reason } });
    expect(explain(bye('Q.850;cause=41;text="Temporary failure"'))).toMatchObject([
      { code: "bye-reason", weight: "hint", params: { detail: "Q.850 41: Temporary failure" } },
    ]);
    expect(codes(bye("Q.850;cause=16"))).toEqual([]);
  });
});

describe("voice", () => {
  const answered = (changes = {}) => partyOf({ answeredAt: 1_000, endedAt: 9_000, ...changes });
  test("a private address from a public source: NAT; only a hint when voice came all the same", () => {
    const script = talking("<", OUTSIDE, sdp(), sdp({ address: "192.168.7.5" }));
    expect(explain(script)).toMatchObject([
      {
        code: "private-media-address",
        weight: "cause",
        params: { address: "192.168.7.5", source: "203.0.113.9" },
      },
    ]);
    const counted = [{ leg: "leg", packetsIn: 400 }];
    expect(explain(script, [answered()], counted)).toMatchObject([{ weight: "hint" }]);
    expect(codes(talking("<", PHONE))).toEqual([]);
  });
  test("no address at all", () => {
    expect(codes(talking("<", PHONE, sdp(), sdp({ address: "0.0.0.0" })))).toEqual(["no-media-address"]);
  });
  test("hold that was not taken back", () => {
    const hold = { cseq: 2, headers: { To: "<sip:1002@h>;tag=b" }, sdp: sdp({ way: "sendonly" }) };
    const script = talking("<")
      .say("< INVITE", hold)
      .say("> 200 OK INVITE", { cseq: 2 })
      .say("< ACK", { cseq: 2 });
    expect(explain(script)).toMatchObject([
      { code: "on-hold", weight: "hint", params: { direction: "sendonly" } },
    ]);
    script.say("< INVITE", { ...hold, cseq: 3, sdp: sdp() }).say("> 200 OK INVITE", { cseq: 3 });
    expect(codes(script)).toEqual([]);
  });
  test("a phone that only listens", () => {
    expect(codes(talking("<", PHONE, sdp(), sdp({ way: "recvonly" })))).toEqual(["only-listens"]);
  });
  test("an answer with port 0", () => {
    expect(codes(talking(">", PHONE, sdp({ port: 0 })))).toEqual(["audio-refused"]);
  });
  test("one side encrypts, the other does not", () => {
    const script = talking(">", PHONE, sdp(), sdp({ profile: "RTP/SAVP" }));
    expect(explain(script)).toMatchObject([
      { code: "srtp-one-side", params: { offer: "sdes", answer: "none" } },
    ]);
  });
  test("not one packet came", () => {
    const silent = [{ leg: "leg", packetsIn: 0 }];
    expect(explain(talking("<"), [answered()], silent)).toMatchObject([
      { code: "no-rtp", params: { who: "1002", seconds: 8, address: "192.168.1.20", port: 4000 } },
    ]);
    expect(codes(talking("<"), [answered()], [{ leg: "leg", packetsIn: 1 }])).toEqual([]);
    expect(codes(talking("<"), [answered({ endedAt: 2_000 })], silent)).toEqual([]);
    expect(codes(talking("<"), [answered({ endedAt: null })], silent)).toEqual(["no-rtp"]);
    expect(codes(talking("<"), [answered()])).toEqual([]);
  });
});

test("of several that were rung, one that was busy is only a hint when another took the call", () => {
  const busy = new Script("first").say("> INVITE").say("< 486 Busy Here INVITE");
  expect(explain([busy, talking(">")])).toMatchObject([{ code: "busy", weight: "hint" }]);
  expect(explain([busy])).toMatchObject([{ code: "busy", weight: "cause" }]);
});

test("rules bear any trace: nothing, halves, nonsense", () => {
  expect(explain(new Script("call"))).toEqual([]);
  for (const line of [
    "< BYE",
    "> 200 OK INVITE",
    "< ACK",
    "> CANCEL",
    "< 180 Ringing INVITE",
    "< 999 INVITE",
  ])
    expect(() => explain(new Script("call").say(line).again(1, 2, 3))).not.toThrow();
});

test("each code is proved above", async () => {
  const own = await Bun.file(import.meta.path).text();
  expect(ALL_CODES.filter((code) => !own.includes(`"${code}"`))).toEqual([]);
});

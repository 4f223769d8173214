/** The proxy's timers, failover and choice of the answer (RFC 3261 §16.6–16.8) under a fake clock. */
import { describe, expect, test } from "bun:test";
import { hopTo } from "../dialog/routing.ts";
import type { SipRequest, SipResponse } from "../message/model.ts";
import { Challengers } from "./challengers.ts";
import { field, NOTHING_LEFT, PROXY, proxied } from "./fake-proxy.ts";
import { bestOf } from "./order.ts";

describe("timer C", () => {
  test("a callee that only rings is cancelled after more than three minutes; the caller gets 408", () => {
    const scene = proxied([21]);
    scene.send("INVITE");
    scene.answer(21, "180 Ringing");
    scene.advance(180_000);
    expect(scene.methods(21)).toEqual(["INVITE"]);
    scene.advance(5_100);
    expect(scene.methods(21)).toEqual(["INVITE", "CANCEL"]);
    expect(scene.statuses()).toEqual(["180"]);
    scene.answer(21, "200 OK", "", "CANCEL");
    scene.answer(21, "487 Request Terminated");
    expect(scene.statuses()).toEqual(["180", "408"]);
    expect(scene.methods(21).at(-1)).toBe("ACK");
    expect(scene.reports.at(-1)).toBe("OK|done");
    scene.send("ACK", { branch: "INVITE" });
    scene.advance(100_000);
    expect(scene.left()).toEqual(NOTHING_LEFT);
  });

  test("each provisional from 101 on starts it anew, 100 does not", () => {
    const scene = proxied([21]);
    scene.send("INVITE");
    scene.answer(21, "180 Ringing");
    scene.advance(150_000);
    scene.answer(21, "183 Progress");
    scene.advance(150_000);
    expect(scene.methods(21)).toEqual(["INVITE"]);
    scene.answer(21, "100 Trying");
    scene.advance(35_300);
    expect(scene.methods(21)).toEqual(["INVITE", "CANCEL"]);
  });

  test("a 200 that crosses the CANCEL is the caller's call", () => {
    const scene = proxied([21]);
    scene.send("INVITE");
    scene.answer(21, "180 Ringing");
    scene.advance(186_000);
    expect(scene.methods(21).slice(0, 2)).toEqual(["INVITE", "CANCEL"]);
    scene.answer(21, "200 OK");
    expect(scene.statuses()).toEqual(["180", "200"]);
  });

  test("a callee that answers nothing to the CANCEL: 408 after 32 s more, nothing is left", () => {
    const scene = proxied([21]);
    scene.send("INVITE");
    scene.answer(21, "180 Ringing");
    scene.advance(186_000 + 33_000);
    expect(scene.statuses()).toEqual(["180", "408"]);
    scene.advance(100_000);
    expect(scene.left()).toEqual(NOTHING_LEFT);
  });
});

describe("failover", () => {
  const ways = async () => [hopTo("udp", "192.0.2.21", 5060), hopTo("udp", "192.0.2.22", 5060)];
  const named = () => proxied(["sip:bob@carrier.test"], { resolve: ways });

  test("a silent first address: the second is asked after 32 s (RFC 3263 §4.3)", async () => {
    const scene = named();
    scene.send("INVITE");
    await Promise.resolve();
    scene.advance(31_000);
    expect([scene.methods(21).length > 1, scene.methods(22)]).toEqual([true, []]);
    scene.advance(2_000);
    expect(scene.methods(22)[0]).toBe("INVITE");
    scene.answer(22, "200 OK");
    expect(scene.statuses()).toEqual(["200"]);
  });

  test("503 of the first: the second at once; a refusal of any other kind stands", async () => {
    const scene = named();
    scene.send("INVITE");
    await Promise.resolve();
    scene.advance(20);
    scene.answer(21, "503 Service Unavailable");
    expect(scene.methods(22)).toEqual(["INVITE"]);
    scene.answer(22, "486 Busy Here");
    expect(scene.statuses()).toEqual(["486"]);
  });

  test("a first address that rings is not left", async () => {
    const scene = named();
    scene.send("INVITE");
    await Promise.resolve();
    scene.advance(20);
    scene.answer(21, "180 Ringing");
    scene.advance(60_000);
    expect(scene.methods(22)).toEqual([]);
  });

  test("serial: a destination that says nothing for 32 s is followed by the next", () => {
    const scene = proxied([21, 22]);
    scene.send("INVITE");
    scene.advance(33_000);
    scene.answer(22, "200 OK");
    expect(scene.statuses()).toEqual(["200"]);
  });
});

describe("the answer the caller gets", () => {
  const response = (status: number): SipResponse => ({
    kind: "response",
    status,
    reason: "",
    headers: [],
    body: new Uint8Array(0),
  });

  test.each([
    [[486, 603, 302], 603],
    [[404, 302], 302],
    [[486, 401], 401],
    [[486, 484], 484],
    [[503, 500], 500],
    [[408, 486], 486],
    [[500, 408], 408],
    [[404, 486], 404],
  ])("of %p it is %p", (statuses, best) => {
    expect(bestOf(statuses.map(response))?.status).toBe(best);
  });

  test("challenges of all branches come back in one answer (RFC 3261 §16.7 step 7)", () => {
    const scene = proxied([21, 22, 23], { way: "simultaneous" });
    scene.send("INVITE");
    scene.answer(
      21,
      "407 Proxy Authentication Required",
      'Proxy-Authenticate: Digest realm="one",nonce="1"\r\n',
    );
    scene.answer(22, "401 Unauthorized", 'WWW-Authenticate: Digest realm="two",nonce="2"\r\n');
    expect(scene.statuses()).toEqual([]);
    scene.answer(23, "486 Busy Here");
    expect(scene.statuses()).toEqual(["407"]);
    const text = scene.heard.at(-1) ?? "";
    expect(field(text, "Proxy-Authenticate")).toContain('realm="one"');
    expect(field(text, "WWW-Authenticate")).toContain('realm="two"');
  });

  test("6xx of one branch cancels the others and is passed on when they have ended", () => {
    const scene = proxied([21, 22], { way: "simultaneous" });
    scene.send("INVITE");
    scene.answer(22, "180 Ringing");
    scene.answer(21, "603 Decline");
    expect(scene.methods(22)).toEqual(["INVITE", "CANCEL"]);
    expect(scene.statuses()).toEqual(["180"]);
    scene.answer(22, "487 Request Terminated");
    expect(scene.statuses()).toEqual(["180", "603"]);
  });

  test("6xx and a 200 that crosses our CANCEL: the call stands", () => {
    const scene = proxied([21, 22], { way: "simultaneous" });
    scene.send("INVITE");
    scene.answer(22, "180 Ringing");
    scene.answer(21, "603 Decline");
    scene.answer(22, "200 OK");
    expect(scene.statuses()).toEqual(["180", "200"]);
  });

  test("503 of the only destination says nothing about us: 500", () => {
    const scene = proxied([21]);
    scene.send("INVITE");
    scene.answer(21, "503 Service Unavailable", "Retry-After: 60\r\n");
    expect(scene.statuses()).toEqual(["500"]);
    expect(field(scene.heard.at(-1) ?? "", "Retry-After")).toBe("");
  });

  test("both phones of a fork answer: each 200 goes to the caller (RFC 3261 §16.7 step 5)", () => {
    const scene = proxied([21, 22], { way: "simultaneous" });
    scene.send("INVITE");
    scene.answer(22, "180 Ringing");
    scene.answer(21, "200 OK");
    scene.answer(22, "200 OK");
    const tags = scene.heard
      .filter((text) => text.startsWith("SIP/2.0 200"))
      .map((text) => field(text, "To"));
    expect(tags.map((to) => /tag=(\w+)/.exec(to)?.[1])).toEqual(["t21", "t22"]);
  });
});

describe("a destination that asks for credentials", () => {
  const DEMAND = 'Proxy-Authenticate: Digest realm="two",nonce="n"\r\n';
  const PROOF = 'Proxy-Authorization: Digest username="a",realm="two",nonce="n",response="r"\r\n';

  /** Two destinations in turn: the first is busy, the second demands. */
  function demanded(demand = DEMAND) {
    const scene = proxied([21, 22]);
    scene.send("INVITE");
    scene.answer(21, "486 Busy Here");
    scene.answer(22, "407 Proxy Authentication Required", demand);
    expect(scene.statuses()).toEqual(["407"]);
    scene.send("ACK", { branch: "INVITE" });
    const invites = (number: number) => scene.methods(number).filter((method) => method === "INVITE").length;
    const again = (extra: string) => {
      scene.send("INVITE", { extra, branch: "again", cseq: 2 });
      return [invites(21), invites(22)];
    };
    return { ...scene, invites, again };
  }

  test("gets the repetition with them first; the other one has its turn when it refuses", () => {
    const scene = demanded();
    expect(scene.again(PROOF)).toEqual([1, 2]);
    expect(field(scene.got[22]?.at(-1) ?? "", "Proxy-Authorization")).toContain('nonce="n"');
    scene.answer(22, "486 Busy Here");
    expect([scene.invites(21), scene.invites(22)]).toEqual([2, 2]);
    scene.answer(21, "200 OK");
    expect(scene.statuses()).toEqual(["407", "200"]);
    scene.advance(200_000);
    expect(scene.left()).toEqual(NOTHING_LEFT);
  });

  test("is no longer first after 2 s, without credentials, or where it asked for nothing", () => {
    const late = demanded();
    late.advance(2_000);
    expect(late.again(PROOF)).toEqual([2, 1]);
    expect(demanded().again("")).toEqual([2, 1]);
    expect(demanded("").again(PROOF)).toEqual([2, 1]);
  });
});

test("of many who were asked for credentials the last thousand are remembered", () => {
  const challengers = new Challengers();
  const request = (callId: string): SipRequest => ({
    kind: "request",
    method: "INVITE",
    uri: "sip:b@example.com",
    headers: [
      { name: "Call-ID", value: callId },
      { name: "From", value: "<sip:a@example.com>;tag=1" },
      { name: "To", value: "<sip:b@example.com>" },
      { name: "Authorization", value: "Digest" },
    ],
    body: new Uint8Array(0),
  });
  for (let index = 0; index <= 1_000; index++) challengers.note(request(`c${index}`), "sip:two", 0);
  const first = (index: number) => challengers.order(request(`c${index}`), ["sip:one", "sip:two"], 1)[0];
  expect([first(0), first(1), first(1_000)]).toEqual(["sip:one", "sip:two", "sip:two"]);
});

describe("redirects", () => {
  const contacts = (...list: string[]) => `Contact: ${list.join(", ")}\r\n`;
  const to = (number: number, q = "") => `<sip:bob@192.0.2.${number}>${q === "" ? "" : `;q=${q}`}`;

  test("several contacts are tried by their q, best first, those without q before all", () => {
    const scene = proxied([21], { redirects: true });
    scene.send("INVITE");
    scene.answer(21, "302 Moved", contacts(to(22, "0.2"), to(23, "0.9"), to(24)));
    scene.answer(24, "486 Busy Here");
    expect([scene.methods(23), scene.methods(22)]).toEqual([["INVITE"], []]);
    scene.answer(23, "404 Not Found");
    expect(scene.methods(22)).toEqual(["INVITE"]);
    scene.answer(22, "200 OK");
    expect(scene.statuses()).toEqual(["200"]);
    expect(scene.got[22]?.[0]).toStartWith("INVITE sip:bob@192.0.2.22 ");
  });

  test("two that redirect to each other, and one to itself, end the search", () => {
    const scene = proxied([21], { redirects: true });
    scene.send("INVITE");
    scene.answer(21, "302 Moved", contacts(to(22)));
    scene.answer(22, "302 Moved", contacts(to(21), to(22)));
    expect(scene.statuses()).toEqual(["302"]);
    expect([scene.methods(21), scene.methods(22)]).toEqual([
      ["INVITE", "ACK"],
      ["INVITE", "ACK"],
    ]);
    scene.send("ACK", { branch: "INVITE" });
    scene.advance(100_000);
    expect(scene.left()).toEqual(NOTHING_LEFT);
  });

  test("a list without end and contacts of other schemes are bounded", () => {
    const scene = proxied([21], { redirects: true, way: "simultaneous" });
    scene.send("INVITE");
    const many = Array.from({ length: 60 }, (_, index) => `<sip:u${index}@192.0.2.22>`);
    scene.answer(21, "300 Multiple Choices", contacts("<mailto:bob@example.com>", ...many));
    expect(scene.methods(22).length).toBe(19);
    scene.advance(200_000);
    expect(scene.statuses()).toEqual(["408"]);
    expect(scene.left()).toEqual(NOTHING_LEFT);
  });
});

describe("requests that come back", () => {
  test("a spiral, changed on its way, passes; unchanged it is a loop: 482", () => {
    const scene = proxied([], {
      table: {
        [`sip:bob@${PROXY}`]: [`sip:robert@${PROXY}`],
        [`sip:robert@${PROXY}`]: ["sip:bob@192.0.2.21"],
      },
    });
    scene.send("INVITE");
    scene.advance(100);
    expect(scene.methods(21)).toEqual(["INVITE"]);
    expect([...(scene.got[21]?.[0] ?? "").matchAll(/^Via:/gm)].length).toBe(3);
    scene.answer(21, "200 OK");
    scene.advance(100);
    expect(scene.statuses()).toEqual(["200"]);
    const loop = proxied([], {
      table: { [`sip:bob@${PROXY}`]: [`sip:robert@${PROXY}`], [`sip:robert@${PROXY}`]: [`sip:bob@${PROXY}`] },
    });
    loop.send("INVITE");
    loop.advance(200);
    expect(loop.statuses()).toEqual(["482"]);
    loop.send("ACK", { branch: "INVITE" });
    loop.advance(100_000);
    expect(loop.left()).toEqual(NOTHING_LEFT);
  });

  test("two copies of a forked request through a proxy both pass; at the end of the way the second is 482", () => {
    const scene = proxied([21]);
    scene.send("INVITE");
    scene.send("INVITE", { branch: "other" });
    expect(scene.methods(21)).toEqual(["INVITE", "INVITE"]);
    const end = proxied([21]);
    end.app.handler = () => {};
    end.send("INVITE");
    end.send("INVITE", { branch: "other" });
    expect(end.statuses()).toEqual(["482"]);
  });

  test("no hops left: OPTIONS may be answered by the app, all else is 483, however the zero is written", () => {
    const scene = proxied([21]);
    for (const [index, zero] of ["0", "00", "000"].entries()) {
      scene.send("INVITE", { extra: `Max-Forwards: ${zero}\r\n`, branch: `m${index}`, cseq: 10 + index });
    }
    expect(scene.statuses()).toEqual(["483"]);
    scene.app.handler = (fields) => scene.app.say(`${fields[6]}|`, "SIP/2.0 200 OK\r\n\r\n");
    scene.send("OPTIONS", { extra: "Max-Forwards: 0\r\n", cseq: 20 });
    expect(scene.statuses()).toEqual(["483", "200"]);
    expect(scene.methods(21)).toEqual([]);
  });
});

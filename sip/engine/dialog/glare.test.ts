/** Offers that collide (RFC 3261 §14, RFC 3311 §5) under a fake clock. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { bare, call, field, LEFT, RIGHT, SDP } from "./fake-calls.ts";
import type { Fate } from "./fake-network.ts";
import { glareWait, retryLater } from "./offers.ts";

describe("both sides offer at once", () => {
  for (const method of ["INVITE", "UPDATE"]) {
    test(`${method}: each gets 491, waits its random time and gets through; the apps hear of one 200 each`, () => {
      const scene = call();
      scene.caller.ask(method, SDP);
      scene.callee.ask(method, SDP);
      scene.network.clock.advance(50);
      const collisions = scene.network.log.filter((line) => line.includes("491"));
      expect(collisions.map((line) => line.split(">")[0]).sort()).toEqual([LEFT, RIGHT]);
      scene.network.clock.advance(2_040);
      // The owner of the Call-ID waits 2.1 s at least; the other side is through by then.
      expect(scene.callee.answers(method)).toEqual(["200"]);
      expect(scene.caller.answers(method)).toEqual([]);
      scene.network.clock.advance(2_100);
      expect(scene.caller.answers(method)).toEqual(["200"]);
      expect(scene.callee.answers(method)).toEqual(["200"]);
      scene.over();
    });
  }

  test("a re-INVITE that meets an UPDATE with an offer: 491, later 200", () => {
    const scene = call();
    scene.callee.delay = 300;
    scene.caller.ask("UPDATE", SDP);
    scene.network.clock.advance(50);
    // The callee's own re-INVITE waits here, because the caller's offer is still open with its app.
    scene.callee.ask("INVITE", SDP);
    scene.network.clock.advance(100);
    expect(scene.network.log.some((line) => line.startsWith(`${RIGHT}>${LEFT} INVITE`))).toBe(false);
    scene.network.clock.advance(5_000);
    expect([scene.caller.answers("UPDATE"), scene.callee.answers("INVITE")]).toEqual([["200"], ["200"]]);
    scene.over();
  });

  test("a peer that says 491 for ever: after four further tries the app gets it", () => {
    const scene = call();
    scene.callee.status = { INVITE: "491 Request Pending" };
    scene.caller.ask("INVITE", SDP);
    scene.network.clock.advance(25_000);
    const cseqs = scene.callee.texts
      .filter((text) => text.startsWith("INVITE"))
      .map((text) => field(text, "CSeq"));
    expect(cseqs.length).toBe(5);
    expect(new Set(cseqs).size).toBe(5);
    expect(scene.caller.answers("INVITE")).toEqual(["491"]);
    scene.over();
  });

  test("BYE and CANCEL end the wait: the app gets 487 and nothing goes out any more", () => {
    for (const method of ["BYE", "CANCEL"]) {
      const scene = call();
      scene.callee.status = { INVITE: "491 Request Pending" };
      const txn = scene.caller.ask("INVITE", SDP).split("|")[7];
      scene.network.clock.advance(1_000);
      if (method === "BYE") scene.caller.ask("BYE");
      else scene.caller.say(`${txn}|`, "CANCEL sip:placeholder SIP/2.0\r\n\r\n");
      scene.network.clock.advance(10_000);
      expect(scene.caller.answers("INVITE")).toEqual(["487"]);
      expect(scene.callee.texts.filter((text) => text.startsWith("INVITE")).length).toBe(1);
      scene.over();
    }
  });

  test("the call ends while the offer waits: the app gets 481", () => {
    const scene = call();
    scene.callee.status = { INVITE: "491 Request Pending" };
    scene.caller.ask("INVITE", SDP);
    scene.network.clock.advance(1_000);
    scene.callee.ask("BYE");
    scene.network.clock.advance(10_000);
    expect(scene.caller.answers("INVITE")).toEqual(["481"]);
    scene.over();
  });

  test("whatever the network does, both offers end with an answer and nothing is left behind", () => {
    const fate = fc.constantFrom<Fate>("pass", "lose", "double", "delay", "double-delay");
    const methods = fc.constantFrom("INVITE", "UPDATE");
    fc.assert(
      fc.property(
        fc.array(fate, { maxLength: 30 }),
        methods,
        methods,
        fc.nat(200),
        (fates, one, two, gap) => {
          const scene = call();
          scene.network.follow(fates);
          scene.caller.ask(one, SDP);
          scene.network.clock.advance(gap);
          scene.callee.ask(two, SDP);
          scene.network.clock.advance(120_000);
          expect(scene.caller.answers(one).length).toBe(1);
          expect(scene.callee.answers(two).length).toBe(1);
          scene.over();
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe("offers of one side that overlap", () => {
  test("a second re-INVITE of the app waits for the first", () => {
    const scene = call();
    scene.callee.delay = 500;
    scene.caller.ask("INVITE", SDP);
    scene.caller.ask("INVITE", SDP);
    scene.network.clock.advance(400);
    expect(scene.callee.texts.filter((text) => text.startsWith("INVITE")).length).toBe(1);
    scene.network.clock.advance(1_000);
    expect(scene.caller.answers("INVITE")).toEqual(["200", "200"]);
    scene.over();
  });

  test("their second re-INVITE before the first is answered: 500 with Retry-After of 0 to 10 s", () => {
    const scene = bare();
    scene.say("INVITE", 1, `<sip:bob@${LEFT}>`, "", SDP);
    const to = field(scene.answer("1 INVITE"), "To");
    scene.say("ACK", 1, to);
    scene.app.delay = 60_000;
    scene.say("INVITE", 2, to, "", SDP);
    scene.say("INVITE", 3, to, "", SDP);
    expect(scene.status("3 INVITE")).toBe("500");
    expect(Number(field(scene.answer("3 INVITE"), "Retry-After"))).toBeWithin(0, 11);
    scene.say("UPDATE", 4, to, "", SDP);
    expect(scene.status("4 UPDATE")).toBe("500");
    // The first one is still there and gets its own answer.
    expect(scene.status("2 INVITE")).toBe("100");
  });

  test("a re-INVITE whose CSeq is behind: 500, the call stays as it is (RFC 3261 §12.2.2)", () => {
    const scene = bare();
    scene.say("INVITE", 10, `<sip:bob@${LEFT}>`, "", SDP);
    const to = field(scene.answer("10 INVITE"), "To");
    scene.say("ACK", 10, to);
    scene.say("INVITE", 9, to, "", SDP);
    expect(scene.status("9 INVITE")).toBe("500");
    expect(field(scene.answer("9 INVITE"), "Retry-After")).not.toBe("");
    scene.say("INFO", 11, to);
    expect(scene.status("11 INFO")).toBe("200");
  });

  test("UPDATE in an early dialog: their offer unanswered: 500; answered reliably: it reaches the app (RFC 3311 §5.2)", () => {
    const scene = bare();
    scene.app.status = { INVITE: "183 Progress", UPDATE: "200 OK" };
    scene.say("INVITE", 1, `<sip:bob@${LEFT}>`, "Supported: 100rel\r\n", SDP);
    const to = field(scene.answer("1 INVITE"), "To");
    scene.say("UPDATE", 2, to, "", SDP);
    expect(scene.status("2 UPDATE")).toBe("500");
    scene.say("UPDATE", 3, to);
    expect(scene.status("3 UPDATE")).toBe("200");
    const [txn] = [...scene.left.core.context.servers.keys()];
    scene.app.say(`${txn}|`, `SIP/2.0 183 Progress\r\nRequire: 100rel\r\n\r\n${SDP}`);
    scene.network.clock.advance(20);
    scene.say("PRACK", 4, to, `RAck: ${field(scene.answer("1 INVITE"), "RSeq")} 1 INVITE\r\n`);
    scene.say("UPDATE", 5, to, "", SDP);
    expect(scene.status("5 UPDATE")).toBe("200");
  });

  test("UPDATE of the callee while our first offer is unanswered: 491", () => {
    const scene = bare();
    scene.app.say(
      "||",
      `INVITE sip:p@${RIGHT} SIP/2.0\r\nFrom: <sip:me@${LEFT}>;tag=me\r\nCall-ID: c1\r\n\r\n${SDP}`,
    );
    scene.network.clock.advance(20);
    scene.respond("INVITE", "183 X", "p");
    scene.say("UPDATE", 7, `<sip:me@${LEFT}>;tag=me`, "", SDP);
    expect(scene.status("7 UPDATE")).toBe("491");
    scene.say("UPDATE", 8, `<sip:me@${LEFT}>;tag=me`);
    expect(scene.status("8 UPDATE")).toBe("200");
  });
});

test("the waits: 2.1 to 4 s for the owner of the Call-ID, 0 to 2 s for the other, in steps of 10 ms", () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (random) => {
      expect(glareWait("uac", random)).toBeWithin(2_100, 4_001);
      expect(glareWait("uas", random)).toBeWithin(0, 2_001);
      expect(glareWait("uac", random) % 10).toBe(0);
      expect(Number(retryLater(random))).toBeWithin(0, 11);
    }),
  );
  expect([glareWait("uac", 0), glareWait("uac", 0.9999)]).toEqual([2_100, 4_000]);
  expect([glareWait("uas", 0), glareWait("uas", 0.9999)]).toEqual([0, 2_000]);
});

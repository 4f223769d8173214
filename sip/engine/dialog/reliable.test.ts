/** Reliable provisional responses (RFC 3262) under a fake clock. */
import { describe, expect, test } from "bun:test";
import { bare, field, LEFT, RIGHT, SDP } from "./fake-calls.ts";

const TO = `<sip:bob@${LEFT}>`;
const REL = "Require: 100rel\r\n";

/** A call from a bare peer that the app leaves ringing. */
function ringing(extra = "Supported: 100rel\r\n") {
  const scene = bare();
  scene.app.status = { INVITE: "" };
  scene.say("INVITE", 1, TO, extra, SDP);
  const of = (status: string) => scene.got.filter((text) => text.startsWith(`SIP/2.0 ${status}`));
  const rseq = (status: string) => Number(field(of(status).at(-1) ?? "", "RSeq"));
  const to = () => field(scene.got.findLast((text) => field(text, "To").includes("tag=")) ?? "", "To");
  const prack = (cseq: number, rack: string) => {
    scene.say("PRACK", cseq, to(), `RAck: ${rack}\r\n`);
    return scene.status(`${cseq} PRACK`);
  };
  const clean = () => {
    scene.network.clock.advance(200_000);
    const { context } = scene.left.core;
    expect([context.servers.size, context.serverOf.size, context.dialogs.size]).toEqual([0, 0, 0]);
    expect([scene.left.layer.serverCount, scene.left.layer.clientCount, scene.left.wheel.size]).toEqual([
      0, 0, 0,
    ]);
  };
  return { ...scene, of, rseq, to, prack, clean };
}

describe("as called side", () => {
  test("the second reliable provisional leaves after the PRACK of the first, RSeq one higher", () => {
    const scene = ringing();
    scene.app.tell("INVITE", "180 Ringing", REL);
    scene.app.tell("INVITE", "183 Progress", REL);
    scene.network.clock.advance(20);
    expect([scene.of("180").length, scene.of("183").length]).toEqual([1, 0]);
    const first = scene.rseq("180");
    expect(scene.prack(2, `${first} 1 INVITE`)).toBe("200");
    scene.network.clock.advance(20);
    expect(scene.rseq("183")).toBe(first + 1);
    expect(scene.prack(3, `${first + 1} 1 INVITE`)).toBe("200");
    scene.app.tell("INVITE", "486 Busy Here");
    scene.network.clock.advance(20);
    scene.say("ACK", 1, scene.to());
    scene.clean();
  });

  test("a PRACK with a wrong RAck gets 481 and stops nothing", () => {
    const scene = ringing();
    scene.app.tell("INVITE", "180 Ringing", REL);
    scene.network.clock.advance(20);
    const rseq = scene.rseq("180");
    for (const [index, rack] of [
      `${rseq + 1} 1 INVITE`,
      `${rseq} 2 INVITE`,
      `${rseq} 1 UPDATE`,
      "x",
      "",
    ].entries()) {
      expect(scene.prack(2 + index, rack)).toBe("481");
    }
    const before = scene.of("180").length;
    scene.network.clock.advance(1_600);
    expect(scene.of("180").length).toBeGreaterThan(before);
    expect(scene.prack(10, `${rseq} 1 INVITE`)).toBe("200");
    const after = scene.of("180").length;
    scene.network.clock.advance(20_000);
    expect(scene.of("180").length).toBe(after);
    // The same PRACK in a new transaction names nothing any more.
    expect(scene.prack(11, `${rseq} 1 INVITE`)).toBe("481");
  });

  test("without PRACK: repeats with doubling for 32 s, then 504 for the caller and a CANCEL for the app", () => {
    const scene = ringing();
    scene.app.tell("INVITE", "180 Ringing", REL);
    scene.network.clock.advance(31_900);
    expect(scene.of("180").length).toBe(7);
    expect(scene.of("504")).toEqual([]);
    scene.network.clock.advance(300);
    expect(scene.of("504").length).toBeGreaterThan(0);
    const cancel = scene.app.texts.findLast((text) => text.startsWith("CANCEL")) ?? "";
    expect(field(cancel, "Reason")).toContain("PRACK timeout");
    expect(scene.app.tell("INVITE", "200 OK")).toStartWith("NOK");
    scene.clean();
  });

  test("a 2xx waits until a reliable description is acknowledged; without one it leaves at once", () => {
    const scene = ringing();
    scene.app.tell("INVITE", "183 Progress", REL, SDP);
    expect(scene.app.tell("INVITE", "200 OK", "", SDP)).toStartWith("OK");
    scene.network.clock.advance(100);
    expect(scene.of("200")).toEqual([]);
    expect(scene.app.tell("INVITE", "200 OK", "", SDP)).toStartWith("NOK");
    expect(scene.prack(2, `${scene.rseq("183")} 1 INVITE`)).toBe("200");
    expect(scene.status("1 INVITE")).toBe("200");
    scene.say("ACK", 1, scene.to());
    scene.say("BYE", 3, scene.to());
    scene.clean();
    const plain = ringing();
    plain.app.tell("INVITE", "180 Ringing", REL);
    plain.app.tell("INVITE", "200 OK", "", SDP);
    plain.network.clock.advance(20);
    expect(plain.status("1 INVITE")).toBe("200");
    // Its PRACK was under way: it is not refused (RFC 3262 §3).
    expect(plain.prack(2, `${plain.rseq("180")} 1 INVITE`)).toBe("200");
    plain.say("ACK", 1, plain.to());
    plain.say("BYE", 3, plain.to());
    plain.clean();
  });

  test("a held 2xx and no PRACK, or a CANCEL: the caller is refused, the app gets a BYE", () => {
    for (const cancel of [false, true]) {
      const scene = ringing();
      scene.app.tell("INVITE", "183 Progress", REL, SDP);
      scene.app.dlg = scene.app.tell("INVITE", "200 OK", "", SDP).split("|")[8] ?? "";
      if (cancel) scene.cancel(1);
      else scene.network.clock.advance(33_000);
      scene.network.clock.advance(100);
      expect(scene.of(cancel ? "487" : "504").length).toBeGreaterThan(0);
      expect(scene.of("200").filter((text) => field(text, "CSeq") === "1 INVITE")).toEqual([]);
      const bye = scene.app.texts.findLast((text) => text.startsWith("BYE")) ?? "";
      expect(field(bye, "Reason")).toContain(cancel ? "CANCEL after 200 OK" : "PRACK timeout");
      scene.clean();
    }
  });

  test("a caller that requires 100rel gets each provisional reliably; its PRACK never troubles an app that did not ask", () => {
    const scene = ringing("Require: 100rel\r\n");
    expect(field(scene.app.tell("INVITE", "180 Ringing"), "RSeq")).toBe("");
    scene.network.clock.advance(20);
    expect(field(scene.of("180")[0] ?? "", "Require")).toBe("100rel");
    expect(scene.prack(2, `${scene.rseq("180")} 1 INVITE`)).toBe("200");
    expect(scene.app.texts.filter((text) => text.startsWith("PRACK"))).toEqual([]);
    scene.app.tell("INVITE", "486 Busy Here");
    scene.network.clock.advance(20);
    scene.say("ACK", 1, scene.to());
    scene.clean();
  });

  test("a caller that cannot do it: the app is told so, a plain 180 still works; an unknown Require is 420", () => {
    const scene = ringing("");
    expect(scene.app.tell("INVITE", "180 Ringing", REL)).toBe("NOK|Remote endpoint does not support 100rel");
    expect(scene.app.tell("INVITE", "180 Ringing")).toStartWith("OK");
    scene.network.clock.advance(20);
    expect(field(scene.of("180")[0] ?? "", "RSeq")).toBe("");
    scene.say("INFO", 2, scene.to(), "Require: 100rel, precondition\r\n");
    expect(scene.status("2 INFO")).toBe("420");
    expect(field(scene.answer("2 INFO"), "Unsupported")).toBe("precondition");
  });
});

describe("as calling side", () => {
  function calling() {
    const scene = bare();
    scene.app.say(
      "||",
      `INVITE sip:p@${RIGHT} SIP/2.0\r\nFrom: <sip:me@${LEFT}>;tag=me\r\nCall-ID: c1\r\nSupported: 100rel\r\n\r\n${SDP}`,
    );
    scene.network.clock.advance(20);
    const heard = () =>
      scene.app.texts.filter((text) => /^SIP\/2.0 1/.test(text)).map((text) => field(text, "RSeq"));
    const rel = (tag: string, rseq: number) =>
      scene.respond("INVITE", "183 Progress", tag, `Require: 100rel\r\nRSeq: ${rseq}\r\n`);
    const prack = (rseq: number) => {
      const cseq = field(scene.got[0] ?? "", "CSeq");
      scene.app.ask("PRACK", "", `RAck: ${rseq} ${cseq}\r\n`);
      scene.network.clock.advance(20);
      return field(scene.got.findLast((text) => text.startsWith("PRACK")) ?? "", "To");
    };
    return { ...scene, heard, rel, prack };
  }

  test("provisionals reach the app in the order of their RSeq; repeats and those too early do not", () => {
    const scene = calling();
    for (const rseq of [7, 7, 9, 8, 8, 9]) scene.rel("p", rseq);
    expect(scene.heard()).toEqual(["7", "8", "9"]);
  });

  test("serial forks: each PRACK goes to the peer whose provisional it names, also with equal RSeq", () => {
    const scene = calling();
    scene.rel("one", 5);
    expect(scene.prack(5)).toContain("tag=one");
    scene.rel("two", 5);
    expect(scene.prack(5)).toContain("tag=two");
    scene.rel("one", 6);
    scene.rel("two", 6);
    expect(scene.prack(6)).toContain("tag=one");
    expect(scene.prack(6)).toContain("tag=two");
    scene.respond("INVITE", "200 OK", "two");
    scene.network.clock.advance(100);
    expect(scene.left.core.context.dialogs.size).toBe(1);
    expect(field(scene.got.findLast((text) => text.startsWith("ACK")) ?? "", "To")).toContain("tag=two");
  });

  test("420 of a peer that cannot do what the app requires reaches the app", () => {
    const scene = calling();
    scene.respond("INVITE", "420 Bad Extension", "p", "Unsupported: 100rel\r\n");
    expect(scene.app.answers("INVITE")).toEqual(["420"]);
  });

  test("a peer that makes up To tags is not followed without end", () => {
    const scene = calling();
    for (let tag = 0; tag < 100; tag++) scene.respond("INVITE", "180 Ringing", `t${tag}`);
    expect(scene.left.core.context.dialogs.size).toBeLessThanOrEqual(32);
    scene.respond("INVITE", "200 OK", "late");
    expect(scene.app.answers("INVITE")).toEqual(["200"]);
    expect(scene.left.core.context.dialogs.size).toBe(1);
  });
});

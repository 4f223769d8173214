/** Sessions, subscriptions, Replaces and CANCEL (RFC 4028, 6665, 3891, 3261 §9) under a fake clock. */
import { describe, expect, test } from "bun:test";
import { bare, call, field, LEFT, RIGHT, SDP } from "./fake-calls.ts";
import { parseReplaces } from "./replaces.ts";

const TO = `<sip:bob@${LEFT}>`;

/** A call of the app to a bare peer, answered with these headers. */
function calling(invite = "", answer = "") {
  const scene = bare();
  scene.app.say(
    "||",
    `INVITE sip:p@${RIGHT} SIP/2.0\r\nFrom: <sip:me@${LEFT}>;tag=me\r\nCall-ID: c1\r\n${invite}\r\n${SDP}`,
  );
  scene.network.clock.advance(20);
  if (answer !== "") scene.respond("INVITE", "200 OK", "p", answer === "none" ? "" : answer);
  const sent = (method: string) => scene.got.filter((text) => text.startsWith(`${method} `));
  const clean = () => {
    scene.network.clock.advance(200_000);
    expect([scene.left.core.context.dialogs.size, scene.left.wheel.size]).toEqual([0, 0]);
  };
  return { ...scene, sent, clean };
}

describe("session timers (RFC 4028)", () => {
  test("422 to the app's INVITE: made again with Min-SE and the next CSeq; the app hears only the answer", () => {
    const scene = calling("Session-Expires: 90;refresher=uac\r\nSupported: timer\r\n");
    scene.respond("INVITE", "422 Session Interval Too Small", "x", "Min-SE: 1800\r\n");
    const [first = "", second = ""] = scene.sent("INVITE");
    expect([field(second, "Session-Expires"), field(second, "Min-SE")]).toEqual([
      "1800;refresher=uac",
      "1800",
    ]);
    expect(Number.parseInt(field(second, "CSeq"), 10)).toBe(Number.parseInt(field(first, "CSeq"), 10) + 1);
    expect(field(second, "Call-ID")).toBe("c1");
    expect(scene.sent("ACK").length).toBe(1);
    scene.respond("INVITE", "200 OK", "p", "Session-Expires: 1800;refresher=uac\r\n");
    expect(scene.app.answers("INVITE")).toEqual(["200"]);
  });

  test("a peer whose Min-SE never ends, or says nothing, is given up: the app gets the 422", () => {
    const scene = calling("Session-Expires: 90\r\nSupported: timer\r\n");
    for (const least of [200, 300, 400]) {
      scene.respond("INVITE", "422 Session Interval Too Small", "x", `Min-SE: ${least}\r\n`);
    }
    expect(scene.sent("INVITE").length).toBe(3);
    expect(scene.app.answers("INVITE")).toEqual(["422"]);
    for (const header of ["", "Min-SE: 60\r\n", "Min-SE: many\r\n"]) {
      const other = calling("Session-Expires: 90\r\n");
      other.respond("INVITE", "422 Session Interval Too Small", "x", header);
      expect(other.app.answers("INVITE")).toEqual(["422"]);
    }
  });

  test("422 to our refresh: the refresh is made again with the longer interval, the call stays", () => {
    const scene = calling("", "Session-Expires: 90;refresher=uac\r\n");
    scene.network.clock.advance(52_000);
    scene.respond("INVITE", "422 Session Interval Too Small", "p", "Min-SE: 600\r\n");
    expect(field(scene.sent("INVITE").at(-1) ?? "", "Session-Expires")).toBe("600;refresher=uac");
    scene.respond("INVITE", "200 OK", "p", "Session-Expires: 600;refresher=uac\r\n");
    const before = scene.sent("INVITE").length;
    scene.network.clock.advance(280_000);
    expect(scene.sent("INVITE").length).toBe(before);
    expect(scene.left.core.context.dialogs.size).toBe(1);
    expect(scene.sent("BYE")).toEqual([]);
  });

  test("491 to our refresh: again after 2.1 to 4 s as owner of the Call-ID", () => {
    const scene = calling("", "Session-Expires: 90;refresher=uac\r\n");
    scene.network.clock.advance(52_000);
    const tries = () => new Set(scene.sent("INVITE").map((text) => field(text, "CSeq"))).size;
    scene.respond("INVITE", "491 Request Pending", "p");
    scene.network.clock.advance(2_000);
    expect(tries()).toBe(2);
    scene.network.clock.advance(2_100);
    expect(tries()).toBe(3);
  });

  test("the app's own re-INVITE and UPDATE keep the session: interval and who refreshes", () => {
    for (const [answer, refresher] of [
      ["Session-Expires: 300;refresher=uac\r\n", "uac"],
      ["Session-Expires: 300;refresher=uas\r\n", "uas"],
    ] as const) {
      const scene = calling("", answer);
      scene.app.ask("INVITE", SDP);
      scene.network.clock.advance(20);
      expect(field(scene.sent("INVITE").at(-1) ?? "", "Session-Expires")).toBe(`300;refresher=${refresher}`);
      scene.respond("INVITE", "200 OK", "p", answer);
      scene.app.ask("UPDATE");
      scene.network.clock.advance(20);
      expect(field(scene.sent("UPDATE").at(-1) ?? "", "Session-Expires")).toBe(`300;refresher=${refresher}`);
      expect(field(scene.sent("UPDATE").at(-1) ?? "", "Supported")).toBe("timer");
    }
  });

  test("as called side: who refreshes stands in the 2xx, and Require when it is the caller", () => {
    const answerTo = (asked: string, appSays: string) => {
      const scene = bare();
      scene.app.status = { INVITE: "" };
      scene.say("INVITE", 1, TO, asked, SDP);
      scene.app.tell("INVITE", "200 OK", appSays, SDP);
      scene.network.clock.advance(20);
      const text = scene.answer("1 INVITE");
      return [field(text, "Session-Expires"), field(text, "Require")];
    };
    const timer = "Supported: timer\r\n";
    const se = (value: string) => `Session-Expires: ${value}\r\n`;
    expect(answerTo(`${timer}${se("600;refresher=uac")}`, "")).toEqual(["600;refresher=uac", "timer"]);
    expect(answerTo(`${timer}${se("600;refresher=uas")}`, "")).toEqual(["600;refresher=uas", ""]);
    expect(answerTo(`${timer}${se("600;refresher=uac")}`, se("300"))).toEqual(["300;refresher=uac", "timer"]);
    // The caller leaves it open and the app does not care: no session timer.
    expect(answerTo(`${timer}${se("600")}`, "")).toEqual(["", ""]);
    // A caller without timers cannot refresh.
    expect(answerTo("", se("300"))).toEqual(["300;refresher=uas", ""]);
  });
});

describe("subscriptions (RFC 6665)", () => {
  const subscribe = (expires: number) =>
    `SUBSCRIBE sip:p@${RIGHT} SIP/2.0\r\nFrom: <sip:me@${LEFT}>;tag=me\r\nCall-ID: c1\r\nEvent: dialog\r\nExpires: ${expires}\r\n\r\n`;
  const state = (value: string) => `Event: dialog\r\nSubscription-State: ${value}\r\n`;

  function subscribed(expires = 60) {
    const scene = bare();
    scene.app.say("||", subscribe(expires));
    scene.network.clock.advance(20);
    const size = () => scene.left.core.context.dialogs.size;
    const last = () => scene.app.texts.at(-1) ?? "";
    return { ...scene, size, last };
  }

  test("a NOTIFY that overtakes the 2xx makes the dialog and is answered", () => {
    const scene = subscribed();
    scene.say("NOTIFY", 1, `<sip:me@${LEFT}>;tag=me`, state("active;expires=60"));
    expect(scene.status("1 NOTIFY")).toBe("200");
    scene.respond("SUBSCRIBE", "200 OK", "p", "Expires: 60\r\n");
    expect([scene.size(), scene.app.answers("SUBSCRIBE")]).toEqual([1, ["200"]]);
    scene.say("NOTIFY", 2, `<sip:me@${LEFT}>;tag=me`, state("terminated;reason=noresource"));
    expect([scene.status("2 NOTIFY"), scene.size()]).toEqual(["200", 0]);
    scene.say("NOTIFY", 3, `<sip:me@${LEFT}>;tag=me`, state("active"));
    expect(scene.status("3 NOTIFY")).toBe("481");
  });

  test("a last NOTIFY before the 2xx: the 2xx does not bring the dialog back", () => {
    const scene = subscribed(0);
    scene.say("NOTIFY", 1, `<sip:me@${LEFT}>;tag=me`, state("terminated;reason=timeout"));
    scene.respond("SUBSCRIBE", "200 OK", "p", "Expires: 0\r\n");
    expect(scene.size()).toBe(0);
    scene.network.clock.advance(100_000);
    expect(scene.left.wheel.size).toBe(0);
  });

  test.each(["deactivated", "probation", "rejected", "timeout", "giveup", "noresource", "invariant"])(
    "terminated;reason=%s ends it and reaches the app with its reason",
    (reason) => {
      const scene = subscribed();
      scene.respond("SUBSCRIBE", "200 OK", "p", "Expires: 60\r\n");
      scene.say("NOTIFY", 1, `<sip:me@${LEFT}>;tag=me`, state(`terminated;reason=${reason};retry-after=5`));
      expect(field(scene.last(), "Subscription-State")).toBe(`terminated;reason=${reason};retry-after=5`);
      expect(scene.size()).toBe(0);
    },
  );

  test("as subscriber: without refresh it ends 32 s after its time, and the app is told", () => {
    const scene = subscribed(60);
    scene.respond("SUBSCRIBE", "200 OK", "p", "Expires: 60\r\n");
    scene.say("NOTIFY", 1, `<sip:me@${LEFT}>;tag=me`, state("active;expires=60"));
    scene.network.clock.advance(90_000);
    expect(scene.size()).toBe(1);
    scene.network.clock.advance(3_000);
    expect([scene.size(), field(scene.last(), "Subscription-State")]).toEqual([
      0,
      "terminated;reason=timeout",
    ]);
  });

  test("a refresh gives it new time; a 481 to the refresh ends it", () => {
    const scene = subscribed(60);
    scene.respond("SUBSCRIBE", "200 OK", "p", "Expires: 60\r\n");
    scene.say("NOTIFY", 1, `<sip:me@${LEFT}>;tag=me`, state("active;expires=60"));
    scene.network.clock.advance(50_000);
    scene.app.ask("SUBSCRIBE", "", "Event: dialog\r\nExpires: 60\r\n");
    scene.network.clock.advance(20);
    scene.respond("SUBSCRIBE", "200 OK", "p", "Expires: 60\r\n");
    scene.network.clock.advance(85_000);
    expect(scene.size()).toBe(1);
    scene.app.ask("SUBSCRIBE", "", "Event: dialog\r\nExpires: 60\r\n");
    scene.network.clock.advance(20);
    scene.respond("SUBSCRIBE", "481 Subscription does not exist", "p");
    expect(scene.size()).toBe(0);
  });

  test("a notifier that never notifies: over after 32 s (timer N)", () => {
    const scene = subscribed(3_600);
    scene.respond("SUBSCRIBE", "200 OK", "p", "Expires: 3600\r\n");
    scene.network.clock.advance(33_000);
    expect([scene.size(), scene.app.open.NOTIFY]).toEqual([0, "unsolicited"]);
  });

  test("as notifier: a subscriber that does not come back gets a last NOTIFY with reason=timeout", () => {
    const scene = bare();
    scene.say("SUBSCRIBE", 1, TO, "Event: dialog\r\nExpires: 60\r\n");
    scene.app.dlg = [...scene.left.core.context.dialogs.values()][0]?.dlg ?? "";
    scene.app.ask("NOTIFY", "", state("active;expires=60"));
    scene.network.clock.advance(20);
    scene.respond("NOTIFY", "200 OK", "");
    scene.network.clock.advance(93_000);
    const last = scene.got.findLast((text) => text.startsWith("NOTIFY")) ?? "";
    expect([field(last, "Event"), field(last, "Subscription-State")]).toEqual([
      "dialog",
      "terminated;reason=timeout",
    ]);
    expect([scene.left.core.context.dialogs.size, scene.app.open.NOTIFY]).toEqual([0, "unsolicited"]);
    scene.network.clock.advance(100_000);
    expect(scene.left.wheel.size).toBe(0);
  });

  test("an Expires beyond all bounds, below zero or unreadable does no harm: an hour or a bounded time", () => {
    for (const extra of ["Expires: 99999999999999999999\r\n", "Expires: -1\r\n", "Expires: soon\r\n", ""]) {
      const scene = bare();
      scene.say("SUBSCRIBE", 1, TO, `Event: dialog\r\n${extra}`);
      expect(scene.left.core.context.dialogs.size).toBe(1);
      scene.network.clock.advance(60_000);
      expect(scene.left.core.context.dialogs.size).toBe(1);
      if (extra !== "") continue;
      scene.network.clock.advance(3_600_000);
      expect(scene.left.core.context.dialogs.size).toBe(0);
    }
  });
});

describe("Replaces (RFC 3891)", () => {
  /** An answered or ringing call from a bare peer, and an INVITE of a third with Replaces. */
  function called(ringing = false) {
    const scene = bare();
    if (ringing) scene.app.status = { INVITE: "180 Ringing" };
    scene.say("INVITE", 1, TO, "", SDP);
    const to = field(scene.answer("1 INVITE"), "To");
    if (!ringing) scene.say("ACK", 1, to);
    scene.app.status = {};
    const tag = /tag=(\S+)/.exec(to)?.[1] ?? "";
    let next = 100;
    const replace = (value: string | readonly string[], extra = "", method = "INVITE") => {
      const cseq = next++;
      const lines = [value].flat().map((one) => `Replaces: ${one}\r\n`);
      scene.foreign(method, cseq, `${lines.join("")}${extra}`);
      return scene.status(`${cseq} ${method}`);
    };
    return { ...scene, to, tag, replace };
  }

  test("a match goes to the app with the call; tags in the wrong order are understood", () => {
    const scene = called();
    expect(scene.replace(`c1;to-tag=${scene.tag};from-tag=p`)).toBe("200");
    expect(scene.replace(`c1;from-tag=${scene.tag};to-tag=p`)).toBe("200");
    expect(field(scene.app.texts.findLast((text) => text.startsWith("INVITE")) ?? "", "Replaces")).toContain(
      "c1",
    );
  });

  test("no such dialog: 481, known Call-ID or not", () => {
    const scene = called();
    expect(scene.replace(`c1;to-tag=${scene.tag};from-tag=other`)).toBe("481");
    expect(scene.replace("nobody;to-tag=a;from-tag=b")).toBe("481");
    expect(scene.app.texts.filter((text) => text.startsWith("INVITE")).length).toBe(1);
  });

  test("early-only and the call is up: 486", () => {
    const scene = called();
    expect(scene.replace(`c1;to-tag=${scene.tag};from-tag=p;early-only`)).toBe("486");
  });

  test("a call that rings here was not ours to start: 481; one that we started can be replaced", () => {
    const scene = called(true);
    expect(scene.replace(`c1;to-tag=${scene.tag};from-tag=p`)).toBe("481");
    const ours = called();
    ours.app.say(
      "||",
      `INVITE sip:p@${RIGHT} SIP/2.0\r\nFrom: <sip:me@${LEFT}>;tag=me\r\nCall-ID: c2\r\n\r\n${SDP}`,
    );
    ours.network.clock.advance(20);
    ours.respond("INVITE", "180 Ringing", "theirs");
    expect(ours.replace("c2;to-tag=me;from-tag=theirs;early-only")).toBe("200");
  });

  test("a call that has just ended: 603", () => {
    const scene = called();
    scene.say("BYE", 2, scene.to);
    expect(scene.replace(`c1;to-tag=${scene.tag};from-tag=p`)).toBe("603");
  });

  test("two of them, one with Join, one without tags, one in another method: 400", () => {
    const scene = called();
    const good = `c1;to-tag=${scene.tag};from-tag=p`;
    expect(scene.replace([good, good])).toBe("400");
    expect(scene.replace(`${good}, ${good}`)).toBe("400");
    expect(scene.replace(good, "Join: x;to-tag=1;from-tag=2\r\n")).toBe("400");
    expect(scene.replace("c1;to-tag=1")).toBe("400");
    expect(scene.replace("")).toBe("400");
    expect(scene.replace(good, "", "MESSAGE")).toBe("400");
  });

  test("an app that proxies decides itself about calls that are not the engine's", () => {
    const scene = called();
    scene.left.core.context.proxying.add(scene.app);
    expect(scene.replace("nobody;to-tag=a;from-tag=b")).toBe("200");
    expect(scene.replace(`c1;to-tag=${scene.tag};from-tag=other`)).toBe("481");
  });

  test("its parts", () => {
    expect(parseReplaces("a@b;to-tag=1;from-tag=2")).toEqual({
      callId: "a@b",
      toTag: "1",
      fromTag: "2",
      earlyOnly: false,
    });
    expect(parseReplaces("a;early-only;from-tag=2;to-tag=1")?.earlyOnly).toBe(true);
    for (const bad of ["", ";to-tag=1;from-tag=2", "a b;to-tag=1;from-tag=2", "a;to-tag=;from-tag=2"]) {
      expect(parseReplaces(bad)).toBeUndefined();
    }
  });
});

describe("CANCEL (RFC 3261 §9)", () => {
  const cancel = (scene: ReturnType<typeof calling>) => {
    const [id = ""] = [...scene.left.core.context.clients.keys()];
    return scene.app.say(`${id}|`, `CANCEL sip:p@${RIGHT} SIP/2.0\r\nReason: SIP;cause=200\r\n\r\n`);
  };

  test("before any provisional it waits for one; then 487 ends the call", () => {
    const scene = calling();
    expect(cancel(scene)).toStartWith("OK");
    scene.network.clock.advance(400);
    expect(scene.sent("CANCEL")).toEqual([]);
    scene.respond("INVITE", "100 Trying", "p");
    expect(field(scene.sent("CANCEL")[0] ?? "", "Reason")).toBe("SIP;cause=200");
    scene.respond("CANCEL", "200 OK", "p");
    scene.respond("INVITE", "487 Request Terminated", "p");
    expect(scene.app.answers("INVITE")).toEqual(["487"]);
    scene.clean();
  });

  test("no provisional ever comes: no CANCEL leaves, the app gets 487 when the INVITE has run out", () => {
    const scene = calling();
    cancel(scene);
    scene.network.clock.advance(33_000);
    expect([scene.sent("CANCEL").length, scene.app.answers("INVITE")]).toEqual([0, ["487"]]);
    scene.clean();
  });

  test("200 instead of the provisional: ACK, BYE, and the app is told why", () => {
    const scene = calling();
    cancel(scene);
    scene.respond("INVITE", "200 OK", "p");
    scene.network.clock.advance(20);
    expect([scene.sent("CANCEL").length, scene.sent("ACK").length, scene.sent("BYE").length]).toEqual([
      0, 1, 1,
    ]);
    scene.respond("BYE", "200 OK", "p");
    expect(field(scene.app.texts.at(-1) ?? "", "Reason")).toContain("cancel race");
    scene.clean();
  });

  test("a peer that answers nothing to INVITE after the CANCEL: 487 for the app after 32 s", () => {
    const scene = calling();
    scene.respond("INVITE", "180 Ringing", "p");
    cancel(scene);
    scene.network.clock.advance(33_000);
    expect(scene.app.answers("INVITE")).toEqual(["487"]);
    scene.clean();
  });

  test("a CANCEL from the network after our 200 changes nothing", () => {
    const scene = call();
    expect(scene.right.core.context.dialogs.size).toBe(1);
    const peer = bare();
    peer.say("INVITE", 1, TO, "", SDP);
    peer.cancel(1);
    expect(peer.status("1 CANCEL")).toBe("200");
    expect([peer.status("1 INVITE"), peer.left.core.context.dialogs.size]).toEqual(["200", 1]);
    scene.over();
  });
});

/** Long lives, forks, glare and ends of dialogs under a fake clock. */
import { expect, test } from "bun:test";
import { App, host, Network } from "./fake-network.ts";
import { hopTo } from "./routing.ts";

const LEFT = "192.0.2.1";
const RIGHT = "192.0.2.2";
const SDP = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n";

const pick = (text: string, name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(text)?.[1]?.trim() ?? "";

/** An app that answers every request with 200 and acknowledges every 2xx, and keeps all it saw. */
function obliging(extra200 = ""): App & { texts: string[]; dlg: string; told: string[] } {
  const app = Object.assign(new App(), { texts: [] as string[], dlg: "", told: [] as string[] });
  app.handler = (fields, text) => {
    const [source, , , , , , txn = "", dlg = ""] = fields;
    app.texts.push(text);
    app.told.push(`${source} ${text.split("\r\n")[0]}`);
    if (dlg !== "") app.dlg = dlg;
    const method = /^([A-Z]+) /.exec(text)?.[1];
    if (method && method !== "ACK" && method !== "CANCEL" && txn !== "unsolicited") {
      const reply = app.say(
        `${txn}|${dlg}`,
        `SIP/2.0 200 OK\r\n${method === "INVITE" ? extra200 : ""}\r\n${method === "INVITE" ? SDP : ""}`,
      );
      if (method === "INVITE") app.dlg = reply.split("|")[8] ?? app.dlg;
    }
    if (/^SIP\/2.0 2/.test(text) && /INVITE$/.test(pick(text, "CSeq")))
      app.say(`|${dlg}`, "ACK sip:placeholder SIP/2.0\r\n\r\n");
  };
  return app;
}

/** A call between two engines. */
function call(extra200 = "", cdr = false) {
  const network = new Network();
  const caller = obliging();
  const callee = obliging(extra200);
  const left = host(network, LEFT, caller, { cdr });
  const right = host(network, RIGHT, callee, { cdr });
  const invite = `INVITE sip:bob@${RIGHT} SIP/2.0\r\nSupported: timer\r\nContact: <sip:a@${LEFT}>\r\n\r\n${SDP}`;
  caller.say("||", invite);
  network.clock.advance(100);
  return { network, caller, callee, left, right };
}

function expectOver(scene: Pick<ReturnType<typeof call>, "network" | "left" | "right">): void {
  scene.network.clock.advance(120_000);
  for (const side of [scene.left, scene.right]) {
    expect([
      side.core.context.dialogs.size,
      side.wheel.size,
      side.layer.clientCount,
      side.layer.serverCount,
    ]).toEqual([0, 0, 0, 0]);
  }
}

const reinvites = (network: Network) => network.log.filter((line) => line.includes(" INVITE ")).length - 1;

test("a session of ours is refreshed at half time for as long as the call lasts (RFC 4028 §7.4)", () => {
  const scene = call("Session-Expires: 90;refresher=uac\r\nRequire: timer\r\n");
  scene.network.clock.advance(600_000);
  expect(reinvites(scene.network)).toBeGreaterThanOrEqual(11);
  expect(reinvites(scene.network)).toBeLessThanOrEqual(15);
  // The refresh carries our last SDP, so that nothing changes for the peer.
  expect(scene.callee.texts.findLast((text) => text.startsWith("INVITE"))).toContain(SDP);
  // The app of the refresher hears nothing of it.
  expect(scene.caller.told.filter((line) => line.startsWith("network"))).toEqual(["network SIP/2.0 200 OK"]);
  scene.caller.say(`|${scene.caller.dlg}`, "BYE sip:placeholder SIP/2.0\r\n\r\n");
  expectOver(scene);
});

test("the called side refreshes when that was agreed", () => {
  const scene = call("Session-Expires: 120;refresher=uas\r\n");
  scene.network.clock.advance(300_000);
  expect(
    scene.network.log.filter((line) => line.startsWith(`${RIGHT}>${LEFT} INVITE`)).length,
  ).toBeGreaterThanOrEqual(4);
  expect(scene.left.core.context.dialogs.size).toBe(1);
  scene.callee.say(`|${scene.callee.dlg}`, "BYE sip:placeholder SIP/2.0\r\n\r\n");
  expectOver(scene);
});

test("a refused refresh: the call lasts until its session ends, then both sides hear of it", () => {
  const scene = call("Session-Expires: 90;refresher=uac\r\n");
  scene.callee.handler = (fields, text) => {
    const status = text.startsWith("INVITE") ? "488 No" : "200 OK";
    scene.callee.say(`${fields[6]}|${fields[7]}`, `SIP/2.0 ${status}\r\n\r\n`);
  };
  scene.network.clock.advance(60_000);
  expect(scene.caller.told.at(-1)).toStartWith("application BYE");
  expect(pick(scene.caller.texts.at(-1) ?? "", "Reason")).toContain("Session timer expired");
  expectOver(scene);
});

/** A peer of few words for one engine: `answer` makes its texts from the requests it gets. */
function peerOf(
  answer: (text: string, reply: (status: string, tag: string, extra?: string) => void) => void,
) {
  const network = new Network();
  const app = obliging();
  const got: string[] = [];
  const left = host(network, LEFT, app);
  const send = network.peer(RIGHT, (text) => {
    got.push(text);
    answer(text, (status, tag, extra = "") => {
      const to = pick(text, "To");
      const lines = ["Via", "From", "Call-ID", "CSeq"].map((name) => `${name}: ${pick(text, name)}`);
      const tagged = to.includes("tag=") ? to : `${to};tag=${tag}`;
      send(
        LEFT,
        `SIP/2.0 ${status}\r\n${lines.join("\r\n")}\r\nTo: ${tagged}\r\n${extra}Content-Length: 0\r\n\r\n`,
      );
    });
  });
  return { network, app, left, got, send };
}

test("a refresh that is challenged: an UPDATE of the app in time keeps the call; 481 ends it at once", () => {
  const session = "Session-Expires: 90;refresher=uac\r\n";
  const refreshed = (status: string) => {
    const scene = peerOf((text, reply) => {
      const again = text.startsWith("INVITE") && pick(text, "To").includes("tag=");
      if (text.startsWith("INVITE"))
        reply(again ? status : "200 OK", "p", again ? "" : `${CONTACT}${session}`);
      if (text.startsWith("UPDATE")) reply("200 OK", "p", `${CONTACT}${session}`);
      if (text.startsWith("BYE")) reply("200 OK", "p");
    });
    scene.app.say("||", `INVITE sip:bob@${RIGHT} SIP/2.0\r\nSupported: timer\r\n\r\n`);
    scene.network.clock.advance(52_000);
    return scene;
  };
  const challenged = refreshed("401 Unauthorized");
  expect(challenged.left.core.context.dialogs.size).toBe(1);
  challenged.app.say(`|${challenged.app.dlg}`, "UPDATE sip:placeholder SIP/2.0\r\n\r\n");
  challenged.network.clock.advance(30_000);
  expect(challenged.left.core.context.dialogs.size).toBe(1);
  expect(refreshed("481 Call Does Not Exist").left.core.context.dialogs.size).toBe(0);
});

const CONTACT = `Contact: <sip:bob@${RIGHT}>\r\n`;

test("a peer that promised to refresh and does not: BYE and a word to the app", () => {
  const scene = peerOf((text, reply) => {
    if (text.startsWith("INVITE")) reply("200 OK", "p", `${CONTACT}Session-Expires: 90;refresher=uas\r\n`);
    if (text.startsWith("BYE")) reply("200 OK", "p");
  });
  scene.app.say("||", `INVITE sip:bob@${RIGHT} SIP/2.0\r\n\r\n`);
  scene.network.clock.advance(55_000);
  expect(scene.left.core.context.dialogs.size).toBe(1);
  scene.network.clock.advance(10_000);
  expect(scene.got.at(-1)).toStartWith("BYE");
  expect(pick(scene.app.texts.at(-1) ?? "", "Reason")).toContain("Session timer expired");
  scene.network.clock.advance(120_000);
  expect(scene.left.core.context.dialogs.size + scene.left.wheel.size).toBe(0);
});

test("two phones behind a fork answer: the first is the call, the second gets ACK and BYE", () => {
  const scene = peerOf((text, reply) => {
    if (text.startsWith("INVITE")) {
      reply("200 OK", "one", CONTACT);
      reply("200 OK", "two", CONTACT);
      reply("200 OK", "two", CONTACT);
    }
    if (text.startsWith("BYE")) reply("200 OK", "");
  });
  scene.app.say("||", `INVITE sip:bob@${RIGHT} SIP/2.0\r\n\r\n`);
  scene.network.clock.advance(1_000);
  expect(scene.app.told.filter((line) => line.includes("SIP/2.0 200"))).toEqual(["network SIP/2.0 200 OK"]);
  const tags = (method: string) =>
    scene.got
      .filter((text) => text.startsWith(method))
      .map((text) => /tag=(\w+)/.exec(pick(text, "To"))?.[1]);
  expect(tags("ACK").sort()).toEqual(["one", "two", "two"]);
  expect(tags("BYE")).toEqual(["two"]);
  expect(scene.left.core.context.dialogs.size).toBe(1);
});

/** An established call in which the peer is the caller; its app answers only what it is told to. */
function calledBy() {
  const scene = peerOf((text, reply) => {
    if (/^(INFO|BYE|NOTIFY)/.test(text)) reply("200 OK", "");
  });
  const request = (method: string, cseq: number, body = "", to = `<sip:bob@${LEFT}>`) =>
    `${method} sip:bob@${LEFT} SIP/2.0\r\nVia: SIP/2.0/UDP ${RIGHT};branch=z9hG4bK${method}${cseq}\r\nMax-Forwards: 70\r\n` +
    `From: <sip:p@${RIGHT}>;tag=p\r\nTo: ${to}\r\nCall-ID: c1\r\nCSeq: ${cseq} ${method}\r\nContact: <sip:p@${RIGHT}>\r\n` +
    `${body === "" ? "" : "Content-Type: application/sdp\r\n"}Content-Length: ${body.length}\r\n\r\n${body}`;
  scene.send(LEFT, request("INVITE", 1, SDP));
  scene.network.clock.advance(100);
  const to = pick(scene.got.find((text) => text.startsWith("SIP/2.0 200")) ?? "", "To");
  scene.send(LEFT, request("ACK", 1, "", to));
  scene.network.clock.advance(100);
  scene.app.handler = (fields, text) => {
    scene.app.texts.push(text);
    scene.app.told.push(`${fields[6]} ${text.split("\r\n")[0]}`);
  };
  const statusOf = (cseq: string) =>
    scene.got
      .filter((text) => pick(text, "CSeq") === cseq)
      .map((text) => text.slice(8, 11))
      .filter((s) => s !== "100");
  const ask = (method: string, cseq: number, body = "") => {
    scene.send(LEFT, request(method, cseq, body, to));
    scene.network.clock.advance(100);
    return statusOf(`${cseq} ${method}`);
  };
  return { ...scene, ask };
}

test("a second UPDATE while one is open: 500 with Retry-After (RFC 3311 §5.2)", () => {
  const scene = calledBy();
  expect(scene.ask("UPDATE", 2, SDP)).toEqual([]);
  expect(scene.ask("UPDATE", 3, SDP)).toEqual(["500"]);
  expect(Number(pick(scene.got.at(-1) ?? "", "Retry-After"))).toBeWithin(0, 11);
});

test("offers that cross ours: 491 for re-INVITE and UPDATE", () => {
  const scene = calledBy();
  scene.app.say(`|${scene.app.dlg}`, `INVITE sip:placeholder SIP/2.0\r\n\r\n${SDP}`);
  scene.network.clock.advance(100);
  expect(scene.ask("INVITE", 2, SDP)).toEqual(["491"]);
  expect(scene.ask("UPDATE", 3, SDP)).toEqual(["491"]);
  // One without an offer collides with nothing.
  expect(scene.ask("UPDATE", 4)).toEqual([]);
});

test("an old CSeq is refused with 500", () => {
  const scene = calledBy();
  expect(scene.ask("INFO", 5)).toEqual([]);
  expect(scene.ask("MESSAGE", 4)).toEqual(["500"]);
});

test("REFER in a dialog: 202, then NOTIFY with the progress, all in the call's dialog", () => {
  const scene = call();
  scene.callee.handler = (fields, text) => {
    scene.callee.texts.push(text);
    const status = text.startsWith("REFER") ? "202 Accepted" : "200 OK";
    if (/^[A-Z]+ /.test(text)) scene.callee.say(`${fields[6]}|${fields[7]}`, `SIP/2.0 ${status}\r\n\r\n`);
  };
  const sent = scene.caller.say(
    `|${scene.caller.dlg}`,
    "REFER sip:placeholder SIP/2.0\r\nRefer-To: <sip:carol@192.0.2.9>\r\n\r\n",
  );
  expect(sent).toStartWith("OK");
  scene.network.clock.advance(50);
  expect(scene.caller.told.at(-1)).toBe("network SIP/2.0 202 Accepted");
  expect(pick(scene.callee.texts.findLast((text) => text.startsWith("REFER")) ?? "", "Refer-To")).toBe(
    "<sip:carol@192.0.2.9>",
  );
  scene.callee.say(
    `|${scene.callee.dlg}`,
    "NOTIFY sip:placeholder SIP/2.0\r\nEvent: refer\r\nSubscription-State: terminated;reason=noresource\r\nContent-Type: message/sipfrag\r\n\r\nSIP/2.0 200 OK",
  );
  scene.network.clock.advance(50);
  expect(scene.caller.texts.at(-1)).toContain("\r\n\r\nSIP/2.0 200 OK");
  // A finished transfer report ends its subscription, not the call.
  expect([scene.left.core.context.dialogs.size, scene.right.core.context.dialogs.size]).toEqual([1, 1]);
  scene.caller.say(`|${scene.caller.dlg}`, "BYE sip:placeholder SIP/2.0\r\n\r\n");
  expectOver(scene);
});

test("BYE while our re-INVITE is open: it is cancelled first, nothing is left", () => {
  const scene = call();
  const serve = scene.callee.handler;
  scene.callee.handler = (fields, text) => {
    if (text.startsWith("INVITE"))
      scene.callee.say(`${fields[6]}|${fields[7]}`, "SIP/2.0 180 Ringing\r\n\r\n");
    else serve(fields, text);
  };
  const before = scene.network.log.length;
  scene.caller.say(`|${scene.caller.dlg}`, `INVITE sip:placeholder SIP/2.0\r\n\r\n${SDP}`);
  scene.network.clock.advance(100);
  scene.caller.say(`|${scene.caller.dlg}`, "BYE sip:placeholder SIP/2.0\r\n\r\n");
  scene.network.clock.advance(100);
  const sent = scene.network.log.slice(before).filter((line) => line.startsWith(LEFT));
  const methods = sent.map((line) => line.split(" ")[1]);
  expect(methods.slice(0, 3)).toEqual(["INVITE", "CANCEL", "BYE"]);
  expect(scene.caller.told).toContain("network SIP/2.0 487 Request Terminated");
  expectOver(scene);
});

test("call records: attempt, start and stop with source, role and reason", () => {
  const scene = call("", true);
  scene.caller.say(`|${scene.caller.dlg}`, "BYE sip:placeholder SIP/2.0\r\n\r\n");
  scene.network.clock.advance(100);
  const told = (events: string[]) => events.map((leader) => leader.replace(/\|\d\d:[\d:.]+/, ""));
  expect(told(scene.caller.events)).toEqual([
    "cdr:attempt|application",
    "cdr:start|network|uac",
    "cdr:stop|application|normal-release",
  ]);
  expect(told(scene.callee.events)).toEqual([
    "cdr:attempt|network",
    "cdr:start|application|uas",
    "cdr:stop|network|normal-release",
  ]);
});

test("the first address of a name says nothing: after 32 s the second is asked (RFC 3263 §4.3)", async () => {
  const network = new Network();
  const caller = obliging();
  const ways = [hopTo("udp", "192.0.2.66", 5060), hopTo("udp", RIGHT, 5060)];
  host(network, LEFT, caller, { resolve: async () => ways });
  host(network, RIGHT, obliging());
  caller.say("||", "MESSAGE sip:bob@carrier.test SIP/2.0\r\nContent-Type: text/plain\r\n\r\nhi");
  await Promise.resolve();
  network.clock.advance(31_000);
  expect(caller.told).toEqual([]);
  network.clock.advance(2_000);
  expect(caller.told).toEqual(["network SIP/2.0 200 OK"]);
});

/** An engine that knows a name with two addresses, and what the peers there are and do. */
function twoAddresses(first: (text: string, reply: (status: string, tag?: string) => void) => void) {
  const network = new Network();
  const caller = obliging();
  const ways = [hopTo("udp", "192.0.2.66", 5060), hopTo("udp", RIGHT, 5060)];
  const left = host(network, LEFT, caller, { resolve: async () => ways });
  const callee = obliging();
  const right = host(network, RIGHT, callee);
  const heard: string[] = [];
  const send = network.peer("192.0.2.66", (text) => {
    heard.push(text);
    first(text, (status, tag = "slow") => {
      const lines = ["Via", "From", "Call-ID", "CSeq"].map((name) => `${name}: ${pick(text, name)}`);
      const head = [`SIP/2.0 ${status}`, ...lines, `To: ${pick(text, "To").split(";tag")[0]};tag=${tag}`];
      const contact = "Contact: <sip:slow@192.0.2.66>";
      network.wheel.after(1, () => send(LEFT, [...head, contact, "Content-Length: 0", "", ""].join("\r\n")));
    });
  });
  const dial = async () => {
    caller.say("||", `INVITE sip:bob@carrier.test SIP/2.0\r\nContact: <sip:a@${LEFT}>\r\n\r\n${SDP}`);
    await Promise.resolve();
  };
  return { network, caller, callee, left, right, heard, dial };
}

test("a call waits 2.5 s for an address that says nothing, then the next one has it; the one after goes there at once", async () => {
  const scene = twoAddresses(() => {});
  await scene.dial();
  scene.network.clock.advance(2_400);
  expect(scene.callee.told).toEqual([]);
  scene.network.clock.advance(200);
  expect(scene.caller.told).toEqual(["network SIP/2.0 200 OK"]);
  const asked = scene.heard.length;
  await scene.dial();
  scene.network.clock.advance(100);
  expect(scene.caller.told).toHaveLength(2);
  // The first call goes on being offered to the silent address; the second never was.
  expect(new Set(scene.heard.map((text) => pick(text, "Call-ID"))).size).toBe(1);
  expect(asked).toBeGreaterThan(1);
  scene.network.clock.advance(60_000);
  expect([scene.left.layer.clientCount, scene.left.core.context.dialogs.size]).toEqual([0, 2]);
});

test("an address that was passed over and speaks up is told to stop, and released when it answers", async () => {
  for (const late of ["ringing", "answer"] as const) {
    let reply: ((status: string) => void) | undefined;
    const scene = twoAddresses((text, answer) => {
      if (text.startsWith("INVITE")) reply = answer;
      if (text.startsWith("CANCEL")) {
        answer("200 OK");
        reply?.("487 Request Terminated");
      }
      if (text.startsWith("BYE")) answer("200 OK");
    });
    await scene.dial();
    scene.network.clock.advance(2_600);
    expect(scene.caller.told).toEqual(["network SIP/2.0 200 OK"]);
    reply?.(late === "ringing" ? "180 Ringing" : "200 OK");
    if (late === "ringing") reply?.("183 Session Progress");
    scene.network.clock.advance(2_000);
    const methods = scene.heard.map((text) => text.split(" ")[0]).filter((method) => method !== "INVITE");
    expect(methods).toEqual(late === "ringing" ? ["CANCEL", "ACK"] : ["ACK", "BYE"]);
    // The app knows of one call, and it stands.
    expect(scene.caller.told).toEqual(["network SIP/2.0 200 OK"]);
    expect(scene.left.core.context.dialogs.size).toBe(1);
    scene.caller.say(`|${scene.caller.dlg}`, "BYE sip:placeholder SIP/2.0\r\n\r\n");
    expectOver(scene);
  }
});

import { describe, expect, test } from "bun:test";
import { exchange, extension, intoQueue, trunk } from "./fake-office.ts";

describe("inbound", () => {
  test("menu, queue, agent, talk, hang-up by the caller", async () => {
    const x = exchange();
    const caller = await intoQueue(x);
    const agent = x.dialledTo("1001");
    x.ringing(agent);
    await x.pass(2000);
    expect(x.board.state(1).state).toBe("ringing");
    x.answer(agent);
    await x.settle();
    expect(x.board.state(1).state).toBe("talking");
    expect(x.hears.get(caller)).toEqual([agent]);
    expect(x.hears.get(agent)).toEqual([caller]);
    expect(x.recordings[0]).toMatchObject({ left: caller, right: agent });
    await x.pass(10_000);
    x.ended(caller, "normal", "remote");
    await x.settle();
    expect(x.last("journey.ended")?.data).toMatchObject({ cause: "normal", by: "caller" });
    expect(x.last("queue.left")?.data).toMatchObject({ reason: "answered", agentId: 1 });
    expect(x.kinds().at(-1)).toBe("journey.ended");
    expect(x.legs.size).toBe(0);
    expect(x.centre.size).toBe(0);
    expect(x.board.state(1).state).toBe("acw");
    await x.pass(5000);
    expect(x.board.state(1).state).toBe("idle");
  });

  test("an agent who does not answer is followed by the next", async () => {
    const x = exchange();
    await intoQueue(x);
    x.ringing(x.dialledTo("1001"));
    x.ended(x.dialledTo("1001"), "no-answer", "system", 408);
    await x.settle();
    expect(x.last("offer.missed")?.data).toMatchObject({ agentId: 1, reason: "no-answer" });
    expect(x.dialledTo("1002")).toBeDefined();
    expect(x.board.state(1).state).toBe("idle");
  });

  test("auto-pause shows why", async () => {
    const x = exchange({ group: { autoPause: true } });
    await intoQueue(x);
    x.ended(x.dialledTo("1001"), "declined", "remote", 603);
    await x.settle();
    expect(x.board.state(1)).toMatchObject({ state: "paused", reason: "no-answer" });
    expect(x.last("offer.missed")?.data.reason).toBe("declined");
  });

  test("ring-all: the first to answer wins, the others stop", async () => {
    const x = exchange({ group: { strategy: "ring-all" } });
    await intoQueue(x);
    const [one, two] = [x.dialledTo("1001"), x.dialledTo("1002")];
    x.ringing(one);
    x.ringing(two);
    x.answer(two);
    await x.settle();
    expect(x.legs.has(one)).toBe(false);
    expect(x.facts.filter((f) => f.kind === "offer.missed").map((f) => f.data)).toMatchObject([
      { agentId: 1, reason: "taken-by-another" },
    ]);
    expect(x.board.state(1).state).toBe("idle");
    expect(x.board.state(2).state).toBe("talking");
  });

  test("abandoned in the menu, in the queue, while ringing", async () => {
    const inMenu = exchange();
    const first = inMenu.call(trunk, "02155501000", "1");
    await inMenu.settle();
    inMenu.ended(first, "normal", "remote");
    await inMenu.settle();
    expect(inMenu.last("journey.ended")?.data).toMatchObject({ cause: "caller-hung-up-early", by: "caller" });
    expect(inMenu.last("flow.left")?.data.outcome).toBe("hangup");

    const inQueue = exchange({ group: { joinEmpty: true }, signedIn: [] });
    const second = await intoQueue(inQueue);
    inQueue.ended(second, "normal", "remote");
    await inQueue.settle();
    expect(inQueue.last("queue.left")?.data.reason).toBe("abandoned");

    const ringing = exchange();
    const third = await intoQueue(ringing);
    ringing.ringing(ringing.dialledTo("1001"));
    ringing.ended(third, "normal", "remote");
    await ringing.settle();
    expect(ringing.last("offer.missed")?.data.reason).toBe("caller-left");
    expect(ringing.legs.size).toBe(0);
    expect(ringing.board.state(1).state).toBe("idle");
  });

  test("queue time-out, full, nobody signed in", async () => {
    const late = exchange({ group: { joinEmpty: true, maxWaitS: 20 }, signedIn: [] });
    await intoQueue(late);
    await late.pass(20_500);
    expect(late.last("journey.ended")?.data).toMatchObject({ cause: "queue-timeout", by: "system" });

    const empty = exchange({ signedIn: [] });
    await intoQueue(empty);
    expect(empty.last("journey.ended")?.data.cause).toBe("empty-queue-refused");

    const full = exchange({ group: { joinEmpty: true, capacity: 1 }, signedIn: [] });
    await intoQueue(full);
    await intoQueue(full);
    expect(full.last("journey.ended")?.data.cause).toBe("queue-overflow");
    expect(full.centre.size).toBe(1);
  });

  test("unknown number 404, blacklisted caller 603, disabled number 480", async () => {
    const x = exchange();
    x.call(trunk, "123", "1");
    await x.settle();
    expect(x.refused.at(-1)?.status).toBe(404);
    x.office = { ...x.office, blacklist: new Set(["666"]) };
    x.call(trunk, "02155501000", "666");
    await x.settle();
    expect(x.refused.at(-1)?.status).toBe(603);
    expect(x.last("journey.ended")?.data.cause).toBe("blacklist");
    x.office = { ...x.office, dids: x.office.dids.map((did) => ({ ...did, enabled: false })) };
    x.call(trunk, "02155501000", "1");
    await x.settle();
    expect(x.refused.at(-1)?.status).toBe(480);
  });

  test("the longest waiting caller gets the next free agent", async () => {
    const x = exchange({ signedIn: [1] });
    await intoQueue(x);
    const busy = x.dialledTo("1001");
    x.answer(busy);
    await x.settle();
    const older = await intoQueue(x);
    await x.pass(1000);
    await intoQueue(x);
    x.ended(busy, "normal", "remote");
    await x.pass(6000);
    x.answer(x.dialledTo("1001"));
    await x.settle();
    expect(x.hears.get(older)).toEqual([x.dialledTo("1001")]);
  });
});

describe("inside and out", () => {
  test("extension to extension; both sides end; declined is told to the caller", async () => {
    const x = exchange();
    const caller = x.call(extension(1), "1002", "1001");
    await x.settle();
    x.ringing(x.dialledTo("1002"));
    x.answer(x.dialledTo("1002"));
    await x.settle();
    expect(x.hears.get(caller)).toEqual([x.dialledTo("1002")]);
    expect(x.board.state(1).state).toBe("busy");
    x.ended(x.dialledTo("1002"), "normal", "remote");
    await x.settle();
    expect(x.last("journey.ended")?.data).toMatchObject({ cause: "normal", by: "callee" });
    x.call(extension(1), "1002", "1001");
    await x.settle();
    x.ended(x.dialledTo("1002"), "busy", "remote", 486);
    await x.settle();
    expect(x.refused.at(-1)?.status).toBe(486);
    expect(x.last("journey.ended")?.data).toMatchObject({
      cause: "callee-busy",
      by: "callee",
      sipStatus: 486,
    });
  });

  test("outside through the trunk, rewritten; emergency numbers even for a disabled agent", async () => {
    const x = exchange();
    x.call(extension(1), "913900000000", "1001");
    await x.settle();
    expect(x.dialled.at(-1)).toMatchObject({ target: { kind: "trunk", number: "13900000000" } });
    x.call(extension(3), "110", "1003");
    await x.settle();
    expect(x.dialled.at(-1)?.target.number).toBe("110");
    x.call(extension(3), "1001", "1003");
    await x.settle();
    expect(x.refused.at(-1)?.status).toBe(403);
  });

  test("a line that is full, silent or broken gives way to the next; what the called party says is final", async () => {
    const x = exchange();
    const lines = new Map([
      [1, { id: 1, name: "first", enabled: true, maxCalls: 0, nextTrunkId: 2 }],
      [2, { id: 2, name: "second", enabled: true, maxCalls: 0, nextTrunkId: 1 }],
    ]);
    x.office = { ...x.office, trunks: lines };
    const dialled = () =>
      x.dialled.map((spec) => [spec.target.kind === "trunk" && spec.target.trunkId, spec.onlyIfUp]);
    x.call(extension(1), "913900000000", "1001");
    await x.settle();
    x.ended(x.dialled.at(-1)?.leg ?? "", "congestion", "system");
    await x.settle();
    expect(dialled()).toEqual([
      [1, true],
      [2, false],
    ]);
    x.answer(x.dialled.at(-1)?.leg ?? "");
    await x.settle();
    const created = x.facts.filter((fact) => fact.kind === "leg.created" && fact.data.role === "external");
    expect(created.map((fact) => fact.kind === "leg.created" && fact.data.trunkId)).toEqual([1, 2]);
    // Busy on the first line is busy.
    x.call(extension(2), "913900000001", "1002");
    await x.settle();
    x.ended(x.dialled.at(-1)?.leg ?? "", "busy", "remote", 486);
    await x.settle();
    expect(x.dialled).toHaveLength(3);
    expect(x.last("journey.ended")?.data).toMatchObject({ cause: "callee-busy", sipStatus: 486 });
    // Both broken: the end tells of the last.
    x.call(extension(2), "913900000002", "1002");
    await x.settle();
    x.ended(x.dialled.at(-1)?.leg ?? "", "timeout", "system", 408);
    await x.settle();
    x.ended(x.dialled.at(-1)?.leg ?? "", "congestion", "remote", 503);
    await x.settle();
    expect(x.dialled).toHaveLength(5);
    expect(x.last("journey.ended")?.data).toMatchObject({ sipStatus: 503 });
  });

  test("a call sent on to the outside says who called in the first place", async () => {
    const x = exchange();
    const [number] = x.office.dids;
    if (number === undefined) throw new Error("no number");
    x.office = {
      ...x.office,
      dids: [{ ...number, destination: { type: "external", number: "913900000000" } }],
    };
    x.call(trunk, "02155501000", "13800138000");
    await x.settle();
    expect(x.dialled.at(-1)).toMatchObject({
      callerNumber: "02155501000",
      forwardedFor: { number: "13800138000", reason: "unconditional" },
    });
    x.call(extension(1), "913900000000", "1001");
    await x.settle();
    expect(x.dialled.at(-1)?.forwardedFor).toBeUndefined();
  });

  test("a queue that sends callers outside says why: full, waited too long, nobody there", async () => {
    const overflow = { type: "external", number: "913900000000" } as const;
    const joinEmpty = { joinEmpty: true, overflow };
    const why = (x: ReturnType<typeof exchange>) => x.dialled.at(-1)?.forwardedFor?.reason;
    const late = exchange({ group: { ...joinEmpty, maxWaitS: 20 }, signedIn: [] });
    await intoQueue(late);
    await late.pass(20_500);
    expect(why(late)).toBe("no-answer");
    const empty = exchange({ group: { overflow }, signedIn: [] });
    await intoQueue(empty);
    expect(why(empty)).toBe("unavailable");
    const full = exchange({ group: { ...joinEmpty, capacity: 1 }, signedIn: [] });
    await intoQueue(full);
    await intoQueue(full);
    expect(why(full)).toBe("user-busy");
  });

  test("a transfer to the outside says who is transferred, with no reason it does not have", async () => {
    const outside = { callerNumber: "1001", target: { number: "13900000000" } };
    const refer = async (x: ReturnType<typeof exchange>, leg: string) => {
      x.answer(x.dialled.at(-1)?.leg ?? "");
      await x.settle();
      x.tell({ type: "transfer-requested", leg, to: "913900000000", at: x.clock.now() });
      await x.settle();
      return x.dialled.at(-1);
    };
    const inward = exchange();
    await intoQueue(inward);
    const agent = inward.dialledTo("1001");
    expect(await refer(inward, agent)).toMatchObject({
      ...outside,
      forwardedFor: { number: "13800138000", reason: "unknown" },
    });
    // Who was called from here is known by its own number, not by that of the phone that called it.
    const outward = exchange();
    const phone = outward.call(extension(1), "913700000000", "1001");
    await outward.settle();
    expect(await refer(outward, phone)).toMatchObject({
      ...outside,
      forwardedFor: { number: "13700000000", reason: "unknown" },
    });
  });

  test("hold, blind transfer", async () => {
    const x = exchange();
    const caller = await intoQueue(x);
    const agent = x.dialledTo("1001");
    x.answer(agent);
    await x.settle();
    x.tell({ type: "held", leg: agent, at: x.clock.now() });
    expect(x.board.state(1).state).toBe("on-hold");
    x.tell({ type: "resumed", leg: agent, at: x.clock.now() });
    expect(x.board.state(1).state).toBe("talking");
    x.tell({ type: "transfer-requested", leg: agent, to: "1002", at: x.clock.now() });
    await x.settle();
    const second = x.dialledTo("1002");
    x.answer(second);
    await x.settle();
    expect(x.legs.has(agent)).toBe(false);
    expect(x.hears.get(caller)).toEqual([second]);
    x.ended(second, "normal", "remote");
    await x.settle();
    expect(x.kinds().filter((kind) => kind === "bridge.joined").length).toBe(2);
    expect(x.last("journey.ended")?.data.cause).toBe("normal");
  });
});

describe("codes and faults", () => {
  test("sign in by code asks for the PIN; a wrong one signs nobody in", async () => {
    const x = exchange({ signedIn: [] });
    x.pins.set(1, "42");
    const leg = x.call(extension(1), "*45", "1001");
    await x.settle();
    for (const key of "13#") x.digit(leg, key);
    await x.settle();
    expect(x.board.groupsOf(1)).toEqual([]);
    for (const key of "42#") x.digit(leg, key);
    await x.settle();
    expect(x.board.groupsOf(1)).toEqual([1]);
    const words = x.plays.at(-1);
    x.media({ type: "play-finished", leg, play: words?.play ?? "", outcome: "completed", ms: 1, at: 0 });
    await x.settle();
    expect(x.last("feature.used")?.data).toMatchObject({ code: "*45", result: "signed in" });
    expect(x.legs.size).toBe(0);
  });

  test("a dialog that vanished frees the agent and closes the call", async () => {
    const x = exchange();
    const caller = await intoQueue(x);
    const agent = x.dialledTo("1001");
    x.answer(agent);
    await x.settle();
    x.legs.delete(caller);
    for (let n = 0; n < 3; n++) {
      x.centre.reconcile();
      await x.pass(1000);
    }
    expect(x.last("journey.ended")?.data).toMatchObject({ cause: "system-lost", by: "system" });
    expect(x.legs.size).toBe(0);
    expect(["acw", "idle"]).toContain(x.board.state(1).state);
  });

  test("lost media ends the calls it carried", async () => {
    const x = exchange();
    const caller = await intoQueue(x);
    x.answer(x.dialledTo("1001"));
    await x.settle();
    x.media({ type: "media-lost", legs: [caller, x.dialledTo("1001")], at: 0 });
    await x.settle();
    expect(x.last("journey.ended")?.data).toMatchObject({ cause: "media-failure", by: "system" });
    expect(x.centre.size).toBe(0);
  });
});

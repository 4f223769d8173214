import { describe, expect, test } from "bun:test";
import { UnsupportedMediaError } from "../media/errors.ts";
import { answerChallenge, parseChallenges } from "../srf/digest.ts";
import { FakeRequest, fakeReply } from "../srf/fake.ts";
import { dial, fromPhone, fromTrunk, SDP, settle, setUp, toTrunk } from "./test-support.ts";

describe("incoming legs", () => {
  test("a trunk's call rings, is answered and ended by the caller: one ended, channel given back", async () => {
    const { stack, legs, events, media, trunks, types } = setUp();
    const invite = stack.receive(fromTrunk());
    const leg = events[0]?.leg ?? "";
    expect(events[0]).toMatchObject({
      dialled: "4001",
      callerNumber: "138",
      source: { kind: "trunk", trunkId: 7 },
    });
    expect(trunks.state(7)?.callsNow).toBe(1);
    await legs.ring(leg);
    await legs.answer(leg);
    expect(invite.statuses).toEqual([180, 200]);
    expect(legs.alive()).toMatchObject([{ leg, state: "answered" }]);
    invite.dialog?.handlers?.onEnd({ by: "remote", reason: "" });
    legs.hangup(leg);
    await settle();
    expect(types()).toEqual(["incoming", "answered", "ended"]);
    expect(events.at(-1)).toMatchObject({ cause: "normal", by: "remote" });
    expect(media.released).toEqual([leg]);
    expect(trunks.state(7)?.callsNow).toBe(0);
  });

  test("more calls than the trunk has channels get 503 and no leg", () => {
    const { stack, events } = setUp();
    stack.receive(fromTrunk());
    expect(stack.receive(fromTrunk(SDP, { "Call-ID": "second" })).statuses).toEqual([503]);
    expect(events).toHaveLength(1);
  });

  test("early media is a 183 with SDP and the answer repeats it", async () => {
    const { stack, legs, events } = setUp();
    const invite = stack.receive(fromTrunk());
    const leg = events[0]?.leg ?? "";
    await legs.ring(leg, { earlyMedia: true });
    await legs.answer(leg);
    expect(invite.responses.map((r) => [r.status, r.options.body])).toEqual([
      [183, `answer:${SDP.length}`],
      [200, `answer:${SDP.length}`],
    ]);
  });

  test("a cancelled call ends once and cannot be answered any more", async () => {
    const { stack, legs, events } = setUp();
    const invite = stack.receive(fromTrunk());
    invite.cancel();
    expect(events.at(-1)).toMatchObject({ type: "ended", cause: "cancelled", by: "remote" });
    await expect(legs.answer(events[0]?.leg ?? "")).rejects.toThrow("not there");
    expect(invite.statuses).toEqual([]);
  });

  test("SDP without audio, codec or keys that can be used is 488 at once, with the reason", () => {
    const { stack, events, trunks } = setUp();
    for (const [sdp, warning] of [
      ["v=0\r\nm=video 4000 RTP/AVP 8\r\n", '304 zongji "no audio stream"'],
      ["v=0\r\nm=audio 0 RTP/AVP 8\r\n", '304 zongji "no audio stream"'],
      ["v=0\r\nm=audio 4000 RTP/AVP 99\r\n", '305 zongji "no known codec among none"'],
      ["v=0\r\nm=audio 4000 RTP/SAVP 8\r\n", '302 zongji "no usable SRTP key"'],
    ] as const) {
      const invite = stack.receive(fromTrunk(sdp));
      expect(invite.statuses).toEqual([488]);
      expect(invite.responses[0]?.options.headers).toEqual({ Warning: warning });
    }
    expect(events).toEqual([]);
    expect(trunks.state(7)?.callsNow).toBe(0);
  });

  test("media that fails at the answer: 488 to the caller, the leg has ended", async () => {
    const { stack, legs, events, media } = setUp();
    media.acceptOffer = async () => {
      throw new UnsupportedMediaError("no common codec");
    };
    const invite = stack.receive(fromTrunk());
    await expect(legs.answer(events[0]?.leg ?? "")).rejects.toThrow("no common codec");
    expect(invite.responses[0]).toMatchObject({
      status: 488,
      options: { headers: { Warning: '305 zongji "no common codec"' } },
    });
    expect(events.at(-1)).toMatchObject({ type: "ended", cause: "unsupported-media", by: "system" });
  });

  test("a phone must prove itself; the From does not count", () => {
    const { stack, events } = setUp();
    const send = (credentials?: string) => {
      const headers = {
        From: '"Boss" <sip:1@x>',
        ...(credentials === undefined ? {} : { Authorization: credentials }),
      };
      return stack.receive(
        new FakeRequest("INVITE", "sip:1002@zongji", headers, SDP, {
          protocol: "udp",
          address: "192.168.1.30",
          port: 5060,
        }),
      );
    };
    const first = send();
    expect(first.statuses).toEqual([401]);
    const lines = first.responses[0]?.options.headers?.["WWW-Authenticate"];
    const challenge = parseChallenges(String(lines))[0];
    if (challenge === undefined) throw new Error("no challenge");
    const answer = (password: string) =>
      answerChallenge(
        challenge,
        { username: "1001", password },
        { method: "INVITE", uri: "sip:1002@zongji" },
        1,
        "c",
      );
    expect(send(answer("wrong")).statuses).toEqual([403]);
    expect(send(answer("pw")).statuses).toEqual([]);
    expect(events).toMatchObject([
      { type: "incoming", callerNumber: "1001", callerName: "Li", dialled: "1002" },
    ]);
  });

  test("hold, resume, keys and transfer in an answered call", async () => {
    const { stack, legs, events, media, types } = setUp();
    const invite = fromPhone(stack, {});
    const leg = events[0]?.leg ?? "";
    await legs.answer(leg);
    const inDialog = (method: string, headers: Record<string, string>, body: string) =>
      new FakeRequest(method, "sip:x", headers, body);
    const handlers = invite.dialog?.handlers;
    handlers?.onReoffer?.(inDialog("INVITE", {}, "a=sendonly"));
    await settle();
    handlers?.onReoffer?.(inDialog("INVITE", {}, "a=sendrecv"));
    await settle();
    media.listener({ type: "digit", leg, digit: "5", at: 1000 });
    handlers?.onInfo?.(
      inDialog("INFO", { "Content-Type": "application/dtmf-relay" }, "Signal=#\r\nDuration=100"),
    );
    const refer = inDialog("REFER", { "Refer-To": "<sip:1002@zongji>" }, "");
    handlers?.onRefer?.(refer);
    legs.transferResult(leg, { status: 200, reason: "OK" });
    await settle();
    expect(types().slice(2)).toEqual(["held", "resumed", "digit", "digit", "transfer-requested"]);
    expect(events.at(-1)).toMatchObject({ to: "1002" });
    expect(refer.statuses).toEqual([202]);
    expect(invite.dialog?.sent.map((s) => s.body)).toContain("SIP/2.0 200 OK\r\n");
  });

  test("a re-INVITE without a description is offered, and its ACK answers", async () => {
    const { stack, legs, events, media, types } = setUp();
    const invite = stack.receive(fromTrunk());
    await legs.answer(events[0]?.leg ?? "");
    const handlers = invite.dialog?.handlers;
    const ask = async (answer: string) => {
      const request = new FakeRequest("INVITE", "sip:x");
      handlers?.onReoffer?.(request);
      await settle();
      expect(request.responses).toEqual([{ status: 200, options: { body: "offer:none" } }]);
      handlers?.onAck?.(answer);
      await settle();
    };
    await ask("held a=sendonly");
    await ask("moved");
    // An ACK without an answer leaves all as it was.
    await ask("");
    expect(media.answers).toEqual(["held a=sendonly", "moved"]);
    expect(types().slice(2)).toEqual(["held", "resumed"]);
  });

  test("a session that is to be refreshed by re-INVITE: the voice is offered once more, its answer taken", async () => {
    const { stack, legs, events, media, types } = setUp();
    const invite = stack.receive(fromTrunk());
    await legs.answer(events[0]?.leg ?? "");
    const headers = { Supported: "timer", "Session-Expires": "90;refresher=uac" };
    const { dialog } = invite;
    if (dialog === undefined) throw new Error("no dialog");
    dialog.reply = fakeReply(200, { body: "moved a=sendonly" });
    expect((await dialog.handlers?.onRefresh?.(headers))?.status).toBe(200);
    // What we said last, in force for the party: a new offer would be free to ask for more.
    const said = invite.responses.at(-1)?.options.body;
    expect(said).toStartWith("answer:");
    expect(dialog.sent).toEqual([{ method: "INVITE", headers, body: said }]);
    dialog.reply = fakeReply(491);
    expect((await dialog.handlers?.onRefresh?.(headers))?.status).toBe(491);
    expect(media.answers).toEqual(["moved a=sendonly"]);
    expect(types().slice(2)).toEqual(["held"]);
  });

  test("who is outside cannot have the office call others: REFER is declined", async () => {
    const { stack, legs, events, types } = setUp();
    const invite = stack.receive(fromTrunk());
    const leg = events[0]?.leg ?? "";
    await legs.answer(leg);
    const refer = () => new FakeRequest("REFER", "sip:x", { "Refer-To": "<sip:900861234567@zongji>" });
    const incoming = refer();
    invite.dialog?.handlers?.onRefer?.(incoming);
    legs.hangup(leg);
    legs.dial(dial({ target: toTrunk }));
    await settle();
    const called = stack.sent[0]?.answer(SDP);
    await settle();
    const outgoing = refer();
    called?.handlers?.onRefer?.(outgoing);
    await settle();
    expect([...incoming.statuses, ...outgoing.statuses]).toEqual([603, 603]);
    expect(types()).not.toContain("transfer-requested");
  });

  test("a REFER on the heels of the ACK is heard after the answer, and answered 481 when a BYE came before it", async () => {
    const { stack, legs, events, types } = setUp();
    const early = (callId: string) => {
      const invite = fromPhone(stack, { "Call-ID": callId });
      const accept = invite.accept.bind(invite);
      const refer = new FakeRequest("REFER", "sip:x", { "Refer-To": "<sip:1002@zongji>" });
      invite.accept = async (options) => {
        const dialog = await accept(options);
        if (dialog === undefined) return undefined;
        const attach = dialog.attach.bind(dialog);
        dialog.attach = (handlers) => {
          attach(handlers);
          if (callId === "ends") handlers.onEnd({ by: "remote", reason: "" });
          handlers.onRefer?.(refer);
        };
        return dialog;
      };
      return { refer, leg: events.findLast((event) => event.type === "incoming")?.leg ?? "" };
    };
    const first = early("talks");
    await legs.answer(first.leg);
    expect(types()).toEqual(["incoming", "answered", "transfer-requested"]);
    expect(first.refer.statuses).toEqual([202]);
    legs.hangup(first.leg);
    const second = early("ends");
    await legs.answer(second.leg).catch(() => {});
    expect(second.refer.statuses).toEqual([481]);
    expect(types().slice(-3)).toEqual(["incoming", "answered", "ended"]);
  });

  test("media lost ends the leg with cause media", async () => {
    const { stack, legs, events, media } = setUp();
    const invite = stack.receive(fromTrunk());
    const leg = events[0]?.leg ?? "";
    await legs.answer(leg);
    media.listener({ type: "media-lost", legs: [leg, "other"], at: 1 });
    expect(events.at(-1)).toMatchObject({ type: "ended", cause: "media", by: "system" });
    expect(invite.dialog?.alive).toBe(false);
  });

  test("refusing says so to the caller", () => {
    const { stack, legs, events } = setUp();
    const invite = stack.receive(fromTrunk());
    legs.refuse(events[0]?.leg ?? "", { status: 404 });
    expect(invite.statuses).toEqual([404]);
    expect(events.at(-1)).toMatchObject({ type: "ended", cause: "not-found", by: "local", sipStatus: 404 });
  });
});

describe("outgoing legs", () => {
  test("all devices ring, the first to answer wins, the others hear why", async () => {
    const { stack, legs, events, types } = setUp(["sip:1001@192.168.1.20", "sip:1001@192.168.1.21"]);
    legs.dial(dial({ autoAnswer: true }));
    await settle();
    const [a, b] = stack.sent;
    expect(a?.options.headers).toHaveProperty("Alert-Info");
    expect(a?.options.proxy).toBe("sip:192.168.1.20:5060;transport=udp");
    a?.provisional(180);
    b?.provisional(180);
    b?.answer(SDP);
    await settle();
    expect(a?.cancelled).toEqual([{ Reason: 'SIP;cause=200;text="Call completed elsewhere"' }]);
    const late = a?.answer(SDP, "late");
    await settle();
    expect(late?.alive).toBe(false);
    expect(types()).toEqual(["trying", "ringing", "answered"]);
    expect(events.at(-1)).toMatchObject({ codec: "PCMU", device: "udp:192.168.1.20:5060" });
  });

  test("the most telling failure of several devices is reported, 603 speaks for all", async () => {
    const two = ["sip:1001@192.168.1.20", "sip:1001@192.168.1.21"];
    const one = setUp(two);
    one.legs.dial(dial());
    await settle();
    one.stack.sent[0]?.finish(fakeReply(486));
    await settle();
    expect(one.types()).not.toContain("ended");
    one.stack.sent[1]?.finish(fakeReply(408, { origin: "local" }));
    await settle();
    expect(one.events.at(-1)).toMatchObject({ cause: "busy", sipStatus: 486 });
    const all = setUp(two);
    all.legs.dial(dial());
    await settle();
    all.stack.sent[0]?.finish(fakeReply(603));
    await settle();
    expect(all.events.at(-1)).toMatchObject({ cause: "declined", by: "remote" });
    expect(all.stack.sent[1]?.cancelled).toHaveLength(1);
  });

  test("nobody registered is unreachable", async () => {
    const { legs, events } = setUp([]);
    legs.dial(dial());
    expect(events).toEqual([]);
    await settle();
    expect(events).toMatchObject([{ type: "ended", cause: "unreachable", by: "system" }]);
  });

  test("hanging up while ringing cancels; an answer that crosses is ended", async () => {
    const { stack, legs, events, media, types } = setUp();
    legs.dial(dial());
    await settle();
    stack.sent[0]?.provisional(180);
    legs.hangup("L", "normal");
    const dialog = stack.sent[0]?.answer(SDP);
    await settle();
    expect(stack.sent[0]?.cancelled).toHaveLength(1);
    expect(dialog?.alive).toBe(false);
    expect(types()).toEqual(["trying", "ringing", "ended"]);
    expect(events.at(-1)).toMatchObject({ cause: "normal", by: "local" });
    expect(media.released).toEqual(["L"]);
  });

  test("a BYE on the heels of the 200 ends a call that was answered", async () => {
    const { stack, media, legs, types } = setUp();
    let dialog: ReturnType<NonNullable<(typeof stack.sent)[0]>["answer"]> | undefined;
    media.acceptAnswer = async () => {
      dialog?.handlers?.onEnd({ by: "remote", reason: "" });
      return { codec: "PCMU", direction: "sendrecv" };
    };
    legs.dial(dial());
    await settle();
    dialog = stack.sent[0]?.answer(SDP);
    await settle();
    expect(types()).toEqual(["trying", "answered", "ended"]);
  });

  test("no answer in time", async () => {
    const { stack, legs, events } = setUp();
    const done = new Promise<void>((resolve) => {
      legs.onEvent((event) => {
        if (event.type === "ended") resolve();
      });
    });
    legs.dial(dial({ timeoutMs: 5 }));
    await done;
    expect(events.at(-1)).toMatchObject({ cause: "no-answer", by: "system" });
    expect(stack.sent[0]?.cancelled).toHaveLength(1);
  });

  test("early media of a trunk is heard; a second call is congestion; traffic shows in its state", async () => {
    const { stack, legs, events, trunks } = setUp();
    legs.dial(dial({ target: toTrunk }));
    await settle();
    stack.sent[0]?.provisional(183, SDP);
    await settle();
    expect(events.at(-1)).toMatchObject({ type: "ringing", earlyMedia: true });
    legs.dial(dial({ leg: "M", target: toTrunk }));
    await settle();
    expect(events.at(-1)).toMatchObject({ leg: "M", cause: "congestion" });
    stack.sent[0]?.finish(fakeReply(503));
    await settle();
    expect(events.at(-1)).toMatchObject({ leg: "L", cause: "congestion", sipStatus: 503, by: "remote" });
    expect(trunks.state(7)).toMatchObject({ state: "up", callsNow: 0 });
  });

  test("a carrier that changes over to the called party's voice while it rings is heard there", async () => {
    const MUSIC = `${SDP}a=music\r\n`;
    const { stack, legs, media, types } = setUp();
    legs.dial(dial({ target: toTrunk }));
    await settle();
    const update = (body: string) => {
      const request = new FakeRequest("UPDATE", "sip:x", {}, body);
      stack.sent[0]?.options.onEarlyOffer?.(request);
      return request;
    };
    // Before an answer of theirs there is nothing to change.
    expect(update(SDP).statuses).toEqual([488]);
    stack.sent[0]?.provisional(183, MUSIC);
    await settle();
    const moved = update(SDP);
    await settle();
    expect(moved.responses).toEqual([{ status: 200, options: { body: "re" } }]);
    stack.sent[0]?.answer(MUSIC);
    await settle();
    // The 200 repeats what was before the change.
    expect(media.answers).toEqual([MUSIC]);
    expect(types().at(-1)).toBe("answered");
  });

  test("a silent carrier is a time-out and shows as unreachable", async () => {
    const { stack, legs, events, trunks } = setUp();
    legs.dial(dial({ target: toTrunk }));
    await settle();
    stack.sent[0]?.finish(fakeReply(408, { origin: "local" }));
    await settle();
    expect(events.at(-1)).toMatchObject({ cause: "timeout", by: "system" });
    expect(trunks.state(7)).toMatchObject({ state: "unreachable" });
  });

  test("a dialog without a leg is ended at the second look", async () => {
    const { stack, legs } = setUp();
    const { FakeDialog } = await import("../srf/fake.ts");
    const stray = new FakeDialog("stray", "c", "");
    stack.live = [stray];
    legs.alive();
    expect(stray.alive).toBe(true);
    legs.alive();
    expect(stray.alive).toBe(false);
  });
});

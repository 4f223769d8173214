import { describe, expect, test } from "bun:test";
import { fakeReply } from "../srf/fake.ts";

import { deviceOffers } from "./media-choice.ts";
import { dial, fromPhone, fromTrunk, SDP, settle, setUp, toTrunk } from "./test-support.ts";

describe("what a device is offered", () => {
  const offers = (source: string, contact: string, proven?: "none" | "sdes") =>
    deviceOffers({ source, contact }, proven).map(({ security }) => security);

  test("by the way it registered, and by what it took before", () => {
    expect(offers("udp:10.0.0.1:5060", "sip:1@10.0.0.1")).toEqual(["none", "sdes"]);
    expect(offers("tcp:10.0.0.1:5060", "sip:1@10.0.0.1;transport=tcp")).toEqual(["none", "sdes"]);
    expect(offers("tls:10.0.0.1:5061", "sip:1@10.0.0.1;transport=tls")).toEqual(["sdes", "none"]);
    expect(offers("wss:10.0.0.1:4000", "sip:1@abc.invalid;transport=ws")).toEqual(["webrtc"]);
    expect(offers("tcp:10.0.0.1:4000", "sip:1@abc.invalid;transport=ws")).toEqual(["webrtc"]);
    expect(offers("udp:10.0.0.1:5060", "sip:1@10.0.0.1", "sdes")).toEqual(["sdes", "none"]);
    expect(offers("tls:10.0.0.1:5061", "sip:1@10.0.0.1", "none")).toEqual(["none", "sdes"]);
  });
});

describe("legs and their media", () => {
  test("each device is offered what its transport can: plain shared, SRTP and WebRTC for one alone", async () => {
    const { stack, legs, media, events } = setUp(
      [
        "sip:1001@192.168.1.20",
        "sip:1001@192.168.1.21",
        "sip:1001@192.168.1.22;transport=tls",
        "sip:x@y.invalid;transport=ws",
      ],
      {
        sources: [
          "udp:192.168.1.20:5060",
          "tcp:192.168.1.21:5060",
          "tls:192.168.1.22:5061",
          "wss:192.168.1.23:4000",
        ],
      },
    );
    legs.dial(dial());
    await settle();
    expect(stack.sent.map((sent) => sent.options.body)).toEqual([
      "offer:none",
      "offer:none",
      "offer:sdes",
      "offer:webrtc",
    ]);
    expect(media.offers.map(({ branch }) => branch)).toEqual(["", "1", "2"]);
    stack.sent[3]?.answer(SDP);
    await settle();
    expect(media.acceptedBranch).toBe("2");
    expect(events.at(-1)).toMatchObject({ type: "answered" });
  });

  test("a phone that refuses SRTP is offered plain voice, and at once the next time; a browser is not", async () => {
    const tls = { sources: ["tls:192.168.1.22:5061"] };
    const { stack, legs, media, types } = setUp(["sip:1001@192.168.1.22;transport=tls"], tls);
    legs.dial(dial());
    await settle();
    stack.sent[0]?.finish(fakeReply(488));
    await settle();
    expect(stack.sent.map((sent) => sent.options.body)).toEqual(["offer:sdes", "offer:none"]);
    stack.sent[1]?.answer(SDP);
    await settle();
    expect(media.acceptedBranch).toBe("1");
    expect(types()).toEqual(["trying", "trying", "answered"]);
    legs.dial(dial({ leg: "M" }));
    await settle();
    expect(stack.sent[2]?.options.body).toBe("offer:none");
    stack.sent[2]?.finish(fakeReply(488));
    await settle();
    expect(stack.sent[3]?.options.body).toBe("offer:sdes");
    stack.sent[3]?.finish(fakeReply(488));
    await settle();
    expect(stack.sent).toHaveLength(4);
    expect(types().at(-1)).toBe("ended");

    const web = setUp(["sip:x@y.invalid;transport=ws"], { sources: ["ws:192.168.1.23:4000"] });
    web.legs.dial(dial());
    await settle();
    web.stack.sent[0]?.finish(fakeReply(488));
    await settle();
    expect(web.stack.sent).toHaveLength(1);
    expect(web.events.at(-1)).toMatchObject({ type: "ended", cause: "unsupported-media" });
  });

  test("hanging up while the second kind of offer is made sends nothing more", async () => {
    const { stack, legs, types } = setUp(["sip:1001@192.168.1.20"]);
    legs.dial(dial());
    await settle();
    stack.sent[0]?.finish(fakeReply(415));
    legs.hangup("L");
    await settle();
    expect(stack.sent).toHaveLength(1);
    expect(types()).toEqual(["trying", "ended"]);
  });

  test("without early voice, too, a 200 without SDP takes what the 183 said", async () => {
    const trunk = { codecs: ["PCMA"], srtp: "off", dtmf: "rfc4733", earlyMedia: false, maxCalls: 2 } as const;
    const { stack, legs, media, types } = setUp([], { trunk });
    legs.dial(dial({ target: toTrunk }));
    await settle();
    stack.sent[0]?.provisional(183, SDP);
    await settle();
    expect(media.answers).toEqual([]);
    stack.sent[0]?.answer("");
    await settle();
    expect(media.answers).toEqual([SDP]);
    expect(types()).toEqual(["trying", "ringing", "answered"]);
  });

  test("a 200 without SDP: what the 183 of the same phone behind a fork said, and what could be used of it", async () => {
    const taken = async (earlyMedia: boolean, said: readonly (readonly [body: string, tag: string])[]) => {
      const trunk = { codecs: ["PCMA"], srtp: "off", dtmf: "rfc4733", earlyMedia, maxCalls: 2 } as const;
      const { stack, legs, media, types } = setUp([], { trunk });
      media.refuses = "unusable";
      legs.dial(dial({ target: toTrunk }));
      await settle();
      for (const [body, tag] of said) {
        stack.sent[0]?.options.onProvisional?.(
          fakeReply(183, { body, headers: { To: `<sip:b>;tag=${tag}` } }),
        );
        await settle();
      }
      stack.sent[0]?.answer("");
      await settle();
      expect(types().at(-1)).toBe("answered");
      return media.answers;
    };
    const [mine, others] = [`${SDP}a=mine\r\n`, `${SDP}a=others\r\n`];
    for (const [body, tag] of [
      [`${SDP}a=unusable\r\n`, "remote"],
      ["1 2 3 of an ISUP message", "remote"],
    ] as const) {
      expect(
        await taken(true, [
          [mine, "remote"],
          [body, tag],
        ]),
      ).toEqual([mine]);
    }
    const forked = [
      [mine, "remote"],
      [others, "x"],
    ] as const;
    expect((await taken(false, forked)).at(-1)).toBe(mine);
    expect((await taken(true, forked)).at(-1)).toBe(mine);
  });

  test("a trunk's own media: codecs, SRTP, keys by INFO one after another, no early voice", async () => {
    const trunk = {
      codecs: ["PCMU"],
      srtp: "required",
      dtmf: "info",
      earlyMedia: false,
      maxCalls: 2,
    } as const;
    const { stack, legs, media, events } = setUp([], { trunk });
    legs.dial(dial({ target: toTrunk }));
    await settle();
    expect(media.offers).toEqual([
      { options: { codecs: ["PCMU"], dtmf: "info", security: "sdes", family: "IP4" }, branch: "" },
    ]);
    stack.sent[0]?.provisional(183, SDP);
    await settle();
    expect(events.at(-1)).toMatchObject({ type: "ringing", earlyMedia: false });
    const dialog = stack.sent[0]?.answer(SDP);
    await settle();
    legs.sendDigits("L", "1x#");
    await settle();
    expect(dialog?.sent).toMatchObject([
      { method: "INFO", body: "Signal=1\r\nDuration=160\r\n" },
      { method: "INFO", body: "Signal=#\r\nDuration=160\r\n" },
    ]);
    expect(media.digits).toEqual([]);

    expect(stack.receive(fromTrunk()).statuses).toEqual([488]);
    const key = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
    const secure = (types: string) => `v=0\r\nm=audio 4000 RTP/SAVP ${types}\r\n${key}\r\n`;
    expect(stack.receive(fromTrunk(secure("8"))).responses[0]).toMatchObject({
      status: 488,
      options: { headers: { Warning: '305 zongji "none of PCMU is offered"' } },
    });
    const taken = stack.receive(fromTrunk(secure("8 0"), { "Call-ID": "third" }));
    const leg = events.findLast((event) => event.type === "incoming")?.leg ?? "";
    await legs.ring(leg, { earlyMedia: true });
    await legs.answer(leg);
    expect(taken.statuses).toEqual([180, 200]);
    expect(media.limits).toMatchObject({ codecs: ["PCMU"], security: "sdes" });
  });

  test("a phone that leaves the offer to us gets what it took before, and the other kind when it cannot use that", async () => {
    const source = { protocol: "tls", address: "192.168.1.22", port: 5061 };
    const contact = "sip:1001@192.168.1.22;transport=tls";
    const { stack, legs, media, types, events } = setUp([contact], { sources: ["tls:192.168.1.22:5061"] });
    const call = async (callId: string) => {
      const headers = { "Call-ID": callId, From: "<sip:1001@zongji>;tag=a" };
      const invite = fromPhone(stack, headers, "", source);
      const leg = events.findLast((event) => event.type === "incoming")?.leg ?? "";
      const answering = legs.answer(leg).catch((error: unknown) => error);
      await settle();
      return { invite, answering };
    };
    const first = await call("one");
    expect(first.invite.responses.at(-1)).toMatchObject({ status: 200, options: { body: "offer:sdes" } });
    media.refuses = "refused";
    first.invite.dialog?.handlers?.onAck?.("refused");
    await first.answering;
    // The re-INVITE is answered with what can be used.
    expect(first.invite.dialog?.sent).toMatchObject([{ method: "INVITE", body: "offer:none" }]);
    expect(media.offers.at(-1)?.options).toMatchObject({ security: "none", instead: "" });
    expect(types().at(-1)).toBe("answered");

    const second = await call("two");
    expect(second.invite.responses.at(-1)).toMatchObject({ options: { body: "offer:none" } });
    second.invite.dialog?.handlers?.onAck?.(SDP);
    await second.answering;
    expect(types().at(-1)).toBe("answered");

    // Neither kind: the call ends, once.
    const third = await call("three");
    media.refuses = "";
    third.invite.dialog?.handlers?.onAck?.("refused");
    expect(await third.answering).toBeInstanceOf(Error);
    expect(events.at(-1)).toMatchObject({ type: "ended", cause: "unsupported-media" });
    expect(third.invite.dialog?.sent.map((request) => request.method)).toEqual(["INVITE", "BYE"]);
  });
});

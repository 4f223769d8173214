/** Offers and answers of every kind of peer, against the real rtpengine: what is taken, what is refused, nothing left. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMedia, type Media, type OfferOptions, UnsupportedMediaError } from "./index.ts";
import { describeAudio } from "./sdp.ts";

const folder = mkdtempSync(join(tmpdir(), "zongji-peers-"));
let media: Media;
let legs = 0;

beforeAll(async () => {
  const min = 44_000 + 2 * Math.floor(Math.random() * 200);
  media = await createMedia({
    folder,
    address: "127.0.0.1",
    address6: "::1",
    rtpPorts: { min, max: min + 200 },
  });
});
afterAll(async () => {
  await media.stop();
  rmSync(folder, { recursive: true, force: true });
});

const KEY = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
const CRYPTO = `a=crypto:1 AES_CM_128_HMAC_SHA1_80 ${KEY}`;
const PRINT = `a=fingerprint:sha-256 ${Array(32).fill("AB").join(":")}`;
const ICE = ["a=ice-ufrag:abcd", "a=ice-pwd:abcdefghijklmnopqrstuvwx", "a=rtcp-mux", "a=mid:0"];
const MUX = ["a=setup:actpass", PRINT, ...ICE];
const EVENTS = "a=rtpmap:101 telephone-event/8000";

function sdp(...lines: string[]): string {
  return ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", ...lines, ""].join("\r\n");
}

/** Takes an offer, gives what we answer, and releases the leg. */
async function answered(offer: string, limits?: OfferOptions): Promise<{ sdp: string; codec: string }> {
  const leg = `peer-${++legs}`;
  try {
    const { answer, codec } = await media.acceptOffer(leg, offer, limits);
    return { sdp: answer, codec };
  } finally {
    await media.release(leg);
  }
}

async function refused(offer: string, limits?: OfferOptions): Promise<UnsupportedMediaError> {
  const failure = await answered(offer, limits).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(failure instanceof UnsupportedMediaError)) throw new Error(`not refused: ${offer} (${failure})`);
  return failure;
}

async function nothingLeft(): Promise<void> {
  expect(await media.stats()).toMatchObject({ channels: 0, rtpengine: { calls: 0 } });
}

describe("secure offers", () => {
  test("SDES: the answer has one key of the suite that was offered", async () => {
    const { sdp: answer } = await answered(sdp("m=audio 4000 RTP/SAVP 8 101", EVENTS, CRYPTO));
    expect(answer).toMatch(/^m=audio \d+ RTP\/SAVP 8 101\r$/m);
    expect(answer.match(/^a=crypto:.*$/gm)).toHaveLength(1);
    expect(answer).toMatch(/^a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:[A-Za-z0-9+/=]{40}/m);
    expect(answer).not.toContain(KEY);
    expect(describeAudio(answer)).toMatchObject({ security: "sdes", keyed: true });
    await nothingLeft();
  });

  test("keys offered in RTP/AVP are taken; without usable ones the voice stays plain (RFC 8643)", async () => {
    const { sdp: answer } = await answered(sdp("m=audio 4000 RTP/AVP 8 101", EVENTS, CRYPTO));
    expect(answer).toMatch(/^m=audio \d+ RTP\/AVP 8 101\r$/m);
    expect(answer).toMatch(/^a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:[A-Za-z0-9+/=]{40}/m);
    expect(answer).not.toContain(KEY);
    const useless = await answered(sdp("m=audio 4000 RTP/AVP 8", "a=crypto:1 ROT13_128 AAAA"));
    expect(useless.sdp).not.toContain("a=crypto");
    await nothingLeft();
  });

  test("WebRTC: fingerprint, candidate, rtcp-mux and mid in the answer", async () => {
    const { sdp: answer } = await answered(sdp("m=audio 4000 UDP/TLS/RTP/SAVPF 8 101", EVENTS, ...MUX));
    expect(describeAudio(answer)).toMatchObject({ security: "dtls", keyed: true, ice: true, rtcpMux: true });
    expect(answer).toMatch(/^a=setup:(active|passive)\r$/m);
    expect(answer).toMatch(/^a=candidate:.* 127\.0\.0\.1 \d+ typ host/m);
    expect(answer).toContain("a=mid:0");
    expect(answer).not.toContain("a=crypto");
    await nothingLeft();
  });

  test("ICE lite is answered by a full agent; DTLS without ICE without candidates", async () => {
    const lite = await answered(sdp("a=ice-lite", "m=audio 4000 UDP/TLS/RTP/SAVPF 8", ...MUX));
    expect(lite.sdp).toContain("a=ice-ufrag:");
    expect(lite.sdp).not.toContain("ice-lite");
    const plain = await answered(sdp("m=audio 4000 UDP/TLS/RTP/SAVP 8", "a=setup:actpass", PRINT));
    expect(describeAudio(plain.sdp)).toMatchObject({
      security: "dtls",
      ice: false,
      protocol: "UDP/TLS/RTP/SAVP",
    });
    await nothingLeft();
  });

  test("keys that cannot be used are refused with 302", async () => {
    const bad = [
      sdp("m=audio 4000 RTP/SAVP 8"),
      sdp("m=audio 4000 RTP/SAVP 8", `a=crypto:1 ROT13_128 ${KEY}`),
      sdp("m=audio 4000 RTP/SAVP 8", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA"),
      sdp("m=audio 4000 RTP/SAVP 8", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"),
      sdp("m=audio 4000 RTP/SAVP 8", "a=crypto:x"),
      sdp("m=audio 4000 UDP/TLS/RTP/SAVPF 8", ...ICE),
      sdp("m=audio 4000 UDP/TLS/RTP/SAVPF 8", "a=fingerprint:sha-256 zz", ...ICE),
      sdp("m=audio 4000 UDP/TLS/RTP/SAVPF 8", CRYPTO, ...ICE),
    ];
    for (const offer of bad) expect((await refused(offer)).warning).toBe(302);
    await nothingLeft();
  });
});

describe("streams and codecs", () => {
  test("every stream of the offer is in the answer, in its order; all but the voice refused", async () => {
    const offer = sdp(
      "m=video 4002 RTP/AVP 96",
      "a=rtpmap:96 VP8/90000",
      "m=audio 4000 RTP/AVP 0 8",
      "m=application 4004 UDP/BFCP *",
    );
    const { sdp: answer } = await answered(offer);
    const streams = [...answer.matchAll(/^m=(\w+) (\d+) /gm)].map(([, type, port]) => [type, port !== "0"]);
    expect(streams).toEqual([
      ["video", false],
      ["audio", true],
      ["application", false],
    ]);
    await nothingLeft();
  });

  test("a stream with port 0, no common codec: refused with the fitting code", async () => {
    expect((await refused(sdp("m=audio 0 RTP/AVP 8"))).warning).toBe(304);
    expect((await refused(sdp("m=video 4000 RTP/AVP 96", "a=rtpmap:96 VP8/90000"))).warning).toBe(304);
    expect((await refused(sdp("m=audio 4000 TCP/MSRP 8"))).warning).toBe(302);
    expect((await refused(sdp("m=audio 4000 RTP/AVP 99", "a=rtpmap:99 NONSENSE/8000"))).warning).toBe(305);
    await nothingLeft();
  });

  test("limits: the first of our list that is offered; SRTP when required", async () => {
    const offer = sdp("m=audio 4000 RTP/AVP 8 0 9 101", EVENTS);
    const g711u = await answered(offer, { codecs: ["G729", "PCMU", "PCMA"] });
    expect(g711u.codec).toBe("PCMU");
    expect(g711u.sdp).toMatch(/^m=audio \d+ RTP\/AVP 0 101\r$/m);
    expect((await answered(offer, { codecs: ["PCMA"] })).codec).toBe("PCMA");
    const none = await refused(offer, { codecs: ["G729"] });
    expect(none).toMatchObject({ warning: 305, message: "none of G729 is offered" });
    expect((await refused(offer, { security: "sdes" })).warning).toBe(302);
    const secure = sdp("m=audio 4000 RTP/SAVP 8", CRYPTO);
    expect((await answered(secure, { security: "sdes" })).sdp).toContain("a=crypto");
    await nothingLeft();
  });

  test("in-band keys: the answer offers no telephone-event", async () => {
    const { sdp: answer } = await answered(sdp("m=audio 4000 RTP/AVP 8 101", EVENTS), { dtmf: "inband" });
    expect(answer).toMatch(/^m=audio \d+ RTP\/AVP 8\r$/m);
    await nothingLeft();
  });
});

describe("offers in a call", () => {
  test("a bad one is refused and the call keeps what it has; then a good one is taken", async () => {
    const leg = `peer-${++legs}`;
    const first = await media.acceptOffer(leg, sdp("m=audio 4000 RTP/SAVP 8", CRYPTO));
    const bad = [
      sdp("m=audio 4000 RTP/SAVP 8"),
      sdp("m=audio 0 RTP/SAVP 8", CRYPTO),
      sdp("m=audio 4000 RTP/SAVP 99", "a=rtpmap:99 NONSENSE/8000", CRYPTO),
      "not a description",
    ];
    for (const offer of bad)
      await expect(media.reoffer(leg, offer)).rejects.toBeInstanceOf(UnsupportedMediaError);
    const held = await media.reoffer(leg, sdp("m=audio 4000 RTP/SAVP 8", CRYPTO, "a=sendonly"));
    expect(held.direction).toBe("sendonly");
    expect(describeAudio(held.answer)).toMatchObject({
      security: "sdes",
      keyed: true,
      direction: "recvonly",
    });
    expect(describeAudio(held.answer).port).toBe(describeAudio(first.answer).port);
    await media.release(leg);
    await nothingLeft();
  });
});

describe("our offers", () => {
  const offer = async (options?: OfferOptions): Promise<string> => {
    const leg = `peer-${++legs}`;
    const made = await media.makeOffer(leg, options);
    await media.release(leg);
    return made;
  };

  test("codecs in the order asked for, without PCMA when it is not asked for", async () => {
    const names = (made: string) => describeAudio(made).codecs.map((codec) => codec.name);
    expect(names(await offer())).toEqual(["PCMA", "PCMU", "G722"]);
    expect(names(await offer({ codecs: ["G722", "PCMA"] }))).toEqual(["G722", "PCMA"]);
    expect(names(await offer({ codecs: ["PCMU"] }))).toEqual(["PCMU"]);
    expect(names(await offer({ codecs: ["opus", "PCMU"] }))).toEqual(["opus", "PCMU"]);
    expect(describeAudio(await offer({ codecs: ["PCMA"], dtmf: "inband" })).eventType).toBeNull();
    await nothingLeft();
  });

  test("SDES: two suites, short enough for one datagram; WebRTC: ICE, DTLS, rtcp-mux", async () => {
    const sdes = await offer({ security: "sdes" });
    expect(describeAudio(sdes)).toMatchObject({ security: "sdes", protocol: "RTP/SAVP", keyed: true });
    expect(sdes.match(/^a=crypto:\d AES_CM_128_HMAC_SHA1_(80|32) /gm)).toHaveLength(2);
    expect(sdes.length).toBeLessThan(700);
    expect(sdes).not.toContain("fingerprint");
    const webrtc = await offer({ security: "webrtc" });
    expect(describeAudio(webrtc)).toMatchObject({ security: "dtls", ice: true, rtcpMux: true, mid: true });
    expect(webrtc).toContain("a=setup:actpass");
    expect(webrtc).not.toContain("a=crypto");
    await nothingLeft();
  });

  test("each branch has ports and keys of its own; the branch that answers stays alone", async () => {
    const leg = `peer-${++legs}`;
    // All at once, as a leg that rings several devices asks.
    const [plain, secure] = await Promise.all([
      media.makeOffer(leg, {}, "desk"),
      media.makeOffer(leg, { security: "sdes" }, "safe"),
    ]);
    expect(describeAudio(plain).port).not.toBe(describeAudio(secure).port);
    expect((await media.stats()).rtpengine.calls).toBe(2);
    const { codec } = await media.acceptAnswer(leg, sdp("m=audio 4000 RTP/SAVP 0", CRYPTO), "safe");
    expect(codec).toBe("PCMU");
    await media.release(leg);
    await nothingLeft();
  });

  test("an answer in the clear to a secure offer is refused, and so is one without keys", async () => {
    for (const [security, answer] of [
      ["sdes", sdp("m=audio 4000 RTP/AVP 8")],
      ["sdes", sdp("m=audio 4000 RTP/SAVP 8")],
      ["webrtc", sdp("m=audio 4000 RTP/AVP 8")],
      ["webrtc", sdp("m=audio 4000 UDP/TLS/RTP/SAVPF 8", ...ICE)],
      ["none", sdp("m=audio 4000 RTP/SAVP 8", CRYPTO)],
      ["none", sdp("m=audio 0 RTP/AVP 8")],
    ] as const) {
      const leg = `peer-${++legs}`;
      await media.makeOffer(leg, { security });
      await expect(media.acceptAnswer(leg, answer)).rejects.toBeInstanceOf(UnsupportedMediaError);
      await media.release(leg);
    }
    await nothingLeft();
  });
});

describe("IPv6", () => {
  const six = (...lines: string[]) => sdp(...lines).replaceAll("IN IP4 127.0.0.1", "IN IP6 ::1");

  test("each party is answered and offered in its own family, in o= and c= alike", async () => {
    const { sdp: answer } = await answered(six("m=audio 4000 RTP/AVP 8"));
    expect(answer).toMatch(/^o=zongji \d+ 1 IN IP6 ::1\r$/m);
    expect(answer).toMatch(/^c=IN IP6 ::1\r$/m);
    const leg = `peer-${++legs}`;
    const offer = await media.makeOffer(leg, { family: "IP6" });
    expect(offer).toMatch(/^c=IN IP6 ::1\r$/m);
    expect(await media.acceptAnswer(leg, six("m=audio 4000 RTP/AVP 0"))).toMatchObject({ codec: "PCMU" });
    // A change of address in the call: now by IPv4.
    const moved = await media.reoffer(leg, sdp("m=audio 4000 RTP/AVP 8"));
    expect(moved.answer).toMatch(/^c=IN IP4 127\.0\.0\.1\r$/m);
    await media.release(leg);
    await nothingLeft();
  });

  test("the old hold by address :: reads as it was meant", () => {
    expect(describeAudio(six("m=audio 4000 RTP/AVP 8").replaceAll("::1", "::")).direction).toBe("sendonly");
  });

  test("without an IPv6 address of our own: 300", async () => {
    const four = await createMedia({
      folder: join(folder, "four"),
      address: "127.0.0.1",
      rtpPorts: { min: 44_700, max: 44_720 },
    });
    try {
      const offer = six("m=audio 4000 RTP/AVP 8");
      const warning = (work: Promise<unknown>) =>
        work.then(
          () => 0,
          (error: unknown) => (error instanceof UnsupportedMediaError ? error.warning : String(error)),
        );
      expect(await warning(four.acceptOffer("a", offer))).toBe(300);
      expect(await warning(four.makeOffer("b", { family: "IP6" }))).toBe(300);
      await four.makeOffer("c");
      expect(await warning(four.acceptAnswer("c", offer))).toBe(300);
    } finally {
      await four.stop();
    }
  });
});

test("an offer in place of one that was refused in the same dialog: same session, one version higher", async () => {
  const leg = `peer-${++legs}`;
  const first = await media.makeOffer(leg, { security: "sdes" });
  await expect(media.acceptAnswer(leg, sdp("m=audio 0 RTP/SAVP 8"))).rejects.toMatchObject({ warning: 304 });
  const second = await media.makeOffer(leg, { security: "none", instead: "" }, "again");
  const origins = [first, second].map((text) => /^o=zongji (\d+) (\d+) /m.exec(text)?.slice(1).map(Number));
  expect(second).toMatch(/^m=audio \d+ RTP\/AVP /m);
  expect(origins[1]).toEqual([origins[0]?.[0] ?? 0, 2]);
  expect(await media.acceptAnswer(leg, sdp("m=audio 4000 RTP/AVP 8"), "again")).toMatchObject({
    codec: "PCMA",
  });
  await media.release(leg);
  await nothingLeft();
});

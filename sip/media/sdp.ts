/** What we read from and write into session descriptions (RFC 4566, RFC 3264). */
import { parse } from "sdp-transform";
import { UnsupportedMediaError } from "./errors.ts";

export type Direction = "sendrecv" | "sendonly" | "recvonly" | "inactive";

/** Audio codecs that rtpengine decodes and encodes here. */
const KNOWN = new Set([
  "PCMA",
  "PCMU",
  "G722",
  "OPUS",
  "G729",
  "G729A",
  "GSM",
  "SPEEX",
  "ILBC",
  "AMR",
  "AMR-WB",
  "G723",
]);
/** Static payload types (RFC 3551 §6) that may come without rtpmap. */
const STATIC: Readonly<Record<number, string>> = {
  0: "PCMU",
  3: "GSM",
  4: "G723",
  8: "PCMA",
  9: "G722",
  18: "G729",
};

/** The Internet Protocol of a "c=" line. */
export type Family = "IP4" | "IP6";

export interface AudioDescription {
  readonly address: string;
  readonly family: Family;
  readonly port: number;
  readonly protocol: string;
  /** In order of preference, telephone-event and comfort noise left out; as written in the SDP. */
  readonly codecs: readonly {
    readonly name: string;
    readonly payloadType: number;
    readonly known: boolean;
  }[];
  /** Payload type of telephone-event/8000, or null. */
  readonly eventType: number | null;
  /** Seen from who wrote the SDP; the old hold by address 0.0.0.0 (RFC 2543) reads as it was meant. */
  readonly direction: Direction;
  /** How the voice is to be protected: not at all, keys in the SDP (RFC 4568), keys by DTLS (RFC 5763). */
  readonly security: "none" | "sdes" | "dtls";
  /** Keys that can be used (RFC 4568 §6.2): a suite we know with a key of its length; or a fingerprint. */
  readonly keyed: boolean;
  /** Keys in a description without protection: who can may use them (RFC 8643). */
  readonly opportunistic: boolean;
  readonly ice: boolean;
  readonly rtcpMux: boolean;
  readonly mid: boolean;
  /** All streams in order; `chosen` is the index of this one. */
  readonly streams: readonly StreamLine[];
  readonly chosen: number;
}

/** An "m=" line. */
export interface StreamLine {
  readonly type: string;
  readonly protocol: string;
  readonly formats: string;
}

/** Bytes of master key and salt of the suites that rtpengine speaks (RFC 4568, RFC 6188, RFC 7714). */
const SUITES: Readonly<Record<string, number>> = {
  AEAD_AES_256_GCM: 44,
  AEAD_AES_128_GCM: 28,
  AES_256_CM_HMAC_SHA1_80: 46,
  AES_256_CM_HMAC_SHA1_32: 46,
  AES_192_CM_HMAC_SHA1_80: 38,
  AES_192_CM_HMAC_SHA1_32: 38,
  AES_CM_128_HMAC_SHA1_80: 30,
  AES_CM_128_HMAC_SHA1_32: 30,
};

/** Whether an a=crypto line can be used: "AES_CM_128_HMAC_SHA1_80", "inline:KEY|2^31". */
function usableKey(suite: string, config: string): boolean {
  const bytes = SUITES[suite.toUpperCase()];
  const key = /^inline:([A-Za-z0-9+/]+={0,2})(?:\||$)/.exec(config.trim())?.[1];
  return bytes !== undefined && key !== undefined && Buffer.from(key, "base64").length === bytes;
}

/**
 * The first usable audio stream.
 * @throws UnsupportedMediaError without one
 */
export function describeAudio(sdp: string): AudioDescription {
  let session: ReturnType<typeof parse>;
  try {
    session = parse(sdp);
  } catch {
    throw new UnsupportedMediaError("the session description cannot be read");
  }
  const chosen = (session.media ?? []).findIndex((each) => each.type === "audio" && each.port > 0);
  const media = session.media?.[chosen];
  if (!media) throw new UnsupportedMediaError("no audio stream", 304);
  const protocol = String(media.protocol ?? "");
  if (!/^(RTP\/S?AVPF?|UDP\/TLS\/RTP\/SAVPF?)$/.test(protocol)) {
    throw new UnsupportedMediaError(`transport ${protocol || "unknown"}`, 302);
  }
  const address = media.connection?.ip ?? session.connection?.ip ?? "";
  const codecs: { name: string; payloadType: number; known: boolean }[] = [];
  let eventType: number | null = null;
  for (const word of String(media.payloads ?? "").split(/\s+/)) {
    if (!/^\d{1,3}$/.test(word)) continue;
    const payloadType = Number(word);
    const map = media.rtp.find((each) => each.payload === payloadType);
    const name = map?.codec ?? STATIC[payloadType];
    if (name === undefined || name.toUpperCase() === "CN" || name.toUpperCase() === "RED") continue;
    if (name.toLowerCase() === "telephone-event") {
      if (map?.rate === 8000 || eventType === null) eventType = payloadType;
      continue;
    }
    codecs.push({ name, payloadType, known: KNOWN.has(name.toUpperCase()) });
  }
  const written = (media.direction ?? session.direction ?? "sendrecv") as Direction;
  const nowhere = address === "0.0.0.0" || address === "::";
  const direction = nowhere && written === "sendrecv" ? "sendonly" : written;
  return {
    address,
    family: familyOf(address),
    port: media.port,
    protocol,
    codecs,
    eventType,
    direction,
    ...securityOf(protocol, media, session),
    ice: media.iceUfrag !== undefined || session.iceUfrag !== undefined,
    rtcpMux: media.rtcpMux !== undefined,
    mid: media.mid !== undefined,
    streams: session.media.map((each) => ({
      type: each.type,
      protocol: String(each.protocol ?? ""),
      formats: String(each.payloads ?? ""),
    })),
    chosen,
  };
}

/** The family of a numeric address, in brackets or not; names count as IPv4. */
export function familyOf(address: string): Family {
  return address.includes(":") ? "IP6" : "IP4";
}

type Session = ReturnType<typeof parse>;

function securityOf(
  protocol: string,
  media: Session["media"][number],
  session: Session,
): Pick<AudioDescription, "security" | "keyed" | "opportunistic"> {
  const crypto = (media.crypto ?? []).some((line) => usableKey(line.suite, line.config));
  if (!protocol.includes("SAVP")) return { security: "none", keyed: true, opportunistic: crypto };
  const opportunistic = false;
  const fingerprint = media.fingerprint ?? session.fingerprint;
  const ice = (media.iceUfrag ?? session.iceUfrag) !== undefined;
  if (protocol.startsWith("UDP/TLS") || (fingerprint !== undefined && (ice || !crypto))) {
    const digest = /^(?:[0-9A-F]{2}:){15,63}[0-9A-F]{2}$/i.test(fingerprint?.hash ?? "");
    return { security: "dtls", keyed: digest, opportunistic };
  }
  return { security: "sdes", keyed: crypto, opportunistic };
}

/** Refuses a secure stream without keys: rtpengine would take it and nobody would hear anything. @throws UnsupportedMediaError */
export function requireKeys(audio: AudioDescription): void {
  if (audio.keyed) return;
  const missing = audio.security === "dtls" ? "no usable DTLS fingerprint" : "no usable SRTP key";
  throw new UnsupportedMediaError(missing, 302);
}

/** The codec list of `offer`, when at least one is known. @throws UnsupportedMediaError */
export function requireKnownCodec(audio: AudioDescription): void {
  if (!audio.codecs.some((codec) => codec.known)) {
    throw new UnsupportedMediaError(
      `no known codec among ${audio.codecs.map((each) => each.name).join(", ") || "none"}`,
    );
  }
}

/** How codec names are asked of rtpengine. */
export function rtpengineName(codec: string): string {
  return codec.toUpperCase() === "OPUS" ? "opus" : codec;
}

/**
 * The description of a port channel: PCMA and keys on loopback. As an answer it must have the streams of the offer in
 * their order (RFC 3264 §6): all but the one `among` are refused.
 */
export function portSdp(
  address: string,
  port: number,
  eventType: number | null,
  direction: Direction = "sendrecv",
  among: Pick<AudioDescription, "streams" | "chosen"> = { streams: [ONLY], chosen: 0 },
): string {
  const audio = [
    `m=audio ${port} RTP/AVP 8${eventType === null ? "" : ` ${eventType}`}`,
    "a=rtpmap:8 PCMA/8000",
  ];
  if (eventType !== null)
    audio.push(`a=rtpmap:${eventType} telephone-event/8000`, `a=fmtp:${eventType} 0-15`);
  audio.push("a=ptime:20", `a=${direction}`);
  const streams = among.streams.flatMap(({ type, protocol, formats }, index) =>
    index === among.chosen ? audio : [`m=${type} 0 ${protocol} ${formats}`],
  );
  const session = ["v=0", `o=- ${port} 1 IN IP4 ${address}`, "s=-", `c=IN IP4 ${address}`, "t=0 0"];
  return [...session, ...streams, ""].join("\r\n");
}

const ONLY: StreamLine = { type: "audio", protocol: "RTP/AVP", formats: "8" };

/** The direction to answer with (RFC 3264 §6.1). */
export function mirrored(direction: Direction): Direction {
  if (direction === "sendonly") return "recvonly";
  return direction === "recvonly" ? "sendonly" : direction;
}

/**
 * Our o= line for a dialog: the session id stays, the version goes up by one exactly when anything else changed
 * (RFC 3264 §8).
 */
export class SessionVersion {
  readonly #id = Math.floor(Math.random() * 2 ** 48);
  #version = 0;
  #last = "";

  stamp(sdp: string, addresses: { readonly address: string; readonly address6?: string }): string {
    const lines = sdp.split(/\r?\n/).filter((line) => line !== "");
    const rest = lines.filter((line) => !line.startsWith("o=")).join("\r\n");
    if (rest !== this.#last) this.#version++;
    this.#last = rest;
    const { address, address6 } = addresses;
    const family = address6 !== undefined && /^c=IN IP6 /m.test(sdp) ? "IP6" : "IP4";
    const own = family === "IP6" ? address6 : address;
    const origin = `o=zongji ${this.#id} ${this.#version} IN ${family} ${own}`;
    const stamped = lines.map((line) =>
      line.startsWith("o=") ? origin : line.startsWith("s=") ? "s=-" : line,
    );
    return `${stamped.join("\r\n")}\r\n`;
  }
}

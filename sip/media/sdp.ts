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

export interface AudioDescription {
  readonly address: string;
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
  readonly secure: boolean;
  readonly webrtc: boolean;
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
  const media = (session.media ?? []).find((each) => each.type === "audio" && each.port > 0);
  if (!media) throw new UnsupportedMediaError("no audio stream");
  const protocol = String(media.protocol ?? "");
  if (!/^(RTP\/S?AVPF?|UDP\/TLS\/RTP\/SAVPF?)$/.test(protocol)) {
    throw new UnsupportedMediaError(`transport ${protocol || "unknown"}`);
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
  const direction = address === "0.0.0.0" && written === "sendrecv" ? "sendonly" : written;
  return {
    address,
    port: media.port,
    protocol,
    codecs,
    eventType,
    direction,
    secure: protocol.includes("SAVP"),
    webrtc: media.fingerprint !== undefined || session.fingerprint !== undefined,
  };
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

/** The description of a port channel: PCMA and keys on loopback. */
export function portSdp(
  address: string,
  port: number,
  eventType: number | null,
  direction: Direction = "sendrecv",
  pcmaType = 8,
): string {
  const lines = [
    "v=0",
    `o=- ${port} 1 IN IP4 ${address}`,
    "s=-",
    `c=IN IP4 ${address}`,
    "t=0 0",
    `m=audio ${port} RTP/AVP ${pcmaType}${eventType === null ? "" : ` ${eventType}`}`,
    `a=rtpmap:${pcmaType} PCMA/8000`,
  ];
  if (eventType !== null)
    lines.push(`a=rtpmap:${eventType} telephone-event/8000`, `a=fmtp:${eventType} 0-15`);
  lines.push("a=ptime:20", `a=${direction}`, "");
  return lines.join("\r\n");
}

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

  stamp(sdp: string, address: string): string {
    const lines = sdp.split(/\r?\n/).filter((line) => line !== "");
    const rest = lines.filter((line) => !line.startsWith("o=")).join("\r\n");
    if (rest !== this.#last) this.#version++;
    this.#last = rest;
    const origin = `o=zongji ${this.#id} ${this.#version} IN IP4 ${address}`;
    const stamped = lines.map((line) =>
      line.startsWith("o=") ? origin : line.startsWith("s=") ? "s=-" : line,
    );
    return `${stamped.join("\r\n")}\r\n`;
  }
}

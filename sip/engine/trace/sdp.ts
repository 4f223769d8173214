/** What an SDP (RFC 4566) says, in short; tolerant of anything. */
export interface SdpSummary {
  /** The address where media is wanted. */
  readonly address: string;
  readonly media: readonly SdpMedia[];
}

export interface SdpMedia {
  readonly kind: string;
  /** 0: refused. */
  readonly port: number;
  readonly direction: "sendrecv" | "sendonly" | "recvonly" | "inactive";
  /** Names without telephone-event. */
  readonly codecs: readonly string[];
  /** telephone-event (RFC 4733) is offered. */
  readonly keys: boolean;
  readonly security: "none" | "sdes" | "dtls";
  readonly ice: boolean;
}

const STATIC: Readonly<Record<string, string>> = {
  0: "PCMU",
  3: "GSM",
  4: "G723",
  8: "PCMA",
  9: "G722",
  13: "CN",
  18: "G729",
};
const MOST_MEDIA = 20;

/** Summary of a session description. */
export function sdpSummary(sdp: string): SdpSummary {
  const [session = "", ...sections] = sdp.split(/^(?=m=)/m);
  const connection = (text: string) => /^c=IN IP[46] ([^\s/]+)/m.exec(text)?.[1];
  return {
    address: connection(sections[0] ?? "") ?? connection(session) ?? "",
    media: sections.slice(0, MOST_MEDIA).map((section) => mediaOf(section, session)),
  };
}

function mediaOf(section: string, session: string): SdpMedia {
  const [, kind = "", port = "0", profile = "", formats = ""] =
    /^m=(\S+) (\d+)\S* (\S+) ?(.*)$/m.exec(section) ?? [];
  const names = new Map(
    [...section.matchAll(/^a=rtpmap:(\d+) ([^\s/]+)/gm)].map((match) => [match[1] ?? "", match[2] ?? ""]),
  );
  const codecs = formats
    .trim()
    .split(/\s+/)
    .map((format) => names.get(format) ?? STATIC[format] ?? format)
    .filter((codec) => codec !== "");
  const both = section + session;
  const isKeys = (codec: string) => codec.toLowerCase() === "telephone-event";
  return {
    kind,
    port: Number(port),
    direction: wayOf(section) ?? wayOf(session) ?? "sendrecv",
    codecs: codecs.filter((codec) => !isKeys(codec)),
    keys: codecs.some(isKeys),
    security: securityOf(profile, both),
    ice: /^a=(?:ice-ufrag|candidate):/m.test(both),
  };
}

function wayOf(text: string): SdpMedia["direction"] | undefined {
  const found = /^a=(sendrecv|sendonly|recvonly|inactive)\s*$/m.exec(text)?.[1];
  return found as SdpMedia["direction"] | undefined;
}

function securityOf(profile: string, text: string): SdpMedia["security"] {
  if (/^UDP\/TLS/i.test(profile) || (/SAVP/.test(profile) && /^a=fingerprint:/m.test(text))) return "dtls";
  return /SAVP/.test(profile) || /^a=crypto:/m.test(text) ? "sdes" : "none";
}

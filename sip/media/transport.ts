/** How rtpengine is told to speak with a party: plain, SRTP with keys in the SDP (RFC 4568), or WebRTC (RFC 8827). */
import type { OfferOptions } from "./model.ts";
import type { NgDictionary } from "./rtpengine.ts";
import type { AudioDescription } from "./sdp.ts";

/** Two suites that every SRTP phone knows: a dozen would make the INVITE too long for UDP. */
const OTHER_SUITES = [
  "AEAD_AES_256_GCM",
  "AEAD_AES_128_GCM",
  "AES_256_CM_HMAC_SHA1_80",
  "AES_256_CM_HMAC_SHA1_32",
  "AES_192_CM_HMAC_SHA1_80",
  "AES_192_CM_HMAC_SHA1_32",
  "F8_128_HMAC_SHA1_80",
  "F8_128_HMAC_SHA1_32",
  "NULL_HMAC_SHA1_80",
  "NULL_HMAC_SHA1_32",
].map((suite) => `no-${suite}`);

const PLAIN = {
  "transport-protocol": "RTP/AVP",
  ICE: "remove",
  flags: ["no-rtcp-attribute"],
} satisfies NgDictionary;

/** Keys of an ng command whose SDP goes to a party that has not said anything yet. */
export function offerTransport(security: OfferOptions["security"] = "none"): NgDictionary {
  switch (security) {
    case "sdes":
      return { ...PLAIN, "transport-protocol": "RTP/SAVP", DTLS: "off", SDES: OTHER_SUITES };
    case "webrtc":
      return {
        "transport-protocol": "UDP/TLS/RTP/SAVPF",
        ICE: "force",
        "rtcp-mux": ["offer", "require"],
        SDES: ["off"],
        flags: ["generate-mid", "full-rtcp-attribute"],
      };
    default:
      return PLAIN;
  }
}

/** Keys of an ng command whose SDP goes to a party that has described itself. */
export function partyTransport(party: AudioDescription): NgDictionary {
  const protocol = { "transport-protocol": party.protocol };
  switch (party.security) {
    case "dtls":
      return {
        ...protocol,
        ICE: party.ice ? "force" : "remove",
        "rtcp-mux": [party.rtcpMux ? "require" : "demux"],
        SDES: ["off"],
        flags: [...(party.mid ? ["generate-mid"] : []), "full-rtcp-attribute"],
      };
    case "sdes":
      return { ...PLAIN, ...protocol, DTLS: "off" };
    default:
      // RFC 8643: phones set to "SRTP if possible" offer keys in RTP/AVP; they speak plainly to who takes none.
      // rtpengine calls it a protocol of its own: naming RTP/AVP here would take the keys away.
      return party.opportunistic
        ? { ICE: "remove", flags: PLAIN.flags, DTLS: "off", OSRTP: ["offer", "accept"] }
        : { ...PLAIN, ...protocol };
  }
}

/** Keys of an ng command whose SDP goes to a channel of the port. */
export const PORT_TRANSPORT: NgDictionary = {
  "transport-protocol": "RTP/AVP",
  ICE: "remove",
  DTLS: "off",
  "rtcp-mux": ["demux"],
  flags: ["strip-extmap", "no-rtcp-attribute"],
};

/** Whether our offer had no keys: the first by what was asked for, later ones by what the party said last. */
export function offeredPlain(
  asked: OfferOptions["security"] = "none",
  party: AudioDescription | null = null,
): boolean {
  return party === null ? asked === "none" : party.security === "none" && !party.opportunistic;
}

/**
 * An answer without a=crypto. Phones set to "SRTP if possible" put their keys even into answers to offers without any
 * (against RFC 4568 §5.1.2) and then speak plainly; rtpengine would wait for SRTP and drop their voice.
 */
export function withoutKeys(answer: string): string {
  return answer.replace(/^a=crypto:.*(?:\r?\n|$)/gim, "");
}

/** Whether an answer keeps to what was offered: a secure offer must not be answered in the clear. */
export function keepsSecurity(offered: OfferOptions["security"], answer: AudioDescription): boolean {
  if (offered === "sdes") return answer.security !== "none";
  if (offered === "webrtc") return answer.security === "dtls" && answer.ice;
  return answer.security === "none";
}

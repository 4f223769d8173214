/** What the ladder shows in words: kinds of messages, media descriptions, who is who. */
import type { TracedParty } from "../../../appliance/calls/index.ts";
import type { LadderColumn, LadderStep, SdpSummary } from "../../../sip/index.ts";
import type { Translate } from "../../locale/index.ts";

/** Colour and shape of a message. */
export function kindOf(step: LadderStep): { readonly css: string; readonly shape: string } {
  const { status } = step;
  if (status === undefined) {
    const ends = step.method === "BYE" || step.method === "CANCEL";
    return ends ? { css: "k-end", shape: "■" } : { css: "k-request", shape: "" };
  }
  if (status === 100) return { css: "k-trying", shape: "…" };
  if (status < 200) return { css: "k-ringing", shape: "◐" };
  if (status < 300) return { css: "k-ok", shape: "✓" };
  if (status === 401 || status === 407) return { css: "k-challenge", shape: "?" };
  return status < 400 ? { css: "k-challenge", shape: "↪" } : { css: "k-refused", shape: "✕" };
}

/** "PCMA, PCMU → 192.0.2.7:4000": the voice in a few signs, for the arrow. */
export function sdpShort(t: Translate, sdp: SdpSummary): string {
  const audio = sdp.media.find((media) => media.kind === "audio") ?? sdp.media[0];
  if (!audio) return "";
  if (audio.port === 0) return t("trace.sdp-refused", { kind: audio.kind });
  const extras = [
    audio.direction === "sendrecv" ? "" : t(`trace.way.${audio.direction}`),
    audio.security === "none" ? "" : t(`trace.security.${audio.security}`),
  ].filter((word) => word !== "");
  return [`${audio.codecs.join(", ")} @ ${sdp.address}:${audio.port}`, ...extras].join(" · ");
}

/** Every stream in words. */
export function sdpLong(t: Translate, sdp: SdpSummary): string[] {
  return sdp.media.map((media) => {
    if (media.port === 0) return t("trace.sdp-refused", { kind: media.kind });
    const { kind, port } = media;
    const codecs = media.codecs.join(", ");
    return [
      t("trace.sdp-audio", { kind, codecs, address: sdp.address, port }),
      t(`trace.way.${media.direction}`),
      t(`trace.security.${media.security}`),
      media.ice ? t("trace.ice") : "",
      media.keys ? t("trace.keys") : "",
    ]
      .filter((word) => word !== "")
      .join(" · ");
  });
}

/** Heading of a column: role and number, then the address. */
export function nameOf(
  t: Translate,
  column: LadderColumn,
  parties: readonly TracedParty[],
): { readonly name: string; readonly address: string } {
  const party = parties.find((one) => one.callId === column.callId);
  const name = party ? `${t(`trace.role.${party.role}`)} ${party.name}`.trim() : column.host;
  return { name, address: column.remote.replace(/^(\w+):/, "$1 ").replace("::ffff:", "") };
}

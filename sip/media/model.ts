/**
 * The media vocabulary (design.md §5). Every leg is one rtpengine call between the party and a channel of the
 * media port (a Worker; PCMA + telephone-event on loopback). All playing, mixing and recording happens in the port,
 * so moving a party between menu, queue and agent never needs a re-INVITE.
 */
import type { LegId } from "../legs/model.ts";

/** Something to play. Files are 8 kHz mono 16-bit WAV. */
export type PlayItem =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "silence"; readonly ms: number }
  /** Sine of one or two frequencies (Hz) at `level` dBm0 (default −15). */
  | { readonly kind: "tone"; readonly hz: readonly number[]; readonly ms: number; readonly level?: number };

export interface PlaySpec {
  readonly play: string;
  readonly leg: LegId;
  readonly items: readonly PlayItem[];
  /** Times to repeat the whole list; "forever" for waiting music. Default 1. */
  readonly times?: number | "forever";
  /** Stop when the party presses a key. */
  readonly stopOnDigit?: boolean;
  /** Continue music where this play id stopped last time (waiting music after an announcement). */
  readonly resumeKey?: string;
}

export interface RecordSpec {
  readonly recording: string;
  /** Absolute path of the WAV (8 kHz, 16-bit). Written as path.part and renamed when complete. */
  readonly file: string;
  /** Left channel: what this leg says. */
  readonly left: LegId;
  /** Right channel: what this leg says; may be set later by `recordParty`. Absent: silence (or mono if `mono`). */
  readonly right?: LegId;
  readonly mono?: boolean;
}

export type MediaEvent =
  | { readonly type: "digit"; readonly leg: LegId; readonly digit: string; readonly at: number }
  | {
      readonly type: "play-finished";
      readonly leg: LegId;
      readonly play: string;
      /** "replaced": another play took its place; "failed": file missing or unreadable. */
      readonly outcome: "completed" | "interrupted" | "stopped" | "replaced" | "failed" | "ended";
      readonly ms: number;
      readonly at: number;
    }
  | {
      readonly type: "recording-finished";
      readonly recording: string;
      readonly file: string;
      readonly ms: number;
      readonly bytes: number;
      readonly sha256: string;
      readonly at: number;
    }
  /** Disk full or unwritable: the call goes on, what was written is kept. */
  | {
      readonly type: "recording-failed";
      readonly recording: string;
      readonly reason: string;
      readonly at: number;
    }
  /** A party that should be talking has sent nothing for this long; told again after as long once more. */
  | { readonly type: "silent"; readonly leg: LegId; readonly ms: number; readonly at: number }
  /** rtpengine or the port died: every leg listed has no audio any more. */
  | { readonly type: "media-lost"; readonly legs: readonly LegId[]; readonly at: number }
  | { readonly type: "media-restored"; readonly at: number };

/** How a leg's media is offered; what is left out is the house's own choice. */
export interface OfferOptions {
  /** Codecs as in SDP ("PCMA", "G722", "opus"), first is preferred. */
  readonly codecs?: readonly string[];
  /** "none": RTP/AVP; "sdes": RTP/SAVP with a=crypto (RFC 4568); "webrtc": ICE and DTLS-SRTP (RFC 8827). */
  readonly security?: "none" | "sdes" | "webrtc";
  /** How keys go to the party: telephone-event (RFC 4733), SIP INFO, or tones in the voice. */
  readonly dtmf?: "rfc4733" | "info" | "inband";
  /** How the party is reached, for our own offers: by IPv4 unless it is known to speak IPv6. */
  readonly family?: "IP4" | "IP6";
  /** The branch whose offer this party refused in the same dialog: its session goes on with this one (RFC 3264 §8). */
  readonly instead?: string;
}

/** What a party wants to do with its voice, seen from it (RFC 4566 §6). */
export type MediaDirection = "sendrecv" | "sendonly" | "recvonly" | "inactive";

/**
 * What sip/legs uses to set a leg up. SDP in, SDP out. A leg that rings several devices makes an offer for each
 * `branch`; the branch whose answer is taken stays, the others are given up.
 */
export interface MediaLegs {
  /**
   * Party offered (incoming INVITE): returns our answer. `limits`: the first of `codecs` that the offer has is
   * answered; "sdes" refuses offers in the clear; "inband" listens for keys in the voice and sends them so.
   * Throws UnsupportedMediaError (→ 488) without usable audio.
   */
  acceptOffer(
    leg: LegId,
    offer: string,
    limits?: OfferOptions,
  ): Promise<{ readonly answer: string; readonly codec: string }>;
  /** We offer: an outgoing INVITE; without `branch` also once more to the party of an answered call. */
  makeOffer(leg: LegId, options?: OfferOptions, branch?: string): Promise<string>;
  /** Throws UnsupportedMediaError when the answer has no usable audio or gives up the protection that was offered. */
  acceptAnswer(
    leg: LegId,
    answer: string,
    branch?: string,
  ): Promise<{ readonly codec: string; readonly direction: MediaDirection }>;
  /** re-INVITE or UPDATE from the party. `direction` is what the party now wants, seen from it. */
  reoffer(
    leg: LegId,
    offer: string,
  ): Promise<{ readonly answer: string; readonly direction: MediaDirection }>;
  release(leg: LegId): Promise<void>;
  sendDigits(leg: LegId, digits: string): void;
}

/** What the appliance uses. Unknown legs are ignored (they may have just ended). */
export interface MediaPort {
  onEvent(listener: (event: MediaEvent) => void): () => void;
  play(spec: PlaySpec): void;
  stopPlay(leg: LegId, play?: string): void;
  /**
   * Who the leg hears: the mix of these legs' voices (mix-minus is implied: never itself). Replaces the previous list.
   * Two-party bridge: hear(a,[b]); hear(b,[a]). Whisper: hear(agent,[caller, supervisor]). Hold: hear(a, []).
   * A playing item is heard on top; while it plays the mix is muted unless `duck` is set on play (not yet).
   */
  hear(listener: LegId, sources: readonly LegId[]): void;
  startRecording(spec: RecordSpec): void;
  recordParty(recording: string, channel: "left" | "right", leg: LegId | null): void;
  pauseRecording(recording: string): void;
  resumeRecording(recording: string): void;
  stopRecording(recording: string): void;
  /** Live figures for health pages and tests. */
  stats(): Promise<MediaStats>;
}

export interface MediaStats {
  readonly channels: number;
  readonly recordings: number;
  readonly packetsIn: number;
  readonly packetsOut: number;
  readonly packetsLost: number;
  readonly rtpengine: {
    readonly state: "up" | "starting" | "down";
    readonly calls: number;
    readonly restarts: number;
  };
}

/**
 * The appliance's vocabulary for calls (design.md §4): a leg is one SIP dialog of ours with one party. The
 * appliance never sees SIP messages; it sees leg events and gives leg commands.
 */
export type LegId = string;

/** Who sent an incoming INVITE, after digest or trunk-address checks. */
export type LegSource =
  | {
      readonly kind: "extension";
      readonly extensionId: number;
      readonly number: string;
      readonly address: string;
    }
  | { readonly kind: "trunk"; readonly trunkId: number; readonly name: string; readonly address: string }
  /** Somebody unknown, where the office has opened the number called to everybody. */
  | { readonly kind: "anonymous"; readonly address: string };

/** Whom to ring with an outgoing leg. */
export type DialTarget =
  /** Rings every registered device of the extension at once; the first to answer wins, the others are cancelled. */
  | { readonly kind: "extension"; readonly extensionId: number; readonly number: string }
  | { readonly kind: "trunk"; readonly trunkId: number; readonly number: string };

/**
 * Why a call is forwarded (RFC 5806 §5, diversion-reason). "unknown": an answered call is transferred, for which the RFC
 * has no reason; carriers look at the number that diverts.
 */
export type DiversionReason = "unconditional" | "user-busy" | "no-answer" | "unavailable" | "unknown";

export interface ForwardedCaller {
  readonly number: string;
  readonly name?: string;
  /** Default: unconditional. */
  readonly reason?: DiversionReason;
}

export interface DialSpec {
  readonly leg: LegId;
  readonly target: DialTarget;
  /** Caller number and name shown to the party. */
  readonly callerNumber: string;
  readonly callerName?: string;
  /** The call is forwarded: who called in the first place. Trunks that name diversions show it. */
  readonly forwardedFor?: ForwardedCaller;
  /** End at once ("unreachable") when the trunk is known to be down: there is another to try. */
  readonly onlyIfUp?: boolean;
  /** Give up after this long without an answer, ms; ends with cause "no-answer". */
  readonly timeoutMs: number;
  /** Ask the phone to answer by itself (Call-Info/Alert-Info answer-after headers). */
  readonly autoAnswer?: boolean;
  /** Extra headers, e.g. Diversion, X-Zongji-Journey. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Why a leg ended, one closed list. "lost" = the dialog vanished (reconciler or restart); "media" = rtpengine died.
 */
export const LEG_END_CAUSES = [
  "normal",
  "cancelled",
  "busy",
  "declined",
  "no-answer",
  "unreachable",
  "not-found",
  "forbidden",
  "rejected",
  "congestion",
  "unsupported-media",
  "timeout",
  "lost",
  "media",
  "error",
] as const;
export type LegEndCause = (typeof LEG_END_CAUSES)[number];

export type LegEvent =
  | {
      readonly type: "incoming";
      readonly leg: LegId;
      readonly source: LegSource;
      /** User part of the Request-URI: the dialled number or the DID. */
      readonly dialled: string;
      /** User part and display name of P-Asserted-Identity (trunks only) or From. */
      readonly callerNumber: string;
      readonly callerName: string;
      readonly sipCallId: string;
      /**
       * INVITE with Replaces (RFC 3891): the leg of ours whose party this one takes the place of. It talks, or we ring it.
       */
      readonly replaces?: LegId;
      readonly at: number;
    }
  /** An INVITE has left; once for each device that is rung. */
  | { readonly type: "trying"; readonly leg: LegId; readonly sipCallId: string; readonly at: number }
  | { readonly type: "ringing"; readonly leg: LegId; readonly earlyMedia: boolean; readonly at: number }
  | {
      readonly type: "answered";
      readonly leg: LegId;
      readonly codec: string;
      readonly device?: string;
      readonly at: number;
    }
  /** The phone put us on hold (sendonly/inactive re-INVITE) or took us back. */
  | { readonly type: "held"; readonly leg: LegId; readonly at: number }
  | { readonly type: "resumed"; readonly leg: LegId; readonly at: number }
  /** One key, from RFC 4733 or SIP INFO; never doubled when a phone sends both. */
  | {
      readonly type: "digit";
      readonly leg: LegId;
      readonly digit: string;
      readonly via: "rfc4733" | "info";
      readonly at: number;
    }
  /** A phone asked to transfer (REFER). The appliance answers with `transferResult`. */
  | {
      readonly type: "transfer-requested";
      readonly leg: LegId;
      readonly to: string;
      /** Attended: the leg of ours that the Replaces names; the one consulted may still ring. */
      readonly replaces?: LegId;
      readonly at: number;
    }
  | {
      readonly type: "ended";
      readonly leg: LegId;
      readonly cause: LegEndCause;
      /** "remote": the party hung up, refused or cancelled. "local": our command. "system": error, time-out, loss. */
      readonly by: "remote" | "local" | "system";
      readonly sipStatus?: number;
      readonly sipReason?: string;
      readonly at: number;
    };

/** SIP status for refusing an incoming leg. */
export interface Refusal {
  readonly status: 403 | 404 | 408 | 480 | 481 | 486 | 488 | 500 | 503 | 600 | 603;
  readonly reason?: string;
}

/**
 * Every method is safe on an unknown or ended leg (it does nothing, or rejects with LegGoneError when it must
 * return something). Each leg gives exactly one "ended" event, always the last one.
 * Audio: each answered leg is a channel of the media port under the same id (see sip/media/model.ts).
 */
export interface Legs {
  onEvent(listener: (event: LegEvent) => void): () => void;
  /** Send 180 on an incoming leg; with `earlyMedia` a 183 with SDP so that prompts can play before the answer. */
  ring(leg: LegId, options?: { readonly earlyMedia?: boolean }): Promise<void>;
  /** 200 OK on an incoming leg, media connected; resolves when the media channel is up. */
  answer(leg: LegId): Promise<void>;
  refuse(leg: LegId, refusal: Refusal): void;
  /** Place an outgoing leg; failures come as "ended" events, never as throws. */
  dial(spec: DialSpec): void;
  /** BYE, CANCEL or refusal, whichever the state needs. `cause` becomes the cause of the "ended" event. */
  hangup(leg: LegId, cause?: LegEndCause): void;
  /** Put the party on hold by re-INVITE (sendonly) or take it back; optional for phones, our music plays anyway. */
  transferResult(leg: LegId, result: { readonly status: number; readonly reason: string }): void;
  /** Send DTMF towards the party (RFC 4733 through the media port). */
  sendDigits(leg: LegId, digits: string): void;
  /** Legs whose SIP dialog is alive, for the reconciler. */
  alive(): readonly {
    readonly leg: LegId;
    readonly state: "incoming" | "dialling" | "ringing" | "answered";
    readonly since: number;
  }[];
}

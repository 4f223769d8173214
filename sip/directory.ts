/**
 * What `sip` asks of the office. The appliance implements it over the database; `sip` imports neither.
 * All methods are synchronous look-ups on short indexed statements or memory.
 */
export interface EndpointCredentials {
  readonly extensionId: number;
  /** The extension number = SIP user name. */
  readonly number: string;
  readonly name: string;
  /** HA1 = H(user:realm:password), lower-case hex. */
  readonly ha1Md5: string;
  readonly ha1Sha256: string;
  readonly enabled: boolean;
  /** REGISTER accepted from outside the LAN (design.md §8). */
  readonly allowRemote: boolean;
}

export interface RegistrationRow {
  readonly extensionId: number;
  /** Number of the extension: whose device it is. */
  readonly number: string;
  /** Contact URI as sent by the device. */
  readonly contact: string;
  /** Source address to reach it ("udp:192.168.1.20:5060"); NAT is handled by using it. */
  readonly source: string;
  readonly userAgent: string;
  readonly callId: string;
  readonly cseq: number;
  /** +sip.instance, if any: a device replaces its own older binding. */
  readonly instance: string;
  /** Route values towards the device (Path of its REGISTER, RFC 3327); absent or empty: straight. */
  readonly path?: readonly string[];
  readonly registeredAt: number;
  readonly expiresAt: number;
}

/** How a number is written towards a carrier; numbers that are no full subscriber number stay as dialled. */
export type TrunkNumberFormat =
  | "dialled"
  /** With the trunk code of the country: 02155550100, 13800138000. */
  | "national"
  /** +862155550100 (E.164). */
  | "e164"
  /** 00862155550100. */
  | "idd";

/** What a trunk does beyond reaching the carrier; every field has a default (`TRUNK_DEFAULTS`). */
export interface TrunkOptions {
  /** "required": SDES-SRTP in every offer and no call without it. */
  readonly srtp: "off" | "required";
  readonly dtmf: "rfc4733" | "info" | "inband";
  /** Media before the answer is passed on. */
  readonly earlyMedia: boolean;
  /** New outgoing calls in any second; 0 = no limit. */
  readonly callsPerSecond: number;
  /** Of the number called. */
  readonly numberFormat: TrunkNumberFormat;
  /** Of the number shown. */
  readonly callerFormat: TrunkNumberFormat;
  /** ISO 3166 code by which national numbers are read ("CN"). */
  readonly country: string;
  /** Put before numbers dialled without one ("021"); "" = none. */
  readonly areaCode: string;
  /** Put before the number called, after formatting; never before short numbers. */
  readonly numberPrefix: string;
  /** "account" on a trunk without user name: the caller's number. */
  readonly fromUser: "account" | "caller" | "fixed";
  /** User part for `fromUser: "fixed"`. */
  readonly fromText: string;
  /** "account" on a trunk without user name: no user part. */
  readonly contactUser: "account" | "caller" | "fixed";
  readonly contactText: string;
  /** Forwarded calls name who forwarded them (RFC 5806). */
  readonly diversion: boolean;
  /** Calls go out anonymously (RFC 3323); the carrier still learns the number by the identity header. */
  readonly hideNumber: boolean;
}

export const TRUNK_DEFAULTS: TrunkOptions = {
  srtp: "off",
  dtmf: "rfc4733",
  earlyMedia: true,
  callsPerSecond: 0,
  numberFormat: "dialled",
  callerFormat: "dialled",
  country: "CN",
  areaCode: "",
  numberPrefix: "",
  fromUser: "account",
  fromText: "",
  contactUser: "account",
  contactText: "",
  diversion: false,
  hideNumber: false,
};

export interface TrunkConfig extends TrunkOptions {
  readonly id: number;
  readonly name: string;
  readonly enabled: boolean;
  readonly kind: "registration" | "ip";
  /** Carrier host or IP and port (0 = by lookup / 5060). */
  readonly host: string;
  readonly port: number;
  readonly transport: "udp" | "tcp" | "tls";
  readonly username: string;
  readonly authUsername: string;
  /** Trunk secrets must be usable towards the carrier, so the clear text is stored (0600 file). */
  readonly password: string;
  readonly fromDomain: string;
  readonly outboundProxy: string;
  /** Extra source addresses/CIDRs accepted as this trunk. */
  readonly allowedAddresses: readonly string[];
  readonly maxCalls: number;
  readonly registerExpiresS: number;
  readonly optionsPingS: number;
  readonly codecs: readonly string[];
  /** How to send the caller number. */
  readonly identityHeader: "none" | "pai" | "ppi" | "rpid";
}

/** What the REGISTERs of one moment come to. */
export interface RegistrationChanges {
  readonly saved: readonly RegistrationRow[];
  readonly removed: readonly Pick<RegistrationRow, "extensionId" | "contact">[];
}

export interface Directory {
  readonly realm: string;
  endpointByUser(user: string): EndpointCredentials | undefined;
  trunks(): readonly TrunkConfig[];
  loadRegistrations(): readonly RegistrationRow[];
  /**
   * Removes, then saves, all or nothing. Throws, or rejects, when it could not be kept. Durable on return, or when the
   * promise resolves: no 200 to these REGISTERs leaves before.
   */
  saveRegistrations(changes: RegistrationChanges): Promise<void> | undefined;
}

export interface DeviceState {
  readonly extensionId: number;
  readonly online: boolean;
  readonly devices: readonly {
    readonly contact: string;
    readonly source: string;
    readonly userAgent: string;
    readonly expiresAt: number;
    readonly latencyMs: number | null;
  }[];
}

/** Why a trunk does not work, for words in any language. */
export interface TrunkProblem {
  readonly code:
    | "not-checked"
    /** OPTIONS go unanswered, as with many carriers, and no call has shown more. */
    | "untried"
    | "no-answer"
    | "host-unknown"
    | "no-connection"
    | "certificate"
    | "no-transport"
    | "engine"
    | "wrong-password"
    | "forbidden"
    | "user-unknown"
    | "rejected"
    | "ran-out";
  /** "403 Forbidden", or what the system said; may be empty. */
  readonly detail: string;
}

export interface TrunkState {
  readonly trunkId: number;
  readonly state:
    | "disabled"
    | "registering"
    | "registered"
    | "up"
    | "unproven"
    | "down"
    | "refused"
    | "unreachable";
  /** In plain words, e.g. "403 Forbidden"; empty when well. */
  readonly reason: string;
  readonly problem: TrunkProblem | null;
  readonly since: number;
  readonly registeredUntil: number | null;
  readonly callsNow: number;
  readonly latencyMs: number | null;
}

/** What the defence is told, and what it tells. */
import type { TransportProtocol } from "../message/model.ts";

export interface DefenceOptions {
  readonly enabled: boolean;
  /** Addresses and networks that are never judged, limited or banned. */
  readonly allow: readonly string[];
  /** Packets a second and burst from one source before they are dropped in silence. */
  readonly rate: number;
  readonly burst: number;
  /** The same for all unknown sources together: known phones and carriers keep their share of the machine. */
  readonly boxRate: number;
  readonly boxBurst: number;
  /** Failures (guesses, unknown names, refused methods) in `windowMs` that make a ban; they run out evenly. */
  readonly failures: number;
  readonly windowMs: number;
  /** First ban, ms; doubles with each further one, up to a day. */
  readonly banMs: number;
  /** Longest ban on evidence that anybody could have forged (UDP without an answered challenge), ms. */
  readonly forgeableBanMs: number;
  /** Sources remembered at once. */
  readonly sources: number;
  /** The app reports proven and failed sign-ins; without, they are guessed from the answers. */
  readonly told: boolean;
}

export const DEFENCE_DEFAULTS: DefenceOptions = {
  enabled: true,
  // Whoever sends from here is on the machine already, or comes through a proxy that stands for many.
  allow: ["127.0.0.0/8", "::1"],
  rate: 200,
  burst: 800,
  boxRate: 2_000,
  boxBurst: 6_000,
  failures: 20,
  windowMs: 60_000,
  banMs: 600_000,
  forgeableBanMs: 3_600_000,
  sources: 10_000,
  told: false,
};

export type BanReason = "guessing" | "scanning" | "flood" | "malformed" | "manual";

export interface Ban {
  /** One address, or an IPv6 network "2001:db8:1:2::/64". */
  readonly address: string;
  /** UTC ms. */
  readonly since: number;
  readonly until: number;
  readonly reason: BanReason;
  /** Failures seen of this source before it was banned. */
  readonly evidence: number;
  /** Which ban of this source this is, 1 = the first. */
  readonly times: number;
}

/** All bans at a revision of the list. */
export interface BanList {
  readonly revision: number;
  readonly bans: readonly Ban[];
}

export interface DefenceCounters {
  /** Packets and connections dropped because of a ban or a flood. */
  readonly dropped: number;
  /** Requests dropped to slow a suspicious source down. */
  readonly slowed: number;
  /** Challenges sent (401, 407 to a request without credentials). */
  readonly challenged: number;
  readonly failedSignIns: number;
  /** Bans since the start. */
  readonly banned: number;
  /** Sources remembered now. */
  readonly sources: number;
}

/** Length of a user's name that counts: an attacker chooses it, and thousands are remembered. */
export const MOST_USER = 100;

/** Where a packet came from. */
export interface Origin {
  readonly protocol: TransportProtocol;
  readonly address: string;
  readonly port: number;
}

/** What of a request matters here. */
export interface RequestFacts {
  readonly method: string;
  /** User of the credentials; undefined without credentials. */
  readonly user: string | undefined;
  /** Who is asked for and by whom; differs from request to request in a sweep. */
  readonly name: string;
  /** Opens a dialog or stands alone. */
  readonly fresh: boolean;
  /** Its User-Agent is that of a known attack tool. */
  readonly tool: boolean;
}

/** From the app: somebody proved a password, or failed to, with a nonce that went to this very address. */
export interface Evidence {
  readonly kind: "proven" | "failed";
  readonly address: string;
  /** 0 when unknown. */
  readonly port: number;
  readonly user: string;
}

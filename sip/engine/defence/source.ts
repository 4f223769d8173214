/** What is remembered of one source, and the names it was challenged for. */
import type { BanReason } from "./model.ts";
import { Bucket, Leaky } from "./recent.ts";

export interface Source {
  readonly packets: Bucket;
  readonly requests: Bucket;
  readonly failures: Leaky;
  /** All failures since it was first seen, for people. */
  seen: number;
  /** What it was last blamed for. */
  worst: BanReason;
  /** Packets dropped as a flood. */
  flooded: number;
  provenAt: number;
  tool: boolean;
  /** Its address was proven: a stream, or an answer to a challenge that only it could read. */
  solid: boolean;
  /** Challenges that nobody answered yet: names as short hashes, and when. Undefined while there are none. */
  names: { hash: number; at: number }[] | undefined;
  /** Challenges for the same name since the last proof. */
  repeated: number;
}

export function newSource(): Source {
  return {
    packets: new Bucket(),
    requests: new Bucket(),
    failures: new Leaky(),
    seen: 0,
    worst: "scanning",
    flooded: 0,
    provenAt: 0,
    tool: false,
    solid: false,
    names: undefined,
    repeated: 0,
  };
}

/** Time a phone has to answer its challenge before the name counts as tried, ms. */
const GRACE_MS = 4_000;
/** Names waiting for their answer: more than a branch office brings up at the same moment. */
const MOST_WAITING = 64;
/** Challenges for one name that nobody needs to worry about. */
const FREE_REPEATS = 10;

function hashOf(name: string): number {
  let hash = 5381;
  for (let index = 0; index < name.length; index++) hash = (Math.imul(hash, 33) + name.charCodeAt(index)) | 0;
  return hash;
}

/** The names of a sweep. */
export const sweepNames = {
  /** Takes a challenge down; true when it already counts as a failure. */
  challenged(source: Source, name: string, now: number): boolean {
    source.names ??= [];
    const waiting = source.names;
    const hash = hashOf(name);
    if (waiting.some((entry) => entry.hash === hash)) {
      source.repeated++;
      return source.repeated > FREE_REPEATS;
    }
    const most = source.tool ? 2 : MOST_WAITING;
    if (waiting.length >= most) return true;
    waiting.push({ hash, at: now });
    return false;
  },

  /** Names whose time is up, taken out. The first is not counted: a phone without a password is no sweep. */
  overdue(source: Source, now: number): number {
    const waiting = source.names;
    if (waiting === undefined || waiting.length < 2) return 0;
    const [first] = waiting;
    if (first === undefined || now - first.at < GRACE_MS) return 0;
    const left = waiting.filter((entry, index) => index === 0 || now - entry.at < GRACE_MS);
    source.names = left;
    return waiting.length - left.length;
  },

  clear(source: Source): void {
    source.names = undefined;
    source.repeated = 0;
  },
};

/** Where everything random of the core comes from, so that a test can play the same session again. */
import { randomBytes } from "node:crypto";

export interface Chance {
  /** 0 up to 1. */
  number(): number;
  /** In the form of a UUID: Call-IDs, tags, branches and the names of transactions are made of it. */
  id(): string;
  /** Key of the marks by which the proxy knows its own routes. */
  readonly secret: Uint8Array;
}

/** One key for the life of the process. */
export const CHANCE: Chance = {
  number: Math.random,
  id: () => crypto.randomUUID(),
  secret: randomBytes(32),
};

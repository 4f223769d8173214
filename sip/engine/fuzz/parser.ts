/** Seeded mutation fuzzing of the parser, the validator and the serialiser: reproducible by its seed. */
import {
  getHeader,
  parseMessage,
  serializeMessage,
  statelessResponse,
  validateMessage,
} from "../message/index.ts";

export interface FuzzReport {
  readonly messages: number;
  readonly accepted: number;
  /** Longest time one message took, ms. */
  readonly slowestMs: number;
  /** Inputs that threw or whose second serialisation differs, with the reason. Empty when all is well. */
  readonly failures: readonly { readonly input: Uint8Array; readonly reason: string }[];
}

/** xorshift32: small, seeded, good enough to choose mutations. */
export function random(seed: number): (below: number) => number {
  let state = seed | 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const SPICE = [
  "\r\n",
  "\n",
  "\r\n\r\n",
  " ",
  "\t",
  ":",
  ";",
  ",",
  "<",
  ">",
  '"',
  "\\",
  "@",
  "%",
  "%00",
  "\0",
  "ÿ",
  "总机",
];
const GRAINS = SPICE.concat([
  "=",
  "[",
  "]",
  "//",
  "SIP/2.0",
  "-1",
  "99999999999999999999",
  "z9hG4bK",
  "l: 5\r\n",
]);

/** One to six seeded changes to one of the texts: bytes, grains of syntax, cuts, doublings, splices; at most 70,000 bytes. */
export function mutate(corpus: readonly Uint8Array[], next: (below: number) => number): Buffer {
  let bytes: Buffer = Buffer.from(corpus[next(corpus.length)] ?? []);
  for (let rounds = 1 + next(6); rounds > 0; rounds--) {
    const at = next(bytes.length + 1);
    const to = Math.min(bytes.length, at + next(40));
    const grain = Buffer.from(GRAINS[next(GRAINS.length)] ?? "");
    const kind = next(6);
    if (kind === 0 && at < bytes.length) bytes[at] = next(256);
    else if (kind === 1) bytes = Buffer.concat([bytes.subarray(0, at), grain, bytes.subarray(at)]);
    else if (kind === 2) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)]);
    else if (kind === 3) bytes = Buffer.concat([bytes.subarray(0, to), bytes.subarray(at)]);
    else if (kind === 4) {
      const other = corpus[next(corpus.length)] ?? bytes;
      bytes = Buffer.concat([bytes.subarray(0, at), other.subarray(next(other.length + 1))]);
    } else {
      const many = Buffer.concat(Array.from({ length: 1 + next(200) }, () => grain));
      bytes = Buffer.concat([bytes.subarray(0, at), many, bytes.subarray(at)]);
    }
  }
  return bytes.subarray(0, 70_000);
}

/** One input through everything; the reason when something is wrong. */
function tryOne(input: Uint8Array): { accepted: boolean; reason?: string } {
  try {
    const parsed = parseMessage(input);
    if (!parsed.ok) {
      if (parsed.partial) serializeMessage(statelessResponse(parsed.partial, parsed.status));
      return { accepted: false };
    }
    const { message } = parsed;
    const verdict = validateMessage(message);
    if (message.kind === "request") statelessResponse(message, 400);
    const once = serializeMessage(message);
    const again = parseMessage(once);
    if (!again.ok) return { accepted: false, reason: `own output is refused: ${again.reason}` };
    if (!serializeMessage(again.message).equals(once))
      return { accepted: false, reason: "serialisation not stable" };
    if (getHeader(again.message, "Call-ID") !== getHeader(message, "Call-ID")) {
      return { accepted: false, reason: "Call-ID changed" };
    }
    return { accepted: verdict.action === "accept" };
  } catch (error) {
    return { accepted: false, reason: `threw ${String(error)}` };
  }
}

/** Mutates the corpus for `ms` milliseconds. Stops early after 20 failures. */
export function fuzzParser(corpus: readonly Uint8Array[], seed: number, ms: number): FuzzReport {
  const next = random(seed);
  const failures: { input: Uint8Array; reason: string }[] = [];
  let [messages, accepted, slowestMs] = [0, 0, 0];
  const end = performance.now() + ms;
  for (let now = performance.now(); now < end && failures.length < 20; now = performance.now()) {
    const input = mutate(corpus, next);
    const before = performance.now();
    const result = tryOne(input);
    slowestMs = Math.max(slowestMs, performance.now() - before);
    messages += 1;
    if (result.accepted) accepted += 1;
    if (result.reason) failures.push({ input, reason: result.reason });
  }
  return { messages, accepted, slowestMs, failures };
}

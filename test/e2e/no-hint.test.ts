/** An unknown user and a wrong password cannot be told apart: the same bytes, and the same time. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { answerChallenge, parseChallenges } from "../../sip/srf/digest.ts";
import { type Exchange, startExchange } from "../kit/exchange.ts";
import { RawUdp, request } from "../kit/raw.ts";

let x: Exchange;
let raw: RawUdp;
beforeAll(async () => {
  // Loopback is not judged here: hundreds of failures in a row must all be answered.
  x = await startExchange();
  raw = await RawUdp.open({ server: x.server, address: "127.0.0.51" });
}, 40_000);
afterAll(async () => {
  raw?.close();
  await x?.stop();
}, 30_000);

const KNOWN = "1001";
const UNKNOWN = "7654";
let ids = 0;

/** Sends and gives the final answer with the time it took, ms. */
async function exchange(
  method: string,
  user: string,
  credentials?: string,
): Promise<{ text: string; ms: number }> {
  const { address, port } = raw;
  const callId = `hint${String(++ids).padStart(6, "0")}`;
  const uri = `sip:${method === "REGISTER" ? "" : `${user}@`}${x.remote}`;
  const text = request(method, {
    via: "UDP",
    address,
    port,
    uri,
    callId,
    from: user,
    to: `sip:${user}@${x.remote}`,
    headers: [
      ...(method === "SUBSCRIBE" ? ["Event: presence", "Expires: 60"] : []),
      ...(credentials === undefined ? [] : [`Authorization: ${credentials}`]),
    ],
  });
  const before = raw.received.length;
  const start = performance.now();
  raw.send(text);
  const answer = await new Promise<string>((resolve, reject) => {
    const deadline = start + 5_000;
    const look = () => {
      const found = raw.received
        .slice(before)
        .find((one) => one.includes(callId) && !one.startsWith("SIP/2.0 1"));
      if (found !== undefined) resolve(found);
      else if (performance.now() > deadline) reject(new Error(`no answer to ${method}`));
      else setImmediate(look);
    };
    look();
  });
  const ms = performance.now() - start;
  if (method === "INVITE") raw.send(text.replaceAll("INVITE", "ACK"));
  return { text: answer, ms };
}

/** What is new in each message, and what we sent ourselves. */
function masked(text: string, user: string): string {
  return text
    .replaceAll(user, "USER")
    .replace(/hint\d{6}/g, "CALL")
    .replace(/;tag=[^;\r\n]+/g, ";tag=T")
    .replace(/nonce="[^"]*"/g, (nonce) => `nonce=${nonce.length}`)
    .replace(/^Date:.*$/m, "Date");
}

/** First the challenge, then the answer to it with a wrong password. */
async function attempt(
  method: string,
  user: string,
): Promise<{ first: string; second: string; times: number[] }> {
  const first = await exchange(method, user);
  const challenge = parseChallenges(/^(?:WWW|Proxy)-Authenticate: (.*)$/m.exec(first.text)?.[1] ?? "")[0];
  if (challenge === undefined) return { first: masked(first.text, user), second: "", times: [first.ms] };
  const uri = `sip:${method === "REGISTER" ? "" : `${user}@`}${x.remote}`;
  const given = answerChallenge(challenge, { username: user, password: "wrong" }, { method, uri }, 1, "abc");
  const second = await exchange(method, user, given);
  return { first: masked(first.text, user), second: masked(second.text, user), times: [first.ms, second.ms] };
}

/** Chance that a sample of `a` is larger than one of `b` (Mann and Whitney); 0.5 when they are alike. */
function dominance(a: readonly number[], b: readonly number[]): number {
  let wins = 0;
  for (const left of a) for (const right of b) wins += left > right ? 1 : left === right ? 0.5 : 0;
  return wins / (a.length * b.length);
}

test.each(["REGISTER", "INVITE", "SUBSCRIBE"])(
  "%s: unknown user and wrong password look and take the same",
  async (method) => {
    // The first answers differ by what the exchange learns about the sender, whoever is asked for.
    for (let warm = 0; warm < 20; warm++) await attempt(method, warm % 2 === 0 ? KNOWN : UNKNOWN);
    const [known, unknown] = [await attempt(method, KNOWN), await attempt(method, UNKNOWN)];
    expect(known.first).toBe(unknown.first);
    expect(known.second).toBe(unknown.second);
    if (method !== "SUBSCRIBE") expect(known.second.slice(0, 11)).toBe("SIP/2.0 403");

    const times: Record<string, number[][]> = { [KNOWN]: [[], []], [UNKNOWN]: [[], []] };
    const SAMPLES = 250;
    for (let round = 0; round < SAMPLES; round++) {
      // Taken in turns, each first as often as second: what slows the machine slows both.
      const order = round % 2 === 0 ? [KNOWN, UNKNOWN] : [UNKNOWN, KNOWN];
      for (const user of order) {
        const { times: taken } = await attempt(method, user);
        for (const [step, ms] of taken.entries()) times[user]?.[step]?.push(ms);
      }
      raw.received.splice(0);
    }
    for (const step of known.second === "" ? [0] : [0, 1]) {
      const [left, right] = [times[KNOWN]?.[step] ?? [], times[UNKNOWN]?.[step] ?? []];
      expect(left).toHaveLength(SAMPLES);
      // Alike, it is 0.5 with a deviation of 0.026: five of them, one run in a million.
      expect(Math.abs(dominance(left, right) - 0.5)).toBeLessThan(0.13);
    }
  },
  60_000,
);

test("the measure would see a difference", () => {
  const base = Array.from({ length: 250 }, (_, index) => 1 + (index % 50) / 100);
  expect(
    Math.abs(
      dominance(
        base.map((ms) => ms + 0.1),
        base,
      ) - 0.5,
    ),
  ).toBeGreaterThan(0.13);
  expect(dominance(base, base)).toBe(0.5);
});

import { expect, test } from "bun:test";
import type { DeviceState } from "./directory.ts";
import type { Ban, Evidence } from "./engine/index.ts";
import { Guard } from "./guard.ts";
import type { AuthResultEvent } from "./srf/authenticator.ts";
import type { EngineView } from "./srf/launch.ts";

const device = (source: string): DeviceState => ({
  extensionId: 1,
  online: true,
  devices: [{ contact: "sip:1", source, userAgent: "", expiresAt: 0, latencyMs: null }],
});
const ban: Ban = { address: "192.0.2.9", since: 1, until: 2, reason: "scanning", evidence: 20, times: 1 };

function guard() {
  const told = {
    evidence: [] as Evidence[][],
    trusted: [] as (readonly string[])[],
    known: [] as (number | undefined)[],
  };
  const state = {
    now: 1_000,
    revision: 7,
    bans: [] as Ban[],
    devices: [] as DeviceState[],
    carriers: ["203.0.113.0/28"],
  };
  const engine: Pick<EngineView, "evidence" | "protect" | "bans"> = {
    evidence: async (events) => void told.evidence.push([...events]),
    protect: async ({ trusted }) => void told.trusted.push(trusted),
    bans: async (known) => {
      told.known.push(known);
      return known === state.revision ? undefined : { revision: state.revision, bans: state.bans };
    },
  };
  const subject = new Guard(
    { allow: ["10.0.0.0/8"], bans: [] },
    {
      engine: () => engine as EngineView,
      devices: () => state.devices,
      carriers: () => state.carriers,
      now: () => state.now,
    },
  );
  return { subject, told, state };
}

test("addresses of phones are protected at once, for a day after they have gone; carriers as long as they are there", async () => {
  const { subject, told, state } = guard();
  subject.device(device("udp:192.0.2.1:5060"));
  subject.device(device("tls:[2001:db8::5]:49152"));
  await subject.look();
  expect(told.trusted.at(-1)).toEqual(["192.0.2.1", "2001:db8::5", "203.0.113.0/28"]);
  const count = told.trusted.length;
  await subject.look();
  expect(told.trusted).toHaveLength(count);
  state.carriers = [];
  state.now += 86_400_001;
  await subject.look();
  expect(told.trusted.at(-1)).toEqual([]);
  expect(subject.forEngine()).toMatchObject({ allow: ["10.0.0.0/8"], trusted: [], bounds: { told: true } });
});

test("a failure is told at once and after the proofs before it; a proof from the same flow once a minute", () => {
  const { subject, told, state } = guard();
  const event = (result: AuthResultEvent["result"]): AuthResultEvent => ({
    result,
    method: "REGISTER",
    user: "1001",
    sourceAddress: "::ffff:192.0.2.1",
    sourcePort: 5060,
    at: state.now,
  });
  for (let turn = 0; turn < 100; turn++) subject.note(event("ok"));
  expect(told.evidence).toEqual([]);
  subject.note(event("failed"));
  const from = { address: "192.0.2.1", port: 5060, user: "1001" };
  expect(told.evidence).toEqual([
    [
      { kind: "proven", ...from },
      { kind: "failed", ...from },
    ],
  ]);
  subject.note(event("ok"));
  subject.note(event("failed"));
  expect(told.evidence.at(-1)).toHaveLength(2);
});

test("bans are reported when they change and given to an engine that starts again", async () => {
  const { subject, state, told } = guard();
  const seen: number[] = [];
  subject.onBans((bans) => seen.push(bans.length));
  await subject.look();
  state.bans = [ban];
  state.revision = 8;
  await subject.look();
  await subject.look();
  expect(seen).toEqual([1]);
  expect(told.known).toEqual([0, 7, 8]);
  expect(subject.forEngine().bans).toEqual([ban]);
});

/** For tests: facts written short. Times in seconds after the journey's start. */
import type { CallEvent, CallEventData, CallEventKind, CallFact } from "../events.ts";
import { type CallRecordRow, emptyJourneyState, reduce, rowsOf } from "./index.ts";

export const START = 1_700_000_000_000;

export function fact<K extends CallEventKind>(
  seconds: number,
  kind: K,
  data: CallEventData<K>,
  leg: string | null = null,
  journey = "j1",
): CallFact {
  // The kind and its data belong together by the signature.
  return { kind, journey, leg, at: START + Math.round(seconds * 1000), data } as unknown as CallFact;
}

export function project(facts: readonly CallFact[]): CallRecordRow[] {
  const state = facts
    .map((one, i): CallEvent => ({ ...one, seq: i + 1 }))
    .reduce(reduce, emptyJourneyState("j1"));
  return rowsOf(state);
}

export const inboundStart = (journey = "j1"): CallFact[] => [
  fact(
    0,
    "journey.started",
    {
      direction: "inbound",
      callerRaw: "+8613800000001",
      caller: "13800000001",
      callerName: "",
      calleeRaw: "02155501",
      callee: "02155501",
      didId: 1,
      didNumber: "02155501",
      trunkId: 1,
    },
    null,
    journey,
  ),
  fact(0, "leg.created", { role: "caller", endpoint: "13800000001", trunkId: 1 }, "c", journey),
];

export const agentLeg = (seconds: number, leg: string, agentId: number, journey = "j1"): CallFact =>
  fact(
    seconds,
    "leg.created",
    { role: "agent", endpoint: String(1000 + agentId), agentId, extensionId: agentId },
    leg,
    journey,
  );

/** A small office for tests of the journeys: a number with a menu, a group of two agents, a trunk. */
import type { LegSource } from "../../../sip/index.ts";
import { GROUP_DEFAULTS } from "../../queueing/index.ts";
import { emptyOffice, type Group, type MenuFlow, type Office } from "../../routing/index.ts";
import { FakeExchange } from "./fakes.ts";

export const trunk: LegSource = { kind: "trunk", trunkId: 1, name: "carrier", address: "192.0.2.1" };
export const extension = (id: number): LegSource => ({
  kind: "extension",
  extensionId: id,
  number: String(1000 + id),
  address: "x",
});

export const group: Group = {
  id: 1,
  name: "Service",
  number: "800",
  ...GROUP_DEFAULTS,
  agentTimeoutS: 10,
  maxWaitS: 60,
  retryS: 3,
  capacity: 5,
  leaveWhenEmpty: true,
  acwMode: "after-answer",
  acwSeconds: 5,
  periodicS: 30,
  positionIntervalS: 15,
  members: [1, 2].map((agentId, position) => ({ agentId, priority: 1, position, kind: "dynamic" as const })),
};
export const menu: MenuFlow = {
  id: 1,
  name: "Menu",
  internalNumber: null,
  prompts: [{ mediaId: 1, gapS: 0 }],
  replayCount: 0,
  inputTimeoutS: 5,
  keyTimeoutS: 2,
  maxInput: 4,
  delayS: 0,
  directDial: false,
  timeoutPromptId: null,
  timeoutDestination: null,
  noMatchPromptId: null,
  noMatchDestination: null,
  keys: [{ input: "1", destination: { type: "group", id: 1 } }],
  callerNumberPrefix: "",
  callerNamePrefix: "",
};

export function office(change: { readonly group?: Partial<Group> } = {}): Office {
  const ids = [1, 2, 3];
  return {
    ...emptyOffice(),
    dids: [
      {
        id: 1,
        number: "02155501000",
        name: "Main",
        groupLabel: "",
        trunkId: null,
        destination: { type: "flow", id: 1 },
        callerNumberPrefix: "",
        callerNamePrefix: "",
        enabled: true,
      },
    ],
    flows: new Map([[1, menu]]),
    groups: new Map([[1, { ...group, ...change.group }]]),
    extensions: new Map(
      ids.map((id) => [
        id,
        { id, number: String(1000 + id), name: `E${id}`, enabled: true, dnd: false, displayedNumberId: null },
      ]),
    ),
    agents: new Map(
      ids.map((id) => [
        id,
        {
          id,
          number: String(1000 + id),
          name: `A${id}`,
          extensionId: id,
          enabled: id !== 3,
          clickToCallOnly: false,
          displayedNumberId: null,
          phonePinHash: "x",
          workInBrowser: false,
          browserTimeoutS: 0,
        },
      ]),
    ),
    trunks: new Map([[1, { id: 1, name: "carrier", enabled: true, maxCalls: 0 }]]),
    outboundRules: [
      {
        id: 1,
        name: "all",
        prefix: "9",
        minLength: 3,
        maxLength: 0,
        removePrefix: "9",
        addPrefix: "",
        replaceNumber: "",
        trunkId: 1,
        enabled: true,
      },
    ],
    featureCodes: new Map([
      ["*45", "sign-in"],
      ["*46", "sign-out"],
      ["*47", "pause"],
    ]),
    media: new Map([[1, "/m/1.wav"]]),
  };
}

/** Two agents signed in with a device. */
export function exchange(
  change: { readonly group?: Partial<Group>; readonly signedIn?: readonly number[] } = {},
): FakeExchange {
  const x = new FakeExchange(office(change));
  for (const id of [1, 2, 3]) x.online.add(id);
  for (const id of [1, 2]) x.board.device(id, true);
  for (const id of change.signedIn ?? [1, 2]) x.board.signIn(id, [], "admin");
  return x;
}

export async function intoQueue(x: FakeExchange): Promise<string> {
  const caller = x.call(trunk, "02155501000", "13800138000");
  await x.settle();
  x.digit(caller, "1");
  await x.settle();
  return caller;
}

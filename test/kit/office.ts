/** The office of end-to-end tests, made through the use cases of the pages. */
import type { App } from "../../appliance/app.ts";
import { SYSTEM_ACTOR } from "../../appliance/kernel.ts";
import { GROUP_DEFAULTS, type GroupInput } from "../../appliance/queueing/model.ts";
import type { FlowInput, TrunkInput } from "../../appliance/routing/model.ts";
import type { SettingsInput } from "../../appliance/system/model.ts";
import { toneWav } from "./tone.ts";

export const DID = "02155501000";
export const GROUP = "800";
export const PIN = "246802";
export const ADMIN = { username: "admin", password: "Correct-horse-9" };
export const AGENTS = ["1001", "1002", "1003"];

/** SIP password of an extension of the test office. */
export function secretOf(number: string): string {
  return `Secret-${number}-phone`;
}

/** Ids of what was made; agents and extensions by number. */
export interface Office {
  readonly trunkId: number;
  readonly groupId: number;
  readonly didId: number;
  readonly flowId: number;
  readonly agentIds: Readonly<Record<string, number>>;
  readonly extensionIds: Readonly<Record<string, number>>;
}

export interface OfficeOptions {
  readonly group?: Partial<GroupInput>;
  readonly menu?: Partial<FlowInput>;
  readonly settings?: SettingsInput;
  readonly trunk?: Partial<TrunkInput>;
  /** Members of the group sign in themselves. */
  readonly dynamic?: boolean;
}

/**
 * Three agents, one carrier by address, one number that leads to a menu: 1 = the group, 2 = extension 1003; anything
 * may be dialled directly. Outside with 9. The menu's prompt is a tone of 2000 Hz, 800 ms.
 */
export async function furnish(
  app: Pick<App, "people" | "routing" | "queueing" | "system">,
  carrier: { readonly host: string; readonly port: number },
  options: OfficeOptions = {},
): Promise<Office> {
  const { people, routing, queueing, system } = app;
  await system.setup.complete(
    {
      code: system.setup.code,
      language: "en",
      username: ADMIN.username,
      displayName: "Administrator",
      password: ADMIN.password,
      officeName: "Test office",
      timeZone: "Asia/Shanghai",
      country: "CN",
      areaCode: "021",
      emergencyNumbers: ["110"],
      numberingLength: 4,
    },
    "127.0.0.1",
  );
  const roleId = (await people.roles.options(SYSTEM_ACTOR)).at(-1)?.id ?? null;
  const agentIds: Record<string, number> = {};
  const extensionIds: Record<string, number> = {};
  for (const number of AGENTS) {
    const saved = await people.agents.save(SYSTEM_ACTOR, undefined, {
      number,
      firstName: `Agent${number}`,
      lastName: "",
      roleId,
      departmentId: null,
      sipSecret: secretOf(number),
      webPassword: ADMIN.password,
      phonePin: PIN,
      clickToCallOnly: false,
      enabled: true,
      displayedNumberId: null,
      workInBrowser: false,
      browserTimeoutS: 60,
    });
    agentIds[number] = saved.id;
    extensionIds[number] = (await people.agents.get(SYSTEM_ACTOR, saved.id)).extensionId;
  }
  const trunk = await routing.trunks.save(SYSTEM_ACTOR, undefined, {
    name: "Carrier",
    enabled: true,
    kind: "ip",
    host: carrier.host,
    port: carrier.port,
    transport: "udp",
    username: "",
    authUsername: "",
    fromDomain: "",
    outboundProxy: "",
    allowedAddresses: [],
    maxCalls: 10,
    registerExpiresS: 3600,
    optionsPingS: 0,
    codecs: ["PCMA"],
    identityHeader: "pai",
    ...options.trunk,
  });
  const prompt = await routing.mediaFiles.upload(SYSTEM_ACTOR, {
    name: "menu-tone",
    fileType: "voice",
    category: "test",
    description: "",
    fileName: "menu-tone.wav",
    bytes: toneWav(2000, 800),
  });
  const group = await queueing.groups.save(SYSTEM_ACTOR, undefined, {
    ...groupInput(),
    members: AGENTS.map((number) => ({
      agentId: agentIds[number] ?? 0,
      priority: 1,
      kind: options.dynamic === true ? ("dynamic" as const) : ("static" as const),
    })),
    ...options.group,
  });
  const flow = await routing.flows.save(SYSTEM_ACTOR, undefined, {
    name: "Menu",
    internalNumber: null,
    prompts: [{ mediaId: prompt.id, gapS: 0 }],
    replayCount: 1,
    inputTimeoutS: 5,
    keyTimeoutS: 1,
    maxInput: 4,
    delayS: 0,
    directDial: true,
    timeoutPromptId: null,
    timeoutDestination: null,
    noMatchPromptId: null,
    noMatchDestination: null,
    keys: [
      { input: "1", destination: { type: "group", id: group.id } },
      { input: "2", destination: { type: "extension", id: extensionIds["1003"] ?? 0 } },
    ],
    callerNumberPrefix: "",
    callerNamePrefix: "",
    ...options.menu,
  });
  const did = await routing.dids.save(SYSTEM_ACTOR, undefined, {
    number: DID,
    name: "Main",
    groupLabel: "",
    trunkId: trunk.id,
    destination: { type: "flow", id: flow.id },
    callerNumberPrefix: "",
    callerNamePrefix: "",
    enabled: true,
    note: "",
  });
  await routing.outboundRules.save(SYSTEM_ACTOR, undefined, {
    name: "Outside",
    position: 1,
    prefix: "9",
    minLength: 4,
    maxLength: 20,
    removePrefix: "9",
    addPrefix: "",
    replaceNumber: "",
    trunkId: trunk.id,
    enabled: true,
  });
  const shown = await routing.displayedNumbers.save(SYSTEM_ACTOR, undefined, {
    number: DID,
    supplier: "",
    trunkId: trunk.id,
  });
  await system.settings.save(SYSTEM_ACTOR, {
    systemDisplayedNumberId: shown.id,
    recordOutbound: true,
    recordInternal: false,
    ...options.settings,
  });
  return { trunkId: trunk.id, groupId: group.id, didId: did.id, flowId: flow.id, agentIds, extensionIds };
}

function groupInput(): Omit<GroupInput, "members"> {
  return {
    name: "Service",
    number: GROUP,
    ...GROUP_DEFAULTS,
    strategy: "sequential",
    agentTimeoutS: 4,
    maxWaitS: 30,
    retryS: 1,
    capacity: 10,
    joinEmpty: true,
    positionIntervalS: 0,
    leaderIds: [],
  };
}

/**
 * The ready office of `serve --demo`: three agents, one carrier line by address, one number, a menu in Chinese and
 * English and a queue. Everything goes through the same use cases as the pages; running it again changes nothing.
 */
import type { App } from "../app.ts";
import { type Entity, SYSTEM_ACTOR } from "../kernel.ts";
import { GROUP_DEFAULTS } from "../queueing/index.ts";
import type { FlowInput, MediaUpload } from "../routing/index.ts";

export const DEMO = {
  admin: "admin",
  officeName: "总机演示 Zongji Demo",
  did: "02155501000",
  group: "800",
  trunk: "Demo carrier",
  /** The key that leads from the menu to each place. */
  keys: { service: "1", english: "9", reception: "2" },
  agents: [
    { number: "1001", firstName: "伟", lastName: "王" },
    { number: "1002", firstName: "Emma", lastName: "Chen" },
    { number: "1003", firstName: "静", lastName: "李" },
  ],
} as const;

const PROMPTS = {
  zh: {
    name: "demo-menu-zh",
    voice: "cmn",
    text: "欢迎致电总机演示公司。客户服务请按一，前台请按二。 ",
  },
  zhEnglish: { name: "demo-menu-for-english", voice: "en", text: "For English, press nine." },
  en: {
    name: "demo-menu-en",
    voice: "en",
    text: "Welcome to the Zongji demo office. For customer service, press one. For reception, press two.",
  },
} as const;

export type DemoOffice = Pick<App, "people" | "routing" | "queueing" | "system">;

/** What the built-in phones and the person at the browser need. */
export interface DemoKeys {
  readonly adminPassword: string;
  /** SIP password of every demo extension, by number. */
  readonly sipSecrets: Readonly<Record<string, string>>;
}

/** Random keys of a demo office; kept in its data folder. */
export function newDemoKeys(
  random = () => Buffer.from(crypto.getRandomValues(new Uint8Array(12))).toString("base64url"),
): DemoKeys {
  const sipSecrets = Object.fromEntries(DEMO.agents.map(({ number }) => [number, random()]));
  return { adminPassword: random(), sipSecrets };
}

/** The row that `is` describes, over all pages. */
async function find<Row>(
  entity: Entity<Row, never, unknown>,
  is: (row: Row) => boolean,
): Promise<Row | undefined> {
  for (let page = 1; ; page++) {
    const { rows, total, pageSize } = await entity.list(SYSTEM_ACTOR, { page, pageSize: 100 });
    const row = rows.find(is);
    if (row !== undefined || page * pageSize >= total || rows.length === 0) return row;
  }
}

/** Makes what is missing. `speak` turns text into a WAV file; `carrier` is the address the demo carrier calls from. */
export async function makeDemoOffice(
  office: DemoOffice,
  keys: DemoKeys,
  speak: (text: string, voice: string) => Promise<Uint8Array>,
  carrier: { readonly host: string; readonly port: number },
): Promise<void> {
  const { people, routing, queueing, system } = office;
  if (system.setup.needed())
    await system.setup.complete(
      {
        code: system.setup.code,
        language: "zh-CN",
        username: DEMO.admin,
        displayName: "Demo 管理员",
        password: keys.adminPassword,
        officeName: DEMO.officeName,
        timeZone: "Asia/Shanghai",
        country: "CN",
        areaCode: "021",
        emergencyNumbers: ["110", "119", "120", "122"],
        numberingLength: 4,
      },
      "127.0.0.1",
    );
  const roles = await people.roles.options(SYSTEM_ACTOR);
  const agentRole =
    (await find(people.roles, (role) => role.name === "agent"))?.id ?? roles.at(-1)?.id ?? null;

  const agentIds: number[] = [];
  for (const agent of DEMO.agents) {
    const there = await find(people.agents, (row) => row.number === agent.number);
    const saved =
      there ??
      (await people.agents.save(SYSTEM_ACTOR, undefined, {
        ...agent,
        roleId: agentRole,
        departmentId: null,
        sipSecret: keys.sipSecrets[agent.number],
        webPassword: keys.adminPassword,
        phonePin: "123456",
        clickToCallOnly: false,
        enabled: true,
        displayedNumberId: null,
        workInBrowser: false,
        browserTimeoutS: 60,
      }));
    agentIds.push(saved.id);
  }

  const trunkThere = await find(routing.trunks, (row) => row.name === DEMO.trunk);
  const trunkInput = {
    name: DEMO.trunk,
    enabled: true,
    kind: "ip" as const,
    host: carrier.host,
    port: carrier.port,
    transport: "udp" as const,
    username: "",
    authUsername: "",
    fromDomain: "",
    outboundProxy: "",
    allowedAddresses: [],
    maxCalls: 30,
    registerExpiresS: 3600,
    optionsPingS: 30,
    codecs: ["PCMA", "PCMU"],
    identityHeader: "pai" as const,
  };
  const same = trunkThere?.host === carrier.host && trunkThere.port === carrier.port;
  const trunk =
    same && trunkThere ? trunkThere : await routing.trunks.save(SYSTEM_ACTOR, trunkThere?.id, trunkInput);

  const prompt = async (key: keyof typeof PROMPTS): Promise<number> => {
    const { name, voice, text } = PROMPTS[key];
    const there = await find(routing.mediaFiles, (row) => row.name === name);
    if (there) return there.id;
    const upload: MediaUpload = {
      name,
      fileType: "voice",
      category: "demo",
      description: text,
      fileName: `${name}.wav`,
      bytes: await speak(text, voice),
    };
    return (await routing.mediaFiles.upload(SYSTEM_ACTOR, upload)).id;
  };

  const group =
    (await find(queueing.groups, (row) => row.number === DEMO.group)) ??
    (await queueing.groups.save(SYSTEM_ACTOR, undefined, {
      name: "客户服务 Service",
      number: DEMO.group,
      ...GROUP_DEFAULTS,
      agentTimeoutS: 12,
      maxWaitS: 60,
      capacity: 10,
      acwMode: "after-answer",
      acwSeconds: 5,
      periodicS: 30,
      announcePosition: true,
      positionIntervalS: 15,
      members: agentIds.map((agentId) => ({ agentId, priority: 1, kind: "static" as const })),
      leaderIds: [],
    }));

  const reception = await people.agents.get(SYSTEM_ACTOR, agentIds[2] ?? 0);
  const menu = async (name: string, prompts: readonly number[], more: FlowInput["keys"]): Promise<number> => {
    const there = await find(routing.flows, (row) => row.name === name);
    if (there) return there.id;
    const toGroup = { type: "group" as const, id: group.id };
    const input: FlowInput = {
      name,
      internalNumber: null,
      prompts: prompts.map((mediaId) => ({ mediaId, gapS: 0 })),
      replayCount: 1,
      inputTimeoutS: 5,
      keyTimeoutS: 2,
      maxInput: 4,
      delayS: 0,
      directDial: true,
      timeoutPromptId: null,
      timeoutDestination: toGroup,
      noMatchPromptId: null,
      noMatchDestination: null,
      keys: [
        { input: DEMO.keys.service, destination: toGroup },
        { input: DEMO.keys.reception, destination: { type: "extension", id: reception.extensionId } },
        ...more,
      ],
      callerNumberPrefix: "",
      callerNamePrefix: "",
    };
    return (await routing.flows.save(SYSTEM_ACTOR, undefined, input)).id;
  };
  const english = await menu("English menu", [await prompt("en")], []);
  const chinese = await menu(
    "中文菜单",
    [await prompt("zh"), await prompt("zhEnglish")],
    [{ input: DEMO.keys.english, destination: { type: "flow", id: english } }],
  );

  if (!(await find(routing.dids, (row) => row.number === DEMO.did)))
    await routing.dids.save(SYSTEM_ACTOR, undefined, {
      number: DEMO.did,
      name: "总机 Main number",
      groupLabel: "",
      trunkId: trunk.id,
      destination: { type: "flow", id: chinese },
      callerNumberPrefix: "",
      callerNamePrefix: "",
      enabled: true,
      note: "",
    });

  const rule = "Demo: outside";
  if (!(await find(routing.outboundRules, (row) => row.name === rule)))
    await routing.outboundRules.save(SYSTEM_ACTOR, undefined, {
      name: rule,
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
  const shown =
    (await find(routing.displayedNumbers, (row) => row.number === DEMO.did)) ??
    (await routing.displayedNumbers.save(SYSTEM_ACTOR, undefined, {
      number: DEMO.did,
      supplier: "Demo",
      trunkId: trunk.id,
    }));
  if (system.settings.get().systemDisplayedNumberId === null)
    await system.settings.save(SYSTEM_ACTOR, { systemDisplayedNumberId: shown.id });
}

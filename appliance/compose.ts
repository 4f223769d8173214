/**
 * The composition root of the exchange: opens the store, builds the contexts on it, starts SIP and media, and lets
 * changes of the configuration reach them. Pages are started by main.ts on the App made here.
 */
import { join } from "node:path";
import { Firewall, type Sip, startSip } from "../sip/index.ts";
import { openStore } from "../storage/database.ts";
import type { App } from "./app.ts";
import { convertAudio } from "./audio.ts";
import { createCalls } from "./calls/index.ts";
import { createCertificates, readCarrierAuthorities } from "./certificates/index.ts";
import { VERSION } from "./commands/version.ts";
import type { Config } from "./config.ts";
import type { Now } from "./kernel.ts";
import { createPeople } from "./people/index.ts";
import { createQueueingConfig } from "./queueing/index.ts";
import { createRouting, isPublicNumber } from "./routing/index.ts";
import { BanFile, createConfiguration, createSecurity, createSystem, readBans } from "./system/index.ts";

export interface ComposeOptions {
  readonly now?: Now;
  readonly log?: (line: string) => void;
}

/**
 * A running exchange without its pages. What was opened is closed again when a later part fails to start.
 * @throws StorageError, SipStackError, RtpengineStartError or the engine's own error
 */
export async function compose(config: Config, options: ComposeOptions = {}): Promise<App> {
  const now = options.now ?? Date.now;
  const log = options.log ?? ((line: string) => console.log(`${new Date(now()).toISOString()} ${line}`));
  const opened: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const work of opened.splice(0).reverse())
      await work().catch((error: unknown) => log(`stopping: ${error}`));
  };
  try {
    const store = await openStore(config.dataFolder);
    opened.push(() => store.close());
    const configuration = createConfiguration({ store, now });
    const people = createPeople({ store, now, configuration, realm: config.sip.realm });
    // SIP starts after what it asks.
    const live: { sip?: Sip } = {};
    const routing = createRouting({
      store,
      now,
      configuration,
      mediaFolder: join(config.dataFolder, "media"),
      convert: convertAudio,
      lines: () => live.sip?.trunks,
    });
    const queueing = createQueueingConfig({ store, now, configuration });
    const system = createSystem({
      store,
      now,
      configuration,
      version: VERSION,
      prepareAdministrator: people.prepareAdministrator,
    });
    opened.push(() => system.stop());
    await configuration.load();
    const banFile = new BanFile(join(config.dataFolder, "bans.json"), log);
    const bans = await readBans(join(config.dataFolder, "bans.json"), log);
    const { defence } = config;
    const certificates = await createCertificates({
      folder: join(config.dataFolder, "certificates"),
      names: [...(config.tls?.names ?? []), config.sip.address, config.web.address],
      now,
      log,
      onProblems: (problems) => {
        const files = new Set(problems.map(({ file }) => file));
        for (const { code, subject } of system.alarms.open())
          if (code === "certificate" && !files.has(subject)) system.alarms.clear(code, subject);
        for (const { file, reason } of problems) system.alarms.raise("certificate", file, reason);
      },
      ...(config.tls?.folder ? { given: config.tls.folder } : {}),
    });
    opened.push(async () => certificates.stop());
    const sip = await startSip(
      {
        engine: config.sip.engine,
        contacts: config.sip.contacts,
        address: config.sip.address,
        lan: config.sip.lan,
        tls: certificates.identity,
        authorities: () => readCarrierAuthorities(join(config.dataFolder, "certificates", "carriers"), log),
        ...connectionLimits(config),
        ...(config.sip.hosts ? { hosts: config.sip.hosts } : {}),
        rtpPorts: { min: config.media.portMin, max: config.media.portMax },
        ...(config.media.silenceSeconds ? { silentMs: config.media.silenceSeconds * 1000 } : {}),
        dataFolder: config.dataFolder,
        defence: {
          allow: system.settings.get().defenceAllow,
          bans,
          ...(defence === undefined
            ? {}
            : { exempt: defence.exempt, bounds: { banMs: defence.banSeconds * 1000 } }),
        },
        openTo: (dialled) =>
          system.settings.get().anonymousCalls && isPublicNumber(routing.current(), dialled),
        log,
      },
      people.directory,
    );
    live.sip = sip;
    const nft = defence?.nftables ?? "";
    const ports = sip.listening.map((point) => Number(point.slice(point.lastIndexOf(":") + 1)));
    const firewall = nft === "" ? undefined : new Firewall({ command: [nft], ports });
    await firewall?.start(bans);
    const security = createSecurity({
      store,
      now,
      configuration,
      settings: system.settings,
      defence: sip.defence,
      file: banFile,
      ...(firewall === undefined ? {} : { firewall }),
    });
    opened.push(() => security.stop());
    opened.push(() => sip.stop());
    certificates.onChange((identity) => {
      sip.engine?.renewTls(identity).catch((error: unknown) => log(`new certificates for SIP: ${error}`));
    });
    // A saved trunk or extension counts for the next call, without anybody pressing "apply".
    configuration.addStage(async (_tx, change) => () => {
      if (RELOADING.has(change.subject) || change.action === "rollback") sip.reload();
    });
    const calls = await createCalls({ config, store, now, sip, people, routing, queueing, system, log });
    opened.push(() => calls.stop());
    sip.onTrunk((state) => {
      const subject = routing.current().trunks.get(state.trunkId)?.name ?? String(state.trunkId);
      const bad = state.state === "refused" || state.state === "unreachable";
      // These tell nothing about the line (not asked, not answered yet): an open alarm stays, none is raised.
      const open = state.state === "registering" || state.state === "down" || state.state === "unproven";
      if (bad) system.alarms.raise("trunk-down", subject, state.reason);
      else if (!open) system.alarms.clear("trunk-down", subject);
    });
    // An alarm that an earlier run left open is over with this start.
    system.alarms.clear("engine-down", "sip");
    const off = sip.onConnection((connected) => {
      if (connected) system.alarms.clear("engine-down", "sip");
      else system.alarms.raise("engine-down", "sip", "");
    });
    // A stop is no failure.
    opened.push(async () => off());
    return {
      config,
      now,
      store,
      certificates,
      people,
      routing,
      queueing: calls.queueing,
      calls,
      system,
      sip,
      security,
      stop: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function connectionLimits({ sip: { maxConnections, maxConnectionsPerSource } }: Config) {
  if (maxConnections === undefined || maxConnectionsPerSource === undefined) return {};
  return { connections: { total: maxConnections, perSource: maxConnectionsPerSource } };
}

/** Subjects of changes that `sip` keeps in memory. */
const RELOADING = new Set(["trunk", "extension", "agent", "displayed-number"]);

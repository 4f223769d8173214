/** Puts the traces together: memory, disk where it is wanted, and who asks for them. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import { createTraceReader, type Sip } from "../../sip/index.ts";
import type { Config } from "../config.ts";
import type { Now } from "../kernel.ts";
import type { People } from "../people/index.ts";
import type { Routing } from "../routing/index.ts";
import type { System } from "../system/index.ts";
import type { EventLog } from "./log.ts";
import type { Records } from "./records.ts";
import { createTraces, legsOf, type Traces } from "./trace.ts";
import { TraceFiles } from "./trace-files.ts";
import { TraceKeeper } from "./trace-keeper.ts";

interface Deps {
  readonly config: Config;
  readonly sip: Sip;
  readonly routing: Routing;
  readonly people: People;
  readonly system: System;
  readonly now: Now;
  readonly log: (line: string) => void;
}

export function startTraces(deps: Deps, records: Records, log: EventLog): Traces {
  const { config, sip, now } = deps;
  const settings = config.trace;
  const reader = createTraceReader();
  const folder = join(config.dataFolder, "traces");
  const files = settings?.file ? new TraceFiles(folder, settings, now, reader.unpack) : null;
  const keeper = new TraceKeeper({ sip, files, now, log: deps.log });
  const off = log.onEvent((event) => {
    if (!files || event.kind !== "journey.ended") return;
    const events = log.readJourney(event.journey);
    keeper.ended(event.journey, events[0]?.at ?? event.at, [...legsOf(events).keys()]);
  });
  const traces = createTraces({
    sip,
    records,
    keeper,
    files,
    reader,
    audit: deps.system.audit,
    now,
    extensionNumber: (id) => deps.routing.current().extensions.get(id)?.number,
    trunkPeers: async (id) => {
      const trunk = deps.people.directory.trunks().find((one) => one.id === id);
      if (!trunk) return { addresses: [], user: "" };
      const hosts = [trunk.host, trunk.outboundProxy, ...trunk.allowedAddresses];
      return { addresses: (await Promise.all(hosts.map(addressesOf))).flat(), user: trunk.username };
    },
  });
  return {
    ...traces,
    async stop() {
      off();
      await traces.stop();
    },
  };
}

/** Addresses of a host as it stands in a trunk's settings: name or address, perhaps with a port or as a URI. */
async function addressesOf(host: string): Promise<readonly string[]> {
  const bare = host
    .trim()
    .replace(/^sips?:/i, "")
    .replace(/;.*$/, "");
  const name = bare.replace(/^\[|\](?::\d+)?$/g, "");
  const plain = isIP(name) === 6 ? name : name.replace(/:\d+$/, "");
  if (plain === "" || plain.includes("/")) return [];
  if (isIP(plain) !== 0) return [plain];
  const found = await lookup(plain, { all: true }).catch(() => []);
  return found.map((one) => one.address);
}

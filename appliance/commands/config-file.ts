/**
 * The configuration of a start: built-in defaults, then the TOML file, then the flags. Every key is explained in
 * zongji.example.toml; an unknown key or a wrong type is refused by its name, because a silently ignored line is worse.
 */
import { existsSync, readFileSync } from "node:fs";
import { isIP } from "node:net";
import { resolve } from "node:path";
import { parse } from "smol-toml";
import { isNetwork } from "../../sip/index.ts";
import type { Config } from "../config.ts";
import { ConfigurationError } from "./errors.ts";
import type { FlagSpec, ParsedFlags } from "./flags.ts";

/** Flags that every command with a data folder knows. */
export const CONFIG_FLAGS: Readonly<Record<string, FlagSpec>> = {
  config: { kind: "value", value: "FILE", help: "configuration file (default: zongji.toml if it exists)" },
  data: { kind: "value", value: "FOLDER", help: "data folder (default: data)" },
  web: { kind: "value", value: "ADDRESS:PORT", help: "address of the pages (default: 0.0.0.0:8080)" },
  sip: {
    kind: "list",
    value: "CONTACT",
    help: 'SIP listening point (default: "sip:0.0.0.0:5060;transport=udp,tcp" and "sip:0.0.0.0:5061;transport=tls")',
  },
  address: {
    kind: "value",
    value: "IP",
    help: "address told to phones (default: this machine's LAN address)",
  },
  engine: { kind: "value", value: "ENGINE", help: "embedded, or drachtio://secret@host:port" },
  "media-ports": { kind: "value", value: "MIN-MAX", help: "UDP ports for voice (default: 30000-39999)" },
  demo: { kind: "switch", help: "a ready office with test phones that call again and again" },
};

const DEFAULTS: Config & Required<Pick<Config, "defence">> = {
  dataFolder: "data",
  web: { address: "0.0.0.0", port: 8080 },
  sip: {
    engine: "embedded",
    contacts: ["sip:0.0.0.0:5060;transport=udp,tcp", "sip:0.0.0.0:5061;transport=tls"],
    address: "",
    lan: [
      "127.0.0.0/8",
      "10.0.0.0/8",
      "172.16.0.0/12",
      "192.168.0.0/16",
      "169.254.0.0/16",
      "fc00::/7",
      "fe80::/10",
      "::1/128",
    ],
    realm: "zongji",
  },
  media: { portMin: 30000, portMax: 39999, tts: "espeak-ng", silenceSeconds: 60 },
  demo: false,
  defence: { exempt: ["127.0.0.0/8", "::1"], banSeconds: 600, nftables: "" },
};
const CONNECTIONS = { total: 12_000, perSource: 512 };
const TRACE = { file: false, days: 7, megabytes: 200 };

type Table = Record<string, unknown>;

/** The keys of a table with their readers; each returns the typed value or throws by the key's name. */
function reader(table: Table, path: string) {
  const seen = new Set<string>();
  const take = (key: string) => {
    seen.add(key);
    return table[key];
  };
  const wrong = (key: string, want: string): never => {
    throw new ConfigurationError(`The setting ${path}${key} must be ${want}.`);
  };
  return {
    text(key: string, fallback: string): string {
      const value = take(key);
      if (value === undefined) return fallback;
      return typeof value === "string" ? value : wrong(key, "text in quotes");
    },
    port(key: string, fallback: number): number {
      const value = take(key);
      if (value === undefined) return fallback;
      const good = typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 65535;
      return good ? value : wrong(key, "a port number from 0 to 65535");
    },
    count(key: string, fallback: number, most: number): number {
      const value = take(key);
      if (value === undefined) return fallback;
      const good = typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= most;
      return good ? value : wrong(key, `a whole number from 1 to ${most}`);
    },
    /** true: the usual program, false or absent: "", or the path of another one. */
    program(key: string, usual: string): string {
      const value = take(key) ?? false;
      if (value === true) return usual;
      if (value === false) return "";
      return typeof value === "string" && value !== ""
        ? value
        : wrong(key, "true, false or a path in quotes");
    },
    texts(key: string, fallback: readonly string[]): readonly string[] {
      const value = take(key);
      if (value === undefined) return fallback;
      const good = Array.isArray(value) && value.every((item) => typeof item === "string");
      return good ? (value as string[]) : wrong(key, "a list of texts");
    },
    flag(key: string, fallback: boolean): boolean {
      const value = take(key);
      if (value === undefined) return fallback;
      return typeof value === "boolean" ? value : wrong(key, "true or false");
    },
    table(key: string): Table {
      const value = take(key);
      if (value === undefined) return {};
      const good = typeof value === "object" && value !== null && !Array.isArray(value);
      return good ? (value as Table) : wrong(key, "a table");
    },
    done() {
      const unknown = Object.keys(table).find((key) => !seen.has(key));
      if (unknown !== undefined) throw new ConfigurationError(`Unknown setting ${path}${unknown}.`);
    },
  };
}

/** A parsed TOML document over the defaults. @throws ConfigurationError */
export function configOfTable(table: Table): Config {
  const top = reader(table, "");
  const web = reader(top.table("web"), "web.");
  const sip = reader(top.table("sip"), "sip.");
  const media = reader(top.table("media"), "media.");
  const tls = reader(top.table("tls"), "tls.");
  const defence = reader(top.table("defence"), "defence.");
  const trace = reader(top.table("trace"), "trace.");
  const hosts = sip.table("hosts");
  const named = reader(hosts, "sip.hosts.");
  const webPort = web.port("port", DEFAULTS.web.port);
  const config: Config = {
    dataFolder: top.text("dataFolder", DEFAULTS.dataFolder),
    web: {
      address: web.text("address", DEFAULTS.web.address),
      port: webPort,
      origins: web.texts("origins", []),
      httpsPort: web.port("httpsPort", httpsBeside(webPort)),
    },
    tls: { names: tls.texts("names", []), folder: tls.text("folder", "") },
    sip: {
      engine: sip.text("engine", DEFAULTS.sip.engine),
      contacts: sip.texts("contacts", DEFAULTS.sip.contacts),
      address: sip.text("address", DEFAULTS.sip.address),
      lan: sip.texts("lan", DEFAULTS.sip.lan),
      realm: sip.text("realm", DEFAULTS.sip.realm),
      maxConnections: sip.count("maxConnections", CONNECTIONS.total, 100_000),
      maxConnectionsPerSource: sip.count("maxConnectionsPerSource", CONNECTIONS.perSource, 100_000),
      hosts: Object.fromEntries(Object.keys(hosts).map((name) => [name, named.texts(name, [])])),
    },
    media: {
      portMin: media.port("portMin", DEFAULTS.media.portMin),
      portMax: media.port("portMax", DEFAULTS.media.portMax),
      tts: media.text("tts", DEFAULTS.media.tts),
      silenceSeconds: media.count("silenceSeconds", 60, 86_400),
    },
    trace: {
      file: trace.flag("file", TRACE.file),
      days: trace.count("days", TRACE.days, 365),
      megabytes: trace.count("megabytes", TRACE.megabytes, 100_000),
    },
    defence: {
      exempt: defence.texts("exempt", DEFAULTS.defence.exempt),
      banSeconds: defence.count("banSeconds", DEFAULTS.defence.banSeconds, 86_400),
      nftables: defence.program("nftables", "nft"),
    },
    demo: top.flag("demo", false),
  };
  for (const part of [top, web, sip, media, trace, defence, tls]) part.done();
  return config;
}

/** "0.0.0.0:8080", "[::]:8080" or ":8080". @throws ConfigurationError */
export function parseListen(text: string, option: string): { address: string; port: number } {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:[\]]*):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (!match || port > 65535)
    throw new ConfigurationError(`${option} must be ADDRESS:PORT, for example 0.0.0.0:8080.`);
  return { address: (match[1] ?? "").replace(/^\[|\]$/g, "") || "0.0.0.0", port };
}

function check(config: Config): Config {
  const { portMin, portMax } = config.media;
  if (portMin < 1024 || portMax <= portMin || portMax - portMin < 99)
    throw new ConfigurationError(
      "The voice ports must be a range of at least 100 ports above 1023, for example 30000-39999.",
    );
  if (config.sip.engine !== "embedded" && !/^drachtio:\/\/[^@]+@[^:]+(:\d+)?$/.test(config.sip.engine))
    throw new ConfigurationError(
      'The setting sip.engine must be "embedded" or "drachtio://secret@host:port".',
    );
  if (config.sip.contacts.length === 0)
    throw new ConfigurationError("At least one SIP listening point is needed.");
  for (const contact of config.sip.contacts) sipListeners(contact);
  for (const [name, addresses] of Object.entries(config.sip.hosts ?? {}))
    if (addresses.length === 0 || addresses.some((address) => isIP(address) === 0))
      throw new ConfigurationError(`The setting sip.hosts."${name}" must be a list of addresses.`);
  const strange = config.defence?.exempt.find((entry) => !isNetwork(entry));
  if (strange !== undefined)
    throw new ConfigurationError(
      `The setting defence.exempt has "${strange}", which is no address or network.`,
    );
  return config;
}

/** Transports, address and port of a listening point like "sip:0.0.0.0:5060;transport=udp,tcp". @throws ConfigurationError */
export function sipListeners(contact: string): { transport: string; address: string; port: number }[] {
  const match = /^sips?:(\[[^\]]+\]|[^:;\s]+)(?::(\d{1,5}))?(?:;transport=([a-z,]+))?(?:;.*)?$/i.exec(
    contact,
  );
  const transports = (match?.[3] ?? "udp").toLowerCase().split(",");
  const known = transports.every((transport) => ["udp", "tcp", "tls", "ws", "wss"].includes(transport));
  if (!match || !known || Number(match[2] ?? 5060) > 65535)
    throw new ConfigurationError(
      `"${contact}" is not a SIP listening point; it looks like "sip:0.0.0.0:5060;transport=udp,tcp".`,
    );
  const address = (match[1] ?? "").replace(/^\[|\]$/g, "");
  return transports.map((transport) => ({
    transport,
    address,
    port: Number(match[2] ?? (transport === "tls" ? 5061 : 5060)),
  }));
}

/** HTTPS goes beside the two usual ports of HTTP, unless the file says otherwise. */
function httpsBeside(port: number): number {
  return port === 8080 ? 8443 : port === 80 ? 443 : 0;
}

/** The address of the pages by the flag; an HTTPS port that the file does not name follows it. @throws ConfigurationError */
function webByFlag(web: Config["web"], flag: string, table: Table): Config["web"] {
  const listen = parseListen(flag, "--web");
  const named = (table.web as Table | undefined)?.httpsPort !== undefined;
  return { ...web, ...listen, ...(named ? {} : { httpsPort: httpsBeside(listen.port) }) };
}

/** Defaults, file and flags to one checked configuration; the data folder is absolute. @throws ConfigurationError */
export function loadConfig(flags: ParsedFlags, folder = process.cwd()): Config {
  const named = flags.values.config;
  const file = resolve(folder, named ?? "zongji.toml");
  let table: Table = {};
  if (named !== undefined || existsSync(file)) {
    try {
      table = parse(readFileSync(file, "utf8"));
    } catch (error) {
      const reason = (error instanceof Error ? error.message : String(error)).split("\n")[0];
      throw new ConfigurationError(`The configuration file ${file} cannot be read: ${reason}`);
    }
  }
  const base = configOfTable(table);
  const { values, lists, switches } = flags;
  const demo = base.demo || switches.has("demo");
  const range = values["media-ports"]?.match(/^(\d{1,5})-(\d{1,5})$/);
  if (values["media-ports"] !== undefined && !range)
    throw new ConfigurationError("--media-ports must be MIN-MAX, for example 30000-39999.");
  // The demo office gets a folder of its own unless told otherwise, so that it never mixes with a real one.
  const dataFolder = values.data ?? (demo && table.dataFolder === undefined ? "data/demo" : base.dataFolder);
  return check({
    dataFolder: resolve(folder, dataFolder),
    web: values.web === undefined ? base.web : webByFlag(base.web, values.web, table),
    tls: {
      names: base.tls?.names ?? [],
      folder: base.tls?.folder ? resolve(folder, base.tls.folder) : "",
    },
    sip: {
      ...base.sip,
      engine: values.engine ?? base.sip.engine,
      contacts: lists.sip ?? base.sip.contacts,
      address: values.address ?? base.sip.address,
    },
    media: {
      ...base.media,
      portMin: range ? Number(range[1]) : base.media.portMin,
      portMax: range ? Number(range[2]) : base.media.portMax,
    },
    ...(base.trace ? { trace: base.trace } : {}),
    ...(base.defence ? { defence: base.defence } : {}),
    demo,
  });
}

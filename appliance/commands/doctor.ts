/**
 * `zongji doctor`: is everything in order? Looks at the machine by itself, asks the running exchange about its parts,
 * and places a real call between two built-in phones through it, listening for each one's tone at the other.
 * Exit code 0 when nothing failed.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { SipStats, TrunkState } from "../../sip/index.ts";
import { DATABASE_FILE, openConnection } from "../../storage/database.ts";
import type { Alarm, Health } from "../system/index.ts";
import type { Command } from "./command.ts";
import { CONFIG_FLAGS, loadConfig } from "./config-file.ts";
import { callControl, isRunning } from "./control.ts";
import { CommandError, EXIT } from "./errors.ts";
import { diskOf, ensureDataFolder, missingPrograms, requirePorts } from "./probes.ts";
import { testCall } from "./test-call.ts";
import type { TestExtension } from "./test-extensions.ts";

export interface Finding {
  readonly name: string;
  readonly state: "ok" | "warn" | "fail";
  /** One sentence: what was seen, and what to do. */
  readonly detail: string;
}

/** What the running exchange tells (control command "health"). */
export interface RunningHealth {
  readonly health: Health;
  readonly sip: SipStats;
  readonly listening: readonly string[];
  readonly trunks: readonly TrunkState[];
  readonly trunkNames: readonly { readonly id: number; readonly label: string }[];
  readonly alarms: readonly Alarm[];
}

const finding = (name: string, state: Finding["state"], detail: string): Finding => ({ name, state, detail });
const GB = 2 ** 30;

export function diskFinding(freeBytes: number): Finding {
  const free = `${(freeBytes / GB).toFixed(1)} GB free`;
  if (freeBytes < 0.2 * GB)
    return finding("disk", "fail", `${free}: recordings cannot be written much longer.`);
  return finding("disk", freeBytes < 2 * GB ? "warn" : "ok", free);
}

/** A clock behind the newest event would put new calls before old ones. `newestAt` null: no events. */
export function clockFinding(now: number, newestAt: number | null, synchronised: boolean | null): Finding {
  if (now < Date.UTC(2025, 0, 1))
    return finding("clock", "fail", "The clock is not set: set it, or switch time synchronisation on.");
  if (newestAt !== null && newestAt > now + 60_000)
    return finding(
      "clock",
      "fail",
      `The clock is behind the newest call (${new Date(newestAt).toISOString()}).`,
    );
  if (synchronised === false)
    return finding("clock", "warn", "Time synchronisation is off (timedatectl set-ntp true).");
  return finding("clock", "ok", new Date(now).toISOString());
}

/** Findings from the running exchange's own words. */
export function runningFindings(running: RunningHealth): Finding[] {
  const { sip, trunks, alarms } = running;
  const names = new Map(running.trunkNames.map(({ id, label }) => [id, label]));
  const media = sip.media.rtpengine;
  return [
    finding(
      "engine",
      sip.engineConnected ? "ok" : "fail",
      sip.engineConnected ? running.listening.join(" ") : "The SIP engine is not connected.",
    ),
    finding(
      "rtpengine",
      media.state === "up" ? "ok" : "fail",
      `${media.state}, ${media.calls} calls, ${media.restarts} restarts`,
    ),
    ...trunks.map((trunk) => {
      const well = ["registered", "up", "disabled"].includes(trunk.state);
      const detail = [trunk.state, trunk.reason].filter(Boolean).join(": ");
      return finding(`trunk ${names.get(trunk.trunkId) ?? trunk.trunkId}`, well ? "ok" : "warn", detail);
    }),
    ...alarms.map((alarm) =>
      finding("alarm", "warn", `${alarm.code} ${alarm.subject} ${alarm.detail}`.trim()),
    ),
  ];
}

/** quick_check and foreign keys on a connection of its own; also while the exchange runs. */
export function databaseFindings(folder: string, now: number): Finding[] {
  const file = join(folder, DATABASE_FILE);
  if (!existsSync(file)) return [finding("database", "ok", "not there yet; the first start makes it")];
  try {
    const db = openConnection(file, { readonly: true });
    try {
      const problems = db.query<{ quick_check: string }, []>("PRAGMA quick_check(5)").all();
      const bad = problems.map((row) => row.quick_check).filter((word) => word !== "ok");
      const keys = db.query("PRAGMA foreign_key_check").all().length;
      const newest =
        db.query<{ at: number | null }, []>("SELECT max(at) AS at FROM call_event").get()?.at ?? null;
      const state = bad.length > 0 || keys > 0 ? "fail" : "ok";
      const detail = state === "ok" ? "sound" : (bad[0] ?? `${keys} rows name something that is missing`);
      return [finding("database", state, detail), clockFinding(now, newest, synchronised())];
    } finally {
      db.close();
    }
  } catch (error) {
    return [finding("database", "fail", error instanceof Error ? error.message : String(error))];
  }
}

function synchronised(): boolean | null {
  if (Bun.which("timedatectl") === null || !existsSync("/run/systemd/system")) return null;
  const { stdout } = Bun.spawnSync(["timedatectl", "show", "-p", "NTPSynchronized", "--value"]);
  return stdout.toString().trim() === "yes";
}

async function callFinding(folder: string, listening: readonly string[]): Promise<Finding> {
  try {
    const answer = await callControl(folder, "test-extensions-add");
    const { phones } = answer as { phones: TestExtension[] };
    try {
      const result = await testCall(phones, listening);
      return finding("test call", result.ok ? "ok" : "fail", result.detail);
    } finally {
      await callControl(folder, "test-extensions-remove");
    }
  } catch (error) {
    return finding("test call", "fail", error instanceof Error ? error.message : String(error));
  }
}

function print(found: Finding): void {
  const mark = { ok: "ok  ", warn: "WARN", fail: "FAIL" }[found.state];
  console.log(`${mark}  ${found.name.padEnd(16)} ${found.detail}`);
}

export const doctorCommand: Command = {
  summary: "check the machine, the database and the running exchange, with a real test call",
  words: "",
  flags: {
    ...CONFIG_FLAGS,
    "no-call": { kind: "switch", help: "leave the test call out" },
    json: { kind: "switch", help: "print the findings as JSON" },
  },
  async run(flags) {
    const config = loadConfig(flags);
    const json = flags.switches.has("json");
    const findings: Finding[] = [];
    const tell = (...found: Finding[]) => {
      findings.push(...found);
      if (!json) for (const item of found) print(item);
    };
    const missing = missingPrograms(["rtpengine", "ffmpeg", "espeak-ng"]);
    tell(
      missing.length > 0
        ? finding("packages", "fail", `missing: sudo apt-get install -y ${missing.join(" ")}`)
        : finding("packages", "ok", "rtpengine ffmpeg espeak-ng"),
    );
    try {
      ensureDataFolder(config.dataFolder);
      tell(finding("data folder", "ok", config.dataFolder));
    } catch (error) {
      tell(finding("data folder", "fail", error instanceof Error ? error.message : String(error)));
      return EXIT.failed;
    }
    tell(
      diskFinding(diskOf(config.dataFolder).freeBytes),
      ...databaseFindings(config.dataFolder, Date.now()),
    );
    if (await isRunning(config.dataFolder)) {
      const running = (await callControl(config.dataFolder, "health")) as RunningHealth;
      tell(...runningFindings(running));
      if (!flags.switches.has("no-call")) tell(await callFinding(config.dataFolder, running.listening));
    } else {
      try {
        await requirePorts(config);
        tell(finding("ports", "ok", "free"));
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        tell(finding("ports", "fail", error.message));
      }
      tell(finding("exchange", "warn", "It is not running: engine, trunks and the test call were left out."));
    }
    if (json) console.log(JSON.stringify(findings, null, 2));
    return findings.some((item) => item.state === "fail") ? EXIT.failed : EXIT.ok;
  },
};

/** Splits a command line into words and flags by a small description; unknown flags are refused by name. */
import { UsageError } from "./errors.ts";

export interface FlagSpec {
  /** "value" takes the next word (or =value), "list" may be repeated, "switch" takes none. */
  readonly kind: "value" | "list" | "switch";
  readonly help: string;
  /** Name of the value in the help text. */
  readonly value?: string;
}

export interface ParsedFlags {
  readonly words: readonly string[];
  readonly values: Readonly<Record<string, string>>;
  readonly lists: Readonly<Record<string, readonly string[]>>;
  readonly switches: ReadonlySet<string>;
}

/** @throws UsageError on an unknown flag, a flag without its value, or a switch with one. */
export function parseFlags(args: readonly string[], specs: Readonly<Record<string, FlagSpec>>): ParsedFlags {
  const words: string[] = [];
  const values: Record<string, string> = {};
  const lists: Record<string, string[]> = {};
  const switches = new Set<string>();
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] ?? "";
    if (!arg.startsWith("--") || arg === "--") {
      if (arg !== "--") words.push(arg);
      continue;
    }
    const equals = arg.indexOf("=");
    const name = arg.slice(2, equals < 0 ? undefined : equals);
    const spec = specs[name];
    if (!spec) throw new UsageError(`Unknown flag --${name}.`);
    if (spec.kind === "switch") {
      if (equals >= 0) throw new UsageError(`Flag --${name} takes no value.`);
      switches.add(name);
      continue;
    }
    const value = equals >= 0 ? arg.slice(equals + 1) : args[++index];
    if (value === undefined || (equals < 0 && value.startsWith("--")))
      throw new UsageError(`Flag --${name} needs a value.`);
    if (spec.kind === "list") lists[name] = [...(lists[name] ?? []), value];
    else values[name] = value;
  }
  return { words, values, lists, switches };
}

/** Help lines for flags, aligned. */
export function flagHelp(specs: Readonly<Record<string, FlagSpec>>): string {
  const heads = Object.entries(specs).map(([name, spec]) => ({
    head: `--${name}${spec.kind === "switch" ? "" : ` ${spec.value ?? "VALUE"}`}`,
    help: spec.kind === "list" ? `${spec.help} (repeatable)` : spec.help,
  }));
  const width = Math.max(...heads.map((row) => row.head.length)) + 2;
  return heads.map((row) => `  ${row.head.padEnd(width)}${row.help}`).join("\n");
}

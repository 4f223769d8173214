/** What every command of the program looks like to the command line. */
import type { FlagSpec, ParsedFlags } from "./flags.ts";

export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** Words after the command's name, e.g. "add NAME". */
  readonly words: string;
  readonly flags: Readonly<Record<string, FlagSpec>>;
  /** @returns the exit code; refusals are thrown as CommandError. */
  run(flags: ParsedFlags): Promise<number>;
}

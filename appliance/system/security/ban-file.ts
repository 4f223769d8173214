/** The bans in a small file of the data folder, so that a restart does not let everybody in again. */
import { rename, writeFile } from "node:fs/promises";
import { type Ban, isNetwork } from "../../../sip/index.ts";

const REASONS = new Set(["guessing", "scanning", "flood", "malformed", "manual"]);

function isBan(value: unknown): value is Ban {
  if (typeof value !== "object" || value === null) return false;
  const { address, since, until, reason, evidence, times } = value as Record<string, unknown>;
  return (
    typeof address === "string" &&
    isNetwork(address) &&
    typeof reason === "string" &&
    REASONS.has(reason) &&
    [since, until, evidence, times].every((number) => Number.isFinite(number))
  );
}

/** Bans of the last run; none when there is no such file, or none that can be read (which is logged). */
export async function readBans(path: string, log: (line: string) => void): Promise<readonly Ban[]> {
  const file = Bun.file(path);
  if (!(await file.exists())) return [];
  try {
    const content: unknown = JSON.parse(await file.text());
    if (Array.isArray(content)) return content.filter(isBan);
    log(`${path} is no list of bans and is left aside`);
  } catch (error) {
    log(`${path} cannot be read and is left aside: ${error}`);
  }
  return [];
}

/** Writes lists of bans one after the other; only the newest counts when they come faster than the disk. */
export class BanFile {
  #next: readonly Ban[] | undefined;
  #writing: Promise<void> | undefined;

  constructor(
    private readonly path: string,
    private readonly log: (line: string) => void,
  ) {}

  save(bans: readonly Ban[]): void {
    this.#next = bans;
    this.#writing ??= this.#write();
  }

  /** When everything is on the disk. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    while (this.#next !== undefined) {
      const bans = this.#next;
      this.#next = undefined;
      try {
        await writeFile(`${this.path}.new`, JSON.stringify(bans), { mode: 0o600 });
        await rename(`${this.path}.new`, this.path);
      } catch (error) {
        this.log(`The bans could not be saved: ${error}`);
      }
    }
    this.#writing = undefined;
  }
}

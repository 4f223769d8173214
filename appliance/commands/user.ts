/** `zongji user add NAME` and `zongji user reset NAME`: an administrator, also when nobody can sign in any more. */
import { openStore } from "../../storage/database.ts";
import { UseCaseError, ValidationError } from "../kernel.ts";
import { createPeople } from "../people/index.ts";
import { createConfiguration } from "../system/index.ts";
import type { Command } from "./command.ts";
import { CONFIG_FLAGS, loadConfig } from "./config-file.ts";
import { callControl, isRunning } from "./control.ts";
import { CommandError, EXIT, UsageError } from "./errors.ts";
import type { ParsedFlags } from "./flags.ts";
import { ensureDataFolder } from "./probes.ts";

/** A password a person can type from a screen: 20 letters and digits without look-alikes (about 115 bits). */
export function newPassword(): string {
  const letters = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
  const bytes = crypto.getRandomValues(new Uint8Array(64));
  return [...bytes]
    .filter((byte) => byte < letters.length * 4)
    .slice(0, 20)
    .map((byte) => letters[byte % letters.length])
    .join("");
}

async function passwordOf(flags: ParsedFlags): Promise<{ password: string; told: boolean }> {
  if (!flags.switches.has("password-stdin")) return { password: newPassword(), told: true };
  const password = (await Bun.stdin.text()).replace(/\r?\n$/, "");
  if (password === "") throw new UsageError("No password came on standard input.");
  return { password, told: false };
}

/** Whether the account is there, in a database that nobody else needs to have open. */
async function offline(folder: string, realm: string, mode: string, username: string, password: string) {
  const store = await openStore(folder);
  try {
    const row = await store.read
      .selectFrom("account")
      .select("id")
      .where("username", "=", username)
      .executeTakeFirst();
    requireMode(mode, username, row !== undefined);
    const now = Date.now;
    const people = createPeople({ store, now, realm, configuration: createConfiguration({ store, now }) });
    return await people.resetAdministrator(username, password);
  } finally {
    await store.close();
  }
}

/** "add" must not overwrite a password, "reset" must not make a misspelt account. @throws CommandError */
export function requireMode(mode: string, username: string, exists: boolean): void {
  if (mode === "add" && exists)
    throw new CommandError(
      "user-exists",
      EXIT.failed,
      `There is an account ${username}; use: zongji user reset ${username}`,
    );
  if (mode === "reset" && !exists)
    throw new CommandError(
      "user-unknown",
      EXIT.failed,
      `There is no account ${username}; use: zongji user add ${username}`,
    );
}

export const userCommand: Command = {
  summary: "add an administrator, or give one a new password",
  words: "add|reset NAME",
  flags: {
    ...({ config: CONFIG_FLAGS.config, data: CONFIG_FLAGS.data } as Command["flags"]),
    "password-stdin": { kind: "switch", help: "read the password from standard input instead of making one" },
  },
  async run(flags) {
    const [mode = "", username = ""] = flags.words;
    if (!["add", "reset"].includes(mode) || username === "")
      throw new UsageError("Which user? zongji user add NAME, or zongji user reset NAME.");
    const { dataFolder, sip } = loadConfig(flags);
    ensureDataFolder(dataFolder);
    const { password, told } = await passwordOf(flags);
    try {
      if (await isRunning(dataFolder)) await callControl(dataFolder, "user", { mode, username, password });
      else await offline(dataFolder, sip.realm, mode, username, password);
    } catch (error) {
      if (error instanceof ValidationError)
        throw new CommandError(
          "refused",
          EXIT.failed,
          `Refused: ${Object.entries(error.fields)
            .map(([field, { code }]) => `${field}: ${code}`)
            .join(", ")}.`,
        );
      if (error instanceof UseCaseError)
        throw new CommandError(error.code, EXIT.failed, `Refused: ${error.code}.`);
      throw error;
    }
    console.log(
      told ? `Account ${username}, password ${password}` : `Account ${username} has the new password.`,
    );
    return EXIT.ok;
  },
};

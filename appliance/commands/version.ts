/** `zongji version`: the program's version, the commit it was built from, and Bun's. */
import packageFile from "../../package.json" with { type: "json" };
import type { Command } from "./command.ts";
import { EXIT } from "./errors.ts";

/** Replaced by the build. */
declare const ZONGJI_COMMIT: string;

export const VERSION: string = packageFile.version;
export const COMMIT: string = typeof ZONGJI_COMMIT === "string" ? ZONGJI_COMMIT : "source";

export const versionCommand: Command = {
  summary: "show the version",
  words: "",
  flags: {},
  async run() {
    console.log(`zongji ${VERSION} (${COMMIT}, Bun ${Bun.version})`);
    return EXIT.ok;
  },
};

/** `zongji sip-engine …`: the SIP server alone. It reads its flags itself (sip/engine/cli.ts). */
import { runSipEngine } from "../../sip/engine/index.ts";
import type { Command } from "./command.ts";

export const sipEngineCommand: Command = {
  summary: "run the SIP server alone (drachtio agent protocol)",
  words: '--contact "sip:IP:PORT;transport=udp,tcp" --address IP --port PORT --secret SECRET',
  flags: {},
  run: async (flags) => runSipEngine(flags.words),
};

/** Text to speech by a command line: espeak-ng, or any program that writes a WAV file. */
import { rm } from "node:fs/promises";
import { runCommand } from "./command.ts";
import { convertSound } from "./convert.ts";

export type TtsErrorCode = "tts-missing" | "tts-failed" | "tts-timeout" | "tts-text";

/** Speech could not be made. */
export class TtsError extends Error {
  override name = "TtsError";
  readonly code: TtsErrorCode;
  constructor(code: TtsErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

export interface TtsSettings {
  /**
   * Program and arguments; {voice} and {out} are replaced, the text comes on standard input (or as {text}).
   * Default: espeak-ng.
   */
  readonly command?: readonly string[];
  /** Voice by language tag; default espeak-ng's cmn, en-us and ja. */
  readonly voices?: Readonly<Record<string, string>>;
  /** Default 30 000. */
  readonly timeoutMs?: number;
}

const ESPEAK = ["espeak-ng", "-v", "{voice}", "-s", "150", "-w", "{out}", "--stdin"];
const VOICES: Readonly<Record<string, string>> = { "zh-CN": "cmn", en: "en-us", ja: "ja" };
const LONGEST_TEXT = 5000;

export interface Spoken {
  readonly file8k: string;
  readonly file16k: string;
  /** Length, ms. */
  readonly ms: number;
}

/**
 * Speaks `text` in `language` (zh-CN, en, ja) into `target`-8k.wav and `target`-16k.wav.
 * @throws TtsError, ConvertError (ffmpeg missing)
 */
export async function speak(
  text: string,
  language: string,
  target: string,
  settings: TtsSettings = {},
): Promise<Spoken> {
  const { command = ESPEAK, voices = VOICES, timeoutMs = 30_000 } = settings;
  const said = text.replace(/\p{Cc}+/gu, " ").trim();
  if (said === "" || said.length > LONGEST_TEXT) {
    throw new TtsError("tts-text", `the text must have 1 to ${LONGEST_TEXT} characters`);
  }
  const raw = `${target}.tts`;
  const words = command.map((word) =>
    word
      .replaceAll("{voice}", () => voices[language] ?? language)
      .replaceAll("{out}", () => raw)
      .replaceAll("{text}", () => said),
  );
  try {
    const result = await runCommand(words, { timeoutMs, input: said }).catch((error: unknown) => {
      throw new TtsError("tts-missing", error instanceof Error ? error.message : String(error));
    });
    if (result.timedOut) throw new TtsError("tts-timeout", `no speech within ${timeoutMs} ms`);
    if (!result.ok || !(await Bun.file(raw).exists())) {
      throw new TtsError("tts-failed", result.message || `${words[0]} made no file`);
    }
    const { file8k, file16k, ms } = await convertSound(raw, target, { timeoutMs });
    return { file8k, file16k, ms };
  } finally {
    await rm(raw, { force: true });
  }
}

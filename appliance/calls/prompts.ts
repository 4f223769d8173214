/** Makes the built-in prompts at the first start: spoken words of both languages, beep, waiting music. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { speak } from "../../sip/media/index.ts";
import type { BuiltInPrompt, Routing } from "../routing/index.ts";
import { composeBeep, composeMusic } from "./music.ts";
import { PROMPT_LANGUAGES, promptTexts } from "./prompt-texts.ts";

/** Prompts are put in force in portions, so that the first can be heard before the last is made. */
const PORTION = 20;

export interface PromptDeps {
  readonly routing: Pick<Routing, "current" | "mediaFiles">;
  /** Media folder (the library stores into it by itself). */
  readonly folder: string;
  /** Command line of the speaker; "" or "espeak-ng" = the default one. */
  readonly tts: string;
  /** Whether calls are up: then there is time. */
  readonly busy?: () => boolean;
}

/** Starting a helper program stops this thread for some ms: while calls are up, so long between two prompts. */
const CALM_MS = 1000;

/**
 * Adds what the office's language lacks; when all is there nothing is done. Speech runs in child processes, one at a
 * time. @throws TtsError when the speaker is missing: calls go on with tones instead of words.
 */
export async function installPrompts({ routing, tts, busy = () => false }: PromptDeps): Promise<void> {
  const { prompts, settings } = routing.current();
  const { installPrompts: install } = routing.mediaFiles;
  const missing = promptTexts(settings.language).some(({ key }) => !prompts.has(key));
  if (!missing && prompts.has("waiting-music") && prompts.has("beep")) return;
  const others = PROMPT_LANGUAGES.filter((language) => language !== settings.language);
  const languages = [settings.language, ...others];

  const music = await composeMusic();
  const beep = composeBeep();
  await install(
    languages.flatMap((language): BuiltInPrompt[] => [
      { key: "waiting-music", language, ...music, fileType: "music" },
      { key: "beep", language, ...beep },
    ]),
  );
  if (!missing) return;
  const command = tts.trim() === "" || tts.trim() === "espeak-ng" ? {} : { command: tts.trim().split(/\s+/) };
  const work = await mkdtemp(join(tmpdir(), "zongji-prompts-"));
  try {
    for (const language of languages) {
      let portion: BuiltInPrompt[] = [];
      for (const { key, text } of promptTexts(language)) {
        if (language === settings.language && prompts.has(key)) continue;
        if (busy()) await Bun.sleep(CALM_MS);
        const { file8k, ms } = await speak(text, language, join(work, `${language}-${key}`), command);
        portion.push({ key, language, wav: await readFile(file8k), durationMs: ms });
        if (portion.length < PORTION) continue;
        await install(portion);
        portion = [];
      }
      await install(portion);
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

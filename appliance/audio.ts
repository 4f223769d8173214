/** Uploaded sounds on their way into the media library: bytes in, 8 kHz WAV out, by ffmpeg in a folder of their own. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConvertError, convertSound } from "../sip/media/index.ts";
import { ValidationError } from "./kernel.ts";
import type { ConvertAudio } from "./routing/index.ts";

/** @throws ValidationError at "file" when the bytes are not a sound that can be played. */
export const convertAudio: ConvertAudio = async (bytes) => {
  const folder = mkdtempSync(join(tmpdir(), "zongji-sound-"));
  try {
    const source = join(folder, "upload");
    writeFileSync(source, bytes, { mode: 0o600 });
    const converted = await convertSound(source, join(folder, "out"));
    return { wav8k: readFileSync(converted.file8k), durationMs: converted.ms };
  } catch (error) {
    if (error instanceof ConvertError) throw new ValidationError({ file: { code: `error.${error.code}` } });
    throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

/** Recordings that a crash left unfinished. */
import { open, rename } from "node:fs/promises";
import { fileSha256, partFile, type RecordingResult } from "./port/recording.ts";
import { WAV_HEADER_BYTES, WavError, wavHeader } from "./wav.ts";

/**
 * Makes `file` whole after a crash: sets the header of `file`.part to the length that is really there and renames it.
 * Call it only when nothing writes the recording any more.
 * @param file the final path, as in RecordSpec
 * @throws WavError when the part is no recording of ours; the file system's error when there is none
 */
export async function repairRecording(file: string): Promise<RecordingResult> {
  const part = await open(partFile(file), "r+");
  let ms: number;
  let data: number;
  try {
    const { size } = await part.stat();
    const header = new Uint8Array(WAV_HEADER_BYTES);
    await part.read(header, 0, header.length, 0);
    const view = new DataView(header.buffer);
    const channels = view.getUint16(22, true);
    const rate = view.getUint32(24, true);
    const ours = view.getUint32(0) === 0x52494646 && view.getUint32(36) === 0x64617461;
    if (size < WAV_HEADER_BYTES || !ours || channels < 1 || channels > 2 || rate !== 8000) {
      throw new WavError("not an unfinished recording");
    }
    const block = channels * 2;
    data = size - WAV_HEADER_BYTES - ((size - WAV_HEADER_BYTES) % block);
    await part.truncate(WAV_HEADER_BYTES + data);
    await part.write(wavHeader(rate, channels, data), 0, WAV_HEADER_BYTES, 0);
    await part.datasync();
    ms = Math.round(data / block / 8);
  } finally {
    await part.close();
  }
  await rename(partFile(file), file);
  return { file, ms, bytes: WAV_HEADER_BYTES + data, sha256: await fileSha256(file) };
}

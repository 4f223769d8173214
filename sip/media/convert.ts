/** Uploaded sounds (wav, mp3, ogg, m4a) to what is played: 8 kHz and 16 kHz mono 16-bit WAV, by ffmpeg. */
import { open, rename, rm, stat } from "node:fs/promises";
import { runCommand } from "./command.ts";

export type SoundFormat = "wav" | "mp3" | "ogg" | "m4a";

export type ConvertErrorCode =
  | "sound-not-audio"
  | "sound-too-large"
  | "sound-too-long"
  | "sound-timeout"
  | "sound-converter-missing";

/** An upload that cannot become a prompt; `code` names the reason for the person who uploaded it. */
export class ConvertError extends Error {
  override name = "ConvertError";
  readonly code: ConvertErrorCode;
  constructor(code: ConvertErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** The format by content, never by name; null for anything else. */
export function sniffSound(head: Uint8Array): SoundFormat | null {
  const word = (at: number, length = 4) => String.fromCharCode(...head.subarray(at, at + length));
  if (word(0) === "RIFF" && word(8) === "WAVE") return "wav";
  if (word(0) === "OggS") return "ogg";
  if (word(4) === "ftyp" && /^(M4A |M4B |mp4|isom|iso2|dash)/.test(word(8))) return "m4a";
  if (word(0, 3) === "ID3") return "mp3";
  const [first = 0, second = 0] = head;
  // MPEG frame sync, layer III.
  if (first === 0xff && (second & 0xe6) === 0xe2) return "mp3";
  return null;
}

export interface ConvertLimits {
  /** Default 20 MiB. */
  readonly maxBytes?: number;
  /** Longest sound, s; default 600. */
  readonly maxSeconds?: number;
  /** Time for one conversion, ms; default 30 000. */
  readonly timeoutMs?: number;
}

export interface Converted {
  readonly format: SoundFormat;
  /** Length, ms. */
  readonly ms: number;
  readonly file8k: string;
  readonly file16k: string;
}

const DEMUXER: Readonly<Record<SoundFormat, string>> = { wav: "wav", mp3: "mp3", ogg: "ogg", m4a: "mov" };

/**
 * Converts `source` to `target`-8k.wav and `target`-16k.wav; both appear complete or not at all.
 * @throws ConvertError
 */
export async function convertSound(
  source: string,
  target: string,
  limits: ConvertLimits = {},
): Promise<Converted> {
  const { maxBytes = 20 * 1024 * 1024, maxSeconds = 600, timeoutMs = 30_000 } = limits;
  const { size } = await stat(source);
  if (size > maxBytes) throw new ConvertError("sound-too-large", `${size} bytes, at most ${maxBytes}`);
  const head = new Uint8Array(16);
  const file = await open(source, "r");
  await file.read(head, 0, head.length, 0).finally(() => file.close());
  const format = sniffSound(head);
  if (!format) throw new ConvertError("sound-not-audio", "not a WAV, MP3, Ogg or M4A file");

  const outputs = [
    { rate: 8000, file: `${target}-8k.wav` },
    { rate: 16000, file: `${target}-16k.wav` },
  ];
  const unfinished = (path: string) => `${path}.new`;
  const perOutput = outputs.flatMap(({ rate, file: path }) => [
    // Bit-exact: no date or program name in the file, so equal uploads give equal bytes.
    ...[
      "-map",
      "0:a:0",
      "-map_metadata",
      "-1",
      "-bitexact",
      "-ac",
      "1",
      "-ar",
      String(rate),
      "-c:a",
      "pcm_s16le",
    ],
    ...["-t", String(maxSeconds + 1), "-f", "wav", unfinished(path)],
  ]);
  try {
    // The demuxer is fixed and only files may be opened: a playlist inside an upload cannot reach the network.
    const result = await runCommand(
      [
        "ffmpeg",
        "-nostdin",
        "-v",
        "error",
        "-y",
        "-protocol_whitelist",
        "file",
        "-f",
        DEMUXER[format],
        "-i",
        source,
        ...perOutput,
      ],
      { timeoutMs },
    ).catch((error: unknown) => {
      throw new ConvertError(
        "sound-converter-missing",
        error instanceof Error ? error.message : String(error),
      );
    });
    if (result.timedOut) throw new ConvertError("sound-timeout", `not converted within ${timeoutMs} ms`);
    const bytes = await stat(unfinished(outputs[0]?.file ?? "")).then(
      (info) => info.size,
      () => 0,
    );
    const ms = Math.round((bytes - 44) / 16);
    if (!result.ok || ms < 1)
      throw new ConvertError("sound-not-audio", result.message || "no sound in the file");
    if (ms > maxSeconds * 1000) throw new ConvertError("sound-too-long", `longer than ${maxSeconds} s`);
    for (const { file: path } of outputs) await rename(unfinished(path), path);
    return { format, ms, file8k: `${target}-8k.wav`, file16k: `${target}-16k.wav` };
  } finally {
    for (const { file: path } of outputs) await rm(unfinished(path), { force: true });
  }
}

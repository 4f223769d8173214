/**
 * One recording: 8 kHz 16-bit WAV, written beside the pacing (asynchronous writes of one second each).
 *
 * The source is the decoded input of the port's channels, not a fork of rtpengine: the data are the same, there are no
 * more ports or packets, and what is recorded is what the other party heard. Frames are put at the time slot they
 * were played in, so both channels and all gaps stay aligned with the call.
 */
import { type FileHandle, open, rename } from "node:fs/promises";
import { alawToLinear } from "../g711.ts";
import type { RecordSpec } from "../model.ts";
import { WAV_HEADER_BYTES, wavHeader } from "../wav.ts";
import { FRAME } from "./rtp.ts";

const FRAMES_A_CHUNK = 50;
/** Seconds of audio that may wait for a slow disk. */
const MOST_WAITING = 30;
/** The header is set right this often (chunks = seconds), so that a crash loses little. */
const HEADER_EVERY = 5;

/** The part of a file that a recording uses; replaced in tests by one that fails. */
export type RecordingFile = Pick<FileHandle, "write" | "datasync" | "close">;
export type OpenRecording = (path: string) => Promise<RecordingFile>;

export interface RecordingResult {
  readonly file: string;
  readonly ms: number;
  readonly bytes: number;
  readonly sha256: string;
}

/** Where an unfinished recording is written. */
export function partFile(file: string): string {
  return `${file}.part`;
}

async function writeAll(file: RecordingFile, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    if (bytesWritten === 0) throw Object.assign(new Error("nothing written"), { code: "EIO" });
    done += bytesWritten;
  }
}

/** SHA-256 of a file in hex, read in pieces so that nothing waits for it. */
export async function fileSha256(path: string): Promise<string> {
  const hasher = new Bun.CryptoHasher("sha256");
  const file = await open(path, "r");
  try {
    const piece = new Uint8Array(128 * 1024);
    for (;;) {
      const { bytesRead } = await file.read(piece, 0, piece.length, null);
      if (bytesRead === 0) return hasher.digest("hex");
      hasher.update(piece.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

export class Recording {
  readonly spec: RecordSpec;
  left: string | null;
  right: string | null;
  /** While paused silence is written: positions in the file stay true to the call's time line. */
  paused = false;
  /** Slots (20 ms) since the start. */
  #slot = 0;
  readonly #channels: 1 | 2;
  readonly #left = new Int16Array(FRAME);
  readonly #right = new Int16Array(FRAME);
  #chunk: Int16Array;
  #inChunk = 0;
  #written = 0;
  #waiting = 0;
  #chunks = 0;
  #failure: string | null = null;
  #file: RecordingFile | null = null;
  #work: Promise<void>;
  readonly #onFail: (reason: string) => void;

  constructor(
    spec: RecordSpec,
    onFail: (reason: string) => void,
    opener: OpenRecording = (path) => open(path, "wx"),
  ) {
    this.spec = spec;
    this.left = spec.left;
    this.right = spec.right ?? null;
    this.#channels = spec.mono ? 1 : 2;
    this.#onFail = onFail;
    this.#chunk = new Int16Array(FRAME * FRAMES_A_CHUNK * this.#channels);
    this.#work = opener(partFile(spec.file)).then(
      async (file) => {
        this.#file = file;
        await this.#guard(() => writeAll(file, wavHeader(8000, this.#channels, 0), 0));
      },
      (error: unknown) => this.#fail(error),
    );
  }

  /** What `leg` said in the current slot. */
  put(leg: string, codes: Uint8Array): void {
    if (this.paused) return;
    if (leg === this.left) alawToLinear(codes, this.#left);
    if (leg === this.right) alawToLinear(codes, this.#right);
  }

  /** Ends the current slot; called once each 20 ms. */
  endSlot(): void {
    if (this.#failure) return;
    const chunk = this.#chunk;
    let at = this.#inChunk * FRAME * this.#channels;
    if (this.#channels === 2) {
      for (let i = 0; i < FRAME; i++) {
        chunk[at++] = this.#left[i] ?? 0;
        chunk[at++] = this.#right[i] ?? 0;
      }
    } else {
      for (let i = 0; i < FRAME; i++) {
        const sum = (this.#left[i] ?? 0) + (this.#right[i] ?? 0);
        chunk[at++] = Math.max(-32768, Math.min(32767, sum));
      }
    }
    this.#left.fill(0);
    this.#right.fill(0);
    this.#slot++;
    if (++this.#inChunk === FRAMES_A_CHUNK) this.#flush();
  }

  get ms(): number {
    return this.#slot * 20;
  }

  #flush(): void {
    const samples = this.#chunk.subarray(0, this.#inChunk * FRAME * this.#channels);
    if (samples.length === 0) return;
    this.#chunk = new Int16Array(this.#chunk.length);
    this.#inChunk = 0;
    if (++this.#waiting > MOST_WAITING) {
      this.#fail(Object.assign(new Error("the disk is too slow"), { code: "ETIMEDOUT" }));
      return;
    }
    const bytes = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
    const withHeader = ++this.#chunks % HEADER_EVERY === 0;
    this.#work = this.#work.then(async () => {
      await this.#guard(async (file) => {
        await writeAll(file, bytes, WAV_HEADER_BYTES + this.#written);
        this.#written += bytes.length;
        if (withHeader) await writeAll(file, wavHeader(8000, this.#channels, this.#written), 0);
      });
      this.#waiting--;
    });
  }

  async #guard(action: (file: RecordingFile) => Promise<void>): Promise<void> {
    if (this.#failure || !this.#file) return;
    try {
      await action(this.#file);
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#failure) return;
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    this.#failure =
      code === "ENOSPC"
        ? "disk full"
        : `${code || "error"}: ${error instanceof Error ? error.message : error}`;
    this.#onFail(this.#failure);
  }

  /**
   * Writes the rest, sets the header, renames to the final name. After a failure what was written is kept under the
   * final name too, and the result is null (the failure was already reported).
   */
  async finish(): Promise<RecordingResult | null> {
    this.#flush();
    await this.#work;
    const file = this.#file;
    this.#file = null;
    if (!file) return null;
    const { file: path } = this.spec;
    try {
      await writeAll(file, wavHeader(8000, this.#channels, this.#written), 0);
      await file.datasync();
    } catch (error) {
      this.#fail(error);
    }
    try {
      await file.close();
      await rename(partFile(path), path);
      if (this.#failure) return null;
      return {
        file: path,
        ms: Math.round(this.#written / this.#channels / 16),
        bytes: this.#written + WAV_HEADER_BYTES,
        sha256: await fileSha256(path),
      };
    } catch (error) {
      this.#fail(error);
      return null;
    }
  }
}

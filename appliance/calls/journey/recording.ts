/** The one recording of a journey: stereo, left the caller, right whoever talks with the caller. */
import type { LegId, MediaEvent } from "../../../sip/index.ts";
import type { Journey } from "./journey.ts";

export class RecordingKeeper {
  readonly #journey: Journey;
  #id: string | null = null;
  #left: LegId | null = null;
  #right: LegId | null = null;
  #stopping = false;
  #n = 0;

  constructor(journey: Journey) {
    this.#journey = journey;
  }

  /** Started and not yet told to stop. */
  get running(): boolean {
    return this.#id !== null && !this.#stopping;
  }

  /** Its last facts are still to come. */
  get open(): boolean {
    return this.#id !== null;
  }

  /**
   * Starts, or takes the new party of a running recording: who is on a side stays there. A refusing disk never stops
   * the call.
   */
  begin(left: LegId, right: LegId): void {
    const { services } = this.#journey;
    if (this.#id !== null && !this.#stopping) {
      const crossed = this.#right === left || this.#left === right;
      this.#put("left", crossed ? right : left);
      this.#put("right", crossed ? left : right);
      return;
    }
    if (this.#id !== null) return;
    this.#n++;
    const recording = `${this.#journey.id}-${this.#n}`;
    let file: string;
    try {
      file = services.recordingFile(this.#journey.id, this.#n, services.now());
    } catch (error) {
      services.alarm("recording-failed", "disk", error instanceof Error ? error.message : String(error));
      return;
    }
    this.#id = recording;
    this.#left = left;
    this.#right = right;
    services.media.startRecording({ recording, file, left, right });
    this.#journey.fact("recording.started", null, { recording, file, leftLeg: left, rightLeg: right });
  }

  #put(side: "left" | "right", leg: LegId): void {
    if (this.#id === null || (side === "left" ? this.#left : this.#right) === leg) return;
    this.#journey.services.media.recordParty(this.#id, side, leg);
    if (side === "left") this.#left = leg;
    else this.#right = leg;
  }

  stop(): void {
    if (this.#id === null || this.#stopping) return;
    this.#stopping = true;
    this.#journey.services.media.stopRecording(this.#id);
  }

  onMedia(event: Extract<MediaEvent, { type: "recording-finished" | "recording-failed" }>): void {
    if (event.recording !== this.#id) return;
    const { services } = this.#journey;
    if (event.type === "recording-failed") {
      services.alarm("recording-failed", "disk", event.reason);
      this.#close({ ms: 0, bytes: 0, sha256: "", failed: event.reason });
    } else this.#close({ ms: event.ms, bytes: event.bytes, sha256: event.sha256 });
  }

  /** The media port did not answer in time. */
  giveUp(): void {
    if (this.#id !== null)
      this.#close({ ms: 0, bytes: 0, sha256: "", failed: "no answer from the media port" });
  }

  #close(figures: { ms: number; bytes: number; sha256: string; failed?: string }): void {
    if (this.#id === null) return;
    this.#journey.fact("recording.stopped", null, { recording: this.#id, ...figures });
    this.#id = null;
    this.#stopping = false;
  }
}

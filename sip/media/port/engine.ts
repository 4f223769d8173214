/** The media port: channels, their pacing in four staggered groups, who hears whom, players and recordings. */
import type { MediaEvent, PlaySpec, RecordSpec } from "../model.ts";
import { Channel, type Playing } from "./channel.ts";
import { Player } from "./player.ts";
import type { ChannelRemote, PortOptions, PortStats } from "./protocol.ts";
import { type OpenRecording, Recording } from "./recording.ts";
import { FRAME_MS } from "./rtp.ts";
import { Sounds } from "./sounds.ts";

const GROUPS = 4;
const TICK_MS = FRAME_MS / GROUPS;
/** Later than this, ticks are left out instead of being caught up in a burst. */
const MOST_LATE_TICKS = 200 / TICK_MS;
/** A recording whose legs are all gone ends by itself after this many slots (10 s). */
const ORPHAN_SLOTS = 500;

interface RunningRecording {
  readonly recording: Recording;
  readonly group: number;
  orphanSlots: number;
}

export class PortEngine {
  readonly #options: PortOptions;
  readonly #emit: (event: MediaEvent) => void;
  readonly #openRecording: OpenRecording | undefined;
  readonly #channels = new Map<string, Channel>();
  readonly #groups: Set<Channel>[] = Array.from({ length: GROUPS }, () => new Set<Channel>());
  readonly #recordings = new Map<string, RunningRecording>();
  /** Which recordings a leg's voice goes into. */
  #taps = new Map<string, Recording[]>();
  readonly #finishing = new Set<Promise<void>>();
  readonly #sounds = new Sounds();
  readonly #silentFrames: number;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #origin = 0;
  #tick = 0;
  #gone = { packetsIn: 0, packetsOut: 0, packetsLost: 0 };
  #framesSkipped = 0;
  #worstTick = 0;

  constructor(options: PortOptions, emit: (event: MediaEvent) => void, openRecording?: OpenRecording) {
    this.#options = options;
    this.#emit = emit;
    this.#openRecording = openRecording;
    this.#silentFrames = Math.ceil((options.silentMs ?? 0) / FRAME_MS);
  }

  /** Opens a leg's channel (or finds it) and returns its UDP port. @throws NoPortError */
  async open(leg: string): Promise<number> {
    const known = this.#channels.get(leg);
    if (known) return known.port;
    const sizes = this.#groups.map((group) => group.size);
    const group = sizes.indexOf(Math.min(...sizes));
    const channel = await Channel.open(leg, group, this.#options, (from, key) => this.#key(from, key));
    this.#channels.set(leg, channel);
    this.#groups[group]?.add(channel);
    this.#resolve();
    this.#run();
    return channel.port;
  }

  connect(leg: string, remote: ChannelRemote): void {
    this.#channels.get(leg)?.connect(remote);
  }

  close(leg: string): void {
    const channel = this.#channels.get(leg);
    if (!channel) return;
    this.#endPlay(channel, "ended");
    channel.close();
    this.#channels.delete(leg);
    this.#groups[channel.group]?.delete(channel);
    this.#gone.packetsIn += channel.packetsIn;
    this.#gone.packetsOut += channel.packetsOut;
    this.#gone.packetsLost += channel.jitter.counts.concealed;
    this.#resolve();
  }

  play(spec: PlaySpec): void {
    const channel = this.#channels.get(spec.leg);
    if (!channel) return;
    this.#endPlay(channel, "replaced");
    const playing: Playing = {
      play: spec.play,
      stopOnDigit: spec.stopOnDigit === true,
      resumeKey: spec.resumeKey ?? null,
      player: null,
    };
    channel.playing = playing;
    const times = spec.times === "forever" ? Number.POSITIVE_INFINITY : (spec.times ?? 1);
    Promise.all(spec.items.map((item) => this.#sounds.load(item))).then(
      (sounds) => {
        if (channel.playing !== playing) return;
        const from = playing.resumeKey === null ? undefined : channel.resume.get(playing.resumeKey);
        playing.player = new Player(sounds, times, from);
      },
      () => {
        if (channel.playing === playing) this.#endPlay(channel, "failed");
      },
    );
  }

  stopPlay(leg: string, play?: string): void {
    const channel = this.#channels.get(leg);
    if (!channel?.playing || (play !== undefined && channel.playing.play !== play)) return;
    this.#endPlay(channel, "stopped");
  }

  hear(listener: string, sources: readonly string[]): void {
    const channel = this.#channels.get(listener);
    if (!channel) return;
    channel.hearing = [...new Set(sources)].filter((source) => source !== listener);
    this.#resolve();
  }

  sendKeys(leg: string, digits: string): void {
    this.#channels.get(leg)?.keys.press(digits);
  }

  startRecording(spec: RecordSpec): void {
    if (this.#recordings.has(spec.recording)) return;
    const onFail = (reason: string) =>
      this.#emit({ type: "recording-failed", recording: spec.recording, reason, at: Date.now() });
    const recording = new Recording(spec, onFail, this.#openRecording);
    this.#recordings.set(spec.recording, {
      recording,
      group: (this.#tick + GROUPS - 1) % GROUPS,
      orphanSlots: 0,
    });
    this.#resolveTaps();
    this.#run();
  }

  recordParty(id: string, side: "left" | "right", leg: string | null): void {
    const running = this.#recordings.get(id);
    if (!running) return;
    running.recording[side] = leg;
    this.#resolveTaps();
  }

  pauseRecording(id: string, paused: boolean): void {
    const running = this.#recordings.get(id);
    if (running) running.recording.paused = paused;
  }

  stopRecording(id: string): void {
    const running = this.#recordings.get(id);
    if (!running) return;
    this.#recordings.delete(id);
    this.#resolveTaps();
    const work = running.recording.finish().then((result) => {
      this.#finishing.delete(work);
      if (result) this.#emit({ type: "recording-finished", recording: id, ...result, at: Date.now() });
    });
    this.#finishing.add(work);
  }

  stats(): PortStats {
    const sum = { ...this.#gone };
    for (const channel of this.#channels.values()) {
      sum.packetsIn += channel.packetsIn;
      sum.packetsOut += channel.packetsOut;
      sum.packetsLost += channel.jitter.counts.concealed;
    }
    const worstTickMs = this.#worstTick;
    this.#worstTick = 0;
    return {
      ...sum,
      channels: this.#channels.size,
      recordings: this.#recordings.size,
      framesSkipped: this.#framesSkipped,
      worstTickMs,
    };
  }

  /** Ends everything; resolves when all recordings are on the disk. */
  async stop(): Promise<void> {
    for (const id of [...this.#recordings.keys()]) this.stopRecording(id);
    for (const leg of [...this.#channels.keys()]) this.close(leg);
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    await Promise.all(this.#finishing);
  }

  #key(channel: Channel, digit: string): void {
    this.#emit({ type: "digit", leg: channel.leg, digit, at: Date.now() });
    if (channel.playing?.stopOnDigit) this.#endPlay(channel, "interrupted");
  }

  #endPlay(
    channel: Channel,
    outcome: "completed" | "interrupted" | "stopped" | "replaced" | "failed" | "ended",
  ): void {
    const playing = channel.playing;
    if (!playing) return;
    channel.playing = null;
    if (playing.resumeKey !== null && playing.player) {
      if (outcome === "completed") channel.resume.delete(playing.resumeKey);
      else channel.resume.set(playing.resumeKey, playing.player.position);
    }
    const ms = playing.player?.ms ?? 0;
    this.#emit({ type: "play-finished", leg: channel.leg, play: playing.play, outcome, ms, at: Date.now() });
  }

  #silent(channel: Channel): void {
    channel.quiet = 0;
    const ms = this.#silentFrames * FRAME_MS;
    this.#emit({ type: "silent", leg: channel.leg, ms, at: Date.now() });
  }

  #resolve(): void {
    for (const channel of this.#channels.values()) {
      channel.sources = channel.hearing.flatMap((leg) => this.#channels.get(leg) ?? []);
    }
  }

  #resolveTaps(): void {
    const taps = new Map<string, Recording[]>();
    for (const { recording } of this.#recordings.values()) {
      for (const leg of new Set([recording.left, recording.right])) {
        if (leg !== null) taps.set(leg, [...(taps.get(leg) ?? []), recording]);
      }
    }
    this.#taps = taps;
  }

  /** Starts the clock when there is something to do. Ticks are counted from one origin, so nothing drifts. */
  #run(): void {
    if (this.#timer) return;
    this.#origin = performance.now() - this.#tick * TICK_MS;
    this.#schedule();
  }

  #schedule(): void {
    const due = this.#origin + (this.#tick + 1) * TICK_MS;
    this.#timer = setTimeout(() => this.#onTimer(), Math.max(0, due - performance.now()));
  }

  #onTimer(): void {
    this.#timer = null;
    const now = performance.now();
    const due = Math.floor((now - this.#origin) / TICK_MS);
    const late = due - this.#tick;
    if (late > 0)
      this.#worstTick = Math.max(this.#worstTick, now - this.#origin - (this.#tick + 1) * TICK_MS);
    if (late > MOST_LATE_TICKS) {
      // Whole rounds are left out, so that groups keep their order; recordings get silence for them.
      const rounds = Math.floor((late - 1) / GROUPS);
      for (let i = 0; i < rounds; i++)
        for (const { recording } of this.#recordings.values()) recording.endSlot();
      this.#framesSkipped += rounds * this.#channels.size;
      this.#tick += rounds * GROUPS;
    }
    while (this.#tick < due) this.#round(++this.#tick % GROUPS);
    if (this.#channels.size > 0 || this.#recordings.size > 0) this.#schedule();
  }

  /** One group's 20 ms: first all listen, then all speak. Every voice frame is heard exactly once by each listener. */
  #round(group: number): void {
    const channels = this.#groups[group];
    if (channels) {
      for (const channel of channels) {
        channel.listen();
        if (this.#silentFrames > 0 && channel.quiet >= this.#silentFrames) this.#silent(channel);
        const taps = this.#taps.get(channel.leg);
        if (taps) for (const recording of taps) recording.put(channel.leg, channel.voice);
      }
      for (const channel of channels) if (!channel.send()) this.#endPlay(channel, "completed");
    }
    for (const [id, running] of this.#recordings) {
      if (running.group !== group) continue;
      const { recording } = running;
      recording.endSlot();
      const alive = [recording.left, recording.right].some((leg) => leg !== null && this.#channels.has(leg));
      running.orphanSlots = alive ? 0 : running.orphanSlots + 1;
      if (running.orphanSlots > ORPHAN_SLOTS) this.stopRecording(id);
    }
  }
}

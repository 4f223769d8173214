/** Media: rtpengine at the edge, the port (a Worker) for playing, mixing, keys and recording. */
import { join } from "node:path";
import { MediaUnavailableError } from "./errors.ts";
import { RtpengineLegs } from "./legs.ts";
import type { MediaEvent, MediaLegs, MediaPort, MediaStats } from "./model.ts";
import { PortClient } from "./port-client.ts";
import { RtpengineProcess, type RtpengineState, sidesOf } from "./rtpengine-process.ts";

export { ConvertError, type Converted, type ConvertLimits, convertSound } from "./convert.ts";
export * from "./errors.ts";
export type * from "./model.ts";
export type { RecordingResult } from "./port/recording.ts";
export { type Spoken, speak, type TtsSettings } from "./tts.ts";

export interface MediaConfig {
  /** Folder for rtpengine's configuration and pid file (created). */
  readonly folder: string;
  /** IPv4 address that phones and trunks reach. */
  readonly address: string;
  /** Public address to write into SDP instead, behind a port-forwarding router. */
  readonly advertised?: string;
  /** Own address for parties that speak IPv6; absent: voice goes over IPv4 alone. */
  readonly address6?: string;
  /** UDP ports towards the parties. Two for each side of a leg. */
  readonly rtpPorts: { readonly min: number; readonly max: number };
  /** UDP ports of the channels on loopback; default any free one. */
  readonly channelPorts?: { readonly min: number; readonly max: number };
  /** Codecs offered to parties; default PCMA, PCMU, G722. */
  readonly codecs?: readonly string[];
  /** A talking party without voice for this long is told as "silent", ms; default 60 000, 0 = never. */
  readonly silentMs?: number;
  /** rtpengine's control port on loopback; default any free one. */
  readonly ngPort?: number;
  /** Program; default "rtpengine" in PATH. */
  readonly rtpengine?: string;
  readonly log?: (line: string) => void;
}

export interface MediaState {
  readonly rtpengine: RtpengineState;
  readonly rtpenginePid: number | null;
  readonly restarts: number;
  readonly legs: number;
}

export type Media = MediaLegs &
  MediaPort & {
    /** Finishes the recordings, then ends the Worker and rtpengine. */
    stop(): Promise<void>;
    state(): MediaState;
    /** Voice packets that came from the party of a living leg; null when nobody knows. */
    packetsIn(leg: string): Promise<number | null>;
    /** The same of each leg that is released. The function given back ends it. */
    onCounted(listener: (leg: string, packetsIn: number) => void): () => void;
  };

const SWEEP_EVERY_MS = 60_000;
const SILENT_MS = 60_000;
const PORT_RETRY_MS = 1000;

/**
 * Starts rtpengine and the media port.
 * @throws RtpengineStartError when rtpengine is missing, cannot start or its control port is taken
 */
export async function createMedia(config: MediaConfig): Promise<Media> {
  const log = config.log ?? (() => {});
  const listeners = new Set<(event: MediaEvent) => void>();
  const counted = new Set<(leg: string, packetsIn: number) => void>();
  const emit = (event: MediaEvent) => {
    for (const listener of listeners) {
      try {
        listener(event);
      } catch (error) {
        log(`a listener of media events failed: ${error}`);
      }
    }
  };

  let stopping = false;
  let portStartedAt = 0;
  let portAgain: ReturnType<typeof setTimeout> | null = null;
  let legs: RtpengineLegs | null = null;
  const lose = () => {
    const lost = legs?.loseAll() ?? [];
    emit({ type: "media-lost", legs: lost, at: Date.now() });
  };
  const startPort = (): PortClient => {
    portStartedAt = performance.now();
    const options = {
      address: "127.0.0.1",
      ports: config.channelPorts ?? { min: 0, max: 0 },
      silentMs: config.silentMs ?? SILENT_MS,
    };
    return new PortClient(options, emit, onPortDeath);
  };
  const onPortDeath = (reason: string) => {
    if (stopping) return;
    log(`the media port died and is started again: ${reason}`);
    lose();
    // A port that dies at its start must not be started in a tight loop.
    const wait = performance.now() - portStartedAt < PORT_RETRY_MS ? PORT_RETRY_MS : 0;
    portAgain = setTimeout(async () => {
      if (stopping) return;
      port = startPort();
      const alive = await port.stats().then(
        () => true,
        () => false,
      );
      if (alive && !stopping && engine?.state === "up") emit({ type: "media-restored", at: Date.now() });
    }, wait);
  };
  let port = startPort();

  let engine: RtpengineProcess | null = null;
  const started = await RtpengineProcess.start(
    {
      binary: config.rtpengine ?? "rtpengine",
      folder: join(config.folder, "rtpengine"),
      address: config.address,
      ...(config.advertised ? { advertised: config.advertised } : {}),
      ...(config.address6 ? { address6: config.address6 } : {}),
      ports: config.rtpPorts,
      ngPort: config.ngPort ?? 0,
      log,
    },
    (state) => {
      if (stopping) return;
      if (state === "down") lose();
      else if (state === "up") emit({ type: "media-restored", at: Date.now() });
    },
  ).catch(async (error: unknown) => {
    stopping = true;
    await port.stop();
    throw error;
  });
  engine = started;
  await port.stats().catch(async (error: unknown) => {
    stopping = true;
    if (portAgain) clearTimeout(portAgain);
    await started.stop();
    throw error;
  });

  const created = new RtpengineLegs(
    {
      address: config.advertised ?? config.address,
      ...(config.address6 ? { address6: config.address6 } : {}),
      codecs: config.codecs ?? ["PCMA", "PCMU", "G722"],
      sides: sidesOf(config.address),
      onCounted: (leg, packets) => {
        for (const listener of counted) listener(leg, packets);
      },
    },
    () => port,
    () => started.client,
  );
  legs = created;

  const sweeper = setInterval(() => {
    created.sweep().then(
      (count) => {
        if (count > 0) log(`deleted ${count} calls of rtpengine that no leg owns`);
      },
      () => {},
    );
  }, SWEEP_EVERY_MS);

  return {
    acceptOffer: (leg, offer, limits) => created.acceptOffer(leg, offer, limits),
    makeOffer: (leg, options, branch) => created.makeOffer(leg, options, branch),
    acceptAnswer: (leg, answer, branch) => created.acceptAnswer(leg, answer, branch),
    reoffer: (leg, offer) => created.reoffer(leg, offer),
    release: (leg) => created.release(leg),
    sendDigits: (leg, digits) => created.sendDigits(leg, digits),
    onEvent(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    play: (spec) => port.send({ do: "play", spec }),
    stopPlay: (leg, play) => port.send({ do: "stop-play", leg, ...(play === undefined ? {} : { play }) }),
    hear: (listener, sources) => port.send({ do: "hear", listener, sources }),
    startRecording: (spec) => port.send({ do: "record", spec }),
    recordParty: (recording, channel, leg) => port.send({ do: "record-party", recording, channel, leg }),
    pauseRecording: (recording) => port.send({ do: "record-pause", recording, paused: true }),
    resumeRecording: (recording) => port.send({ do: "record-pause", recording, paused: false }),
    stopRecording: (recording) => port.send({ do: "record-stop", recording }),
    async stats(): Promise<MediaStats> {
      const figures = await port.stats();
      const list = await started.client?.command("list", { limit: "10000" }).catch(() => null);
      const calls = Array.isArray(list?.calls) ? list.calls.length : 0;
      return { ...figures, rtpengine: { state: started.state, calls, restarts: started.restarts } };
    },
    async stop() {
      if (stopping) throw new MediaUnavailableError("media is stopped already");
      stopping = true;
      clearInterval(sweeper);
      if (portAgain) clearTimeout(portAgain);
      await port.stop();
      await started.stop();
    },
    packetsIn: (leg) => created.packetsIn(leg),
    onCounted(listener) {
      counted.add(listener);
      return () => counted.delete(listener);
    },
    state: () => ({
      rtpengine: started.state,
      rtpenginePid: started.pid,
      restarts: started.restarts,
      legs: created.ids.length,
    }),
  };
}

/** Messages between the main thread and the media port's Worker. */
import type { MediaEvent, PlaySpec, RecordSpec } from "../model.ts";

export type ToPort =
  | { readonly do: "start"; readonly options: PortOptions }
  | { readonly do: "open"; readonly request: number; readonly leg: string }
  /** Where to send this leg's audio, and which payload type carries keys (null: in-band tones). */
  | { readonly do: "connect"; readonly leg: string; readonly remote: ChannelRemote }
  | { readonly do: "close"; readonly leg: string }
  | { readonly do: "play"; readonly spec: PlaySpec }
  | { readonly do: "stop-play"; readonly leg: string; readonly play?: string }
  | { readonly do: "hear"; readonly listener: string; readonly sources: readonly string[] }
  | { readonly do: "keys"; readonly leg: string; readonly digits: string }
  | { readonly do: "record"; readonly spec: RecordSpec }
  | {
      readonly do: "record-party";
      readonly recording: string;
      readonly channel: "left" | "right";
      readonly leg: string | null;
    }
  | { readonly do: "record-pause"; readonly recording: string; readonly paused: boolean }
  | { readonly do: "record-stop"; readonly recording: string }
  | { readonly do: "stats"; readonly request: number }
  /** Finishes all recordings, then answers "stopped". */
  | { readonly do: "stop"; readonly request: number };

export type FromPort =
  | { readonly is: "opened"; readonly request: number; readonly port: number }
  | { readonly is: "failed"; readonly request: number; readonly reason: string }
  | { readonly is: "event"; readonly event: MediaEvent }
  | { readonly is: "stats"; readonly request: number; readonly stats: PortStats }
  | { readonly is: "stopped"; readonly request: number };

export interface PortOptions {
  /** Loopback address of the channels. */
  readonly address: string;
  /** UDP ports of the channels; even ones are used, so that RTCP to port + 1 meets nobody. */
  readonly ports: { readonly min: number; readonly max: number };
  /** After so long without a packet of a party that should be talking the leg is "silent", ms; 0 or absent: never. */
  readonly silentMs?: number;
}

export interface ChannelRemote {
  readonly address: string;
  readonly port: number;
  /** Payload type of keys, or null. */
  readonly eventType: number | null;
  /** Keys go to the party as tones, whatever `eventType` is. */
  readonly tonesOut?: boolean;
  /** Keys are listened for in the voice. */
  readonly tonesIn?: boolean;
  /** The party is to send voice: not on hold. */
  readonly talking?: boolean;
  /** False while the party does not want to hear anything (it put us on hold). */
  readonly sending: boolean;
}

export interface PortStats {
  readonly channels: number;
  readonly recordings: number;
  readonly packetsIn: number;
  readonly packetsOut: number;
  /** 20 ms frames that had to be concealed. */
  readonly packetsLost: number;
  /** Frames left out because the process was stopped or overloaded for over 200 ms. */
  readonly framesSkipped: number;
  /** Largest delay of a tick since the last question, ms. */
  readonly worstTickMs: number;
}

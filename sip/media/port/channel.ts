/** One leg's end of the port: a UDP socket, the receiving side (jitter buffer, keys) and the sending side. */
import type { udp } from "bun";
import { ALAW_SILENCE, alawToLinear, linearToAlaw } from "../g711.ts";
import { sines } from "../goertzel.ts";
import { KeyReceiver, KeySender, keyTones } from "./dtmf.ts";
import { JitterBuffer } from "./jitter.ts";
import type { Player } from "./player.ts";
import type { ChannelRemote, PortOptions } from "./protocol.ts";
import { FRAME, PCMA, parseRtp, writeRtpHeader } from "./rtp.ts";
import { ToneReceiver } from "./tones.ts";

/** No free UDP port in the configured range. */
export class NoPortError extends Error {
  readonly code = "media-ports-exhausted";
  override name = "NoPortError";
}

export interface Playing {
  readonly play: string;
  readonly stopOnDigit: boolean;
  readonly resumeKey: string | null;
  /** Null while the files are being read. */
  player: Player | null;
}

type Socket = udp.Socket<"buffer">;

let nextPort = 0;

async function bind(
  options: PortOptions,
  data: (bytes: Uint8Array, port: number, from: string) => void,
): Promise<Socket> {
  const { min, max } = options.ports;
  const handlers = {
    data: (_: Socket, bytes: Buffer, port: number, from: string) => data(bytes, port, from),
    // An ICMP "unreachable" of a peer that is gone is no event for us.
    error: () => {},
  };
  const count = Math.max(1, Math.floor((max - min + 1) / 2));
  for (let tries = 0; tries < count; tries++) {
    const port = min === 0 ? 0 : min + (min & 1) + 2 * (nextPort++ % count);
    try {
      return await Bun.udpSocket({ hostname: options.address, port, socket: handlers });
    } catch {
      // In use: the next one.
    }
  }
  throw new NoPortError(`no free UDP port from ${min} to ${max}`);
}

export class Channel {
  readonly leg: string;
  readonly group: number;
  /** Legs to hear, as ordered; `sources` are those that exist. */
  hearing: readonly string[] = [];
  sources: readonly Channel[] = [];
  playing: Playing | null = null;
  readonly resume = new Map<string, { readonly item: number; readonly offset: number }>();
  packetsIn = 0;
  /** Frames since the last packet of a party that should be talking. */
  quiet = 0;
  packetsOut = 0;
  readonly jitter = new JitterBuffer();
  /** What the party said in this tick, A-law; silence when nothing came. */
  readonly voice = new Uint8Array(FRAME).fill(ALAW_SILENCE);
  readonly keys = new KeySender();
  readonly #received = new KeyReceiver();
  readonly #tones = new ToneReceiver();
  readonly #onKey: (channel: Channel, key: string) => void;
  #socket: Socket | null = null;
  #remote: ChannelRemote | null = null;
  #linear: Int16Array | null = null;
  #sequence = Math.floor(Math.random() * 65536);
  #timestamp = Math.floor(Math.random() * 0x7fffffff);
  readonly #ssrc = Math.floor(Math.random() * 0xffffffff);
  #silentBefore = true;
  readonly #packet = new Uint8Array(12 + FRAME);
  readonly #frame = this.#packet.subarray(12);

  private constructor(leg: string, group: number, onKey: (channel: Channel, key: string) => void) {
    this.leg = leg;
    this.group = group;
    this.#onKey = onKey;
  }

  /** @throws NoPortError */
  static async open(
    leg: string,
    group: number,
    options: PortOptions,
    onKey: (channel: Channel, key: string) => void,
  ): Promise<Channel> {
    const channel = new Channel(leg, group, onKey);
    channel.#socket = await bind(options, (bytes, port, from) => channel.#receive(bytes, port, from));
    return channel;
  }

  get port(): number {
    return this.#socket?.port ?? 0;
  }

  connect(remote: ChannelRemote): void {
    this.#remote = remote;
  }

  close(): void {
    this.#socket?.close();
    this.#socket = null;
    this.voice.fill(ALAW_SILENCE);
    this.#linear = null;
  }

  #receive(bytes: Uint8Array, port: number, from: string): void {
    const remote = this.#remote;
    // Only rtpengine's own port of this call may speak here.
    if (!remote || from !== remote.address || port !== remote.port) return;
    const packet = parseRtp(bytes);
    if (!packet) return;
    this.packetsIn++;
    this.quiet = 0;
    if (packet.payloadType === PCMA) {
      this.jitter.push(packet.payload, packet.timestamp, packet.ssrc);
    } else if (packet.payloadType === remote.eventType) {
      const key = this.#received.receive(packet.payload, packet.timestamp, packet.ssrc);
      if (key) this.#onKey(this, key);
    }
  }

  /** Takes the next frame of the party's voice. */
  listen(): void {
    this.#linear = null;
    this.jitter.pull(this.voice);
    this.quiet = this.#remote?.talking === true ? this.quiet + 1 : 0;
    if (this.#remote?.tonesIn !== true) return;
    const key = this.#tones.receive(this.linear);
    if (key) this.#onKey(this, key);
  }

  /** `voice` decoded; decoded once a tick at most. */
  get linear(): Int16Array {
    this.#linear ??= alawToLinear(this.voice);
    return this.#linear;
  }

  /** Sends one packet: key, player, or the mix of the sources. Returns false when the player has run out. */
  send(): boolean {
    this.#timestamp = (this.#timestamp + FRAME) >>> 0;
    const eventType = this.#remote?.tonesOut === true ? null : (this.#remote?.eventType ?? null);
    if (this.keys.busy && eventType !== null) {
      // The player waits while a key is sent: nothing of the prompt is lost.
      const event = this.keys.nextPacket(this.#timestamp);
      if (event) {
        const packet = new Uint8Array(12 + event.payload.length);
        packet.set(event.payload, 12);
        this.#transmit(packet, eventType, event.marker, event.timestamp);
      }
      return true;
    }
    if (this.keys.busy) {
      const tone = this.keys.nextTone();
      const hz = keyTones(tone.key);
      if (hz) linearToAlaw(sines(hz, FRAME, -10, tone.from), this.#frame);
      else this.#frame.fill(ALAW_SILENCE);
      this.#transmit(this.#packet, PCMA, false, this.#timestamp);
      return true;
    }
    let more = true;
    const player = this.playing?.player;
    if (player) more = player.fill(this.#frame);
    if (!player || !more) this.#mix();
    this.#transmit(this.#packet, PCMA, this.#silentBefore, this.#timestamp);
    this.#silentBefore = false;
    return more;
  }

  #mix(): void {
    const sources = this.sources;
    const only = sources[0];
    if (!only) {
      this.#frame.fill(ALAW_SILENCE);
    } else if (sources.length === 1) {
      // The usual call: bytes pass as they are.
      this.#frame.set(only.voice);
    } else {
      const sum = new Int32Array(FRAME);
      for (const source of sources) {
        const linear = source.linear;
        for (let i = 0; i < FRAME; i++) sum[i] = (sum[i] ?? 0) + (linear[i] ?? 0);
      }
      const clipped = new Int16Array(FRAME);
      for (let i = 0; i < FRAME; i++) {
        const value = sum[i] ?? 0;
        clipped[i] = Math.max(-32768, Math.min(32767, value));
      }
      linearToAlaw(clipped, this.#frame);
    }
  }

  #transmit(packet: Uint8Array, payloadType: number, marker: boolean, timestamp: number): void {
    const remote = this.#remote;
    if (!remote?.sending || !this.#socket) {
      this.#silentBefore = true;
      return;
    }
    writeRtpHeader(packet, { payloadType, marker, timestamp, sequence: this.#sequence, ssrc: this.#ssrc });
    this.#sequence = (this.#sequence + 1) & 0xffff;
    try {
      this.#socket.send(packet, remote.port, remote.address);
    } catch {
      // An ICMP refusal of an earlier packet is thrown here; rtpengine is away and its supervisor tells so.
      return;
    }
    this.packetsOut++;
  }
}

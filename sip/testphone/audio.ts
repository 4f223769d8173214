/**
 * A tiny RTP peer for test phones: sends a tone as PCMA, hears tones (Goertzel), keeps what it received, sends keys
 * (RFC 4733). No SIP in it.
 */
import type { udp } from "bun";
import { ALAW_SILENCE, alawToLinear, linearToAlaw } from "../media/g711.ts";
import { hasTone, sines } from "../media/goertzel.ts";
import { KeyReceiver, KeySender, keyTones } from "../media/port/dtmf.ts";
import { FRAME, PCMA, parseRtp, writeRtpHeader } from "../media/port/rtp.ts";
import { ToneReceiver } from "../media/port/tones.ts";

export interface TestAudioOptions {
  /** Local address; default 127.0.0.1. */
  readonly address?: string;
  /** Local UDP port; default any free one. */
  readonly port?: number;
  /** Own tone, Hz; null or absent: silence. */
  readonly hz?: number | null;
  /** "beeps": 300 ms on, 100 ms off. Default "continuous". */
  readonly pattern?: "continuous" | "beeps";
  /** Frequencies to listen for. */
  readonly listenFor?: readonly number[];
  /** Payload type of telephone-event; default 101. Null: it knows none, keys are tones in the voice both ways. */
  readonly eventType?: number | null;
}

/** A tone that was heard: times are UTC ms; `since` begins anew after 500 ms without it. */
export interface HeardTone {
  readonly hz: number;
  readonly since: number;
  readonly lastAt: number;
}

/** What may be done to outgoing packets in tests: the packets to send instead of this one. */
export type Disturbance = (packet: Uint8Array, index: number) => readonly Uint8Array[];

/** A larger step of the sequence is another stream. */
const MOST_STEP = 1000;

const BLOCK = FRAME * 2;
/** Most audio kept in memory: 10 minutes. */
const KEPT_FRAMES = 50 * 600;

export class TestAudio {
  readonly #options: TestAudioOptions;
  #socket: udp.Socket<"buffer"> | null = null;
  #remote: { address: string; port: number } | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #origin = 0;
  #frames = 0;
  #hz: number | null;
  #sequence = Math.floor(Math.random() * 65536);
  #timestamp = Math.floor(Math.random() * 0x7fffffff);
  readonly #ssrc = Math.floor(Math.random() * 0xffffffff);
  readonly #heard = new Map<number, { since: number; lastAt: number }>();
  #block: Uint8Array[] = [];
  #kept: Uint8Array[] = [];
  readonly #keys = new KeySender();
  readonly #keyReceiver = new KeyReceiver();
  readonly #toneReceiver = new ToneReceiver();
  /** Keys received (RFC 4733, or tones), in order. */
  keysReceived = "";
  packetsReceived = 0;
  packetsSent = 0;
  /** Sequence numbers that have not come; one that comes late is not missing (RFC 3550 §6.4.1). */
  packetsMissing = 0;
  #lastSequence = -1;
  /** For tests: loses, doubles or reorders what is sent. */
  disturb: Disturbance | null = null;
  /** For tests: arrival of each packet, performance.now() ms, while set. */
  arrivals: number[] | null = null;

  private constructor(options: TestAudioOptions) {
    this.#options = options;
    this.#hz = options.hz ?? null;
  }

  /** Opens the socket. */
  static async open(options: TestAudioOptions = {}): Promise<TestAudio> {
    const audio = new TestAudio(options);
    audio.#socket = await Bun.udpSocket({
      hostname: options.address ?? "127.0.0.1",
      port: options.port ?? 0,
      socket: {
        data: (_socket, bytes) => audio.#receive(bytes),
        // An ICMP "unreachable" of a call just ended.
        error: () => {},
      },
    });
    return audio;
  }

  get #eventType(): number | null {
    const { eventType } = this.#options;
    return eventType === undefined ? 101 : eventType;
  }

  get address(): string {
    return this.#options.address ?? "127.0.0.1";
  }

  get port(): number {
    return this.#socket?.port ?? 0;
  }

  /** A session description with PCMA and telephone-event for this peer. */
  sdp(direction: "sendrecv" | "sendonly" | "recvonly" | "inactive" = "sendrecv", version = 1): string {
    const event = this.#eventType;
    const own = `IN ${this.address.includes(":") ? "IP6" : "IP4"} ${this.address}`;
    const keys = event === null ? [] : [`a=rtpmap:${event} telephone-event/8000`, `a=fmtp:${event} 0-15`];
    return [
      "v=0",
      `o=- ${this.port} ${version} ${own}`,
      "s=-",
      `c=${own}`,
      "t=0 0",
      `m=audio ${this.port} RTP/AVP 8${event === null ? "" : ` ${event}`}`,
      "a=rtpmap:8 PCMA/8000",
      ...keys,
      "a=ptime:20",
      `a=${direction}`,
      "",
    ].join("\r\n");
  }

  /** Sends to `address`:`port` from now on, 50 packets a second. */
  sendTo(address: string, port: number): void {
    this.#remote = { address, port };
    if (this.#timer) return;
    this.#origin = performance.now() - this.#frames * 20;
    this.#schedule();
  }

  /** Stops sending; receiving goes on. */
  pause(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Changes the own tone. */
  tone(hz: number | null): void {
    this.#hz = hz;
  }

  /** Presses keys one after another (100 ms each). */
  press(digits: string): void {
    this.#keys.press(digits);
  }

  /** Tones of `listenFor` heard so far; forgotten by `forget`. */
  heard(): HeardTone[] {
    return [...this.#heard].map(([hz, times]) => ({ hz, ...times }));
  }

  /** True when `hz` was heard within the last `withinMs`. */
  hears(hz: number, withinMs = 300): boolean {
    const tone = this.#heard.get(hz);
    return tone !== undefined && Date.now() - tone.lastAt <= withinMs;
  }

  /** Forgets heard tones and received audio. */
  forget(): void {
    this.#heard.clear();
    this.#kept = [];
  }

  /** Everything received, in order of arrival, 8 kHz. */
  recorded(): Int16Array {
    const out = new Int16Array(this.#kept.reduce((sum, each) => sum + each.length, 0));
    let at = 0;
    for (const codes of this.#kept) {
      out.set(alawToLinear(codes), at);
      at += codes.length;
    }
    return out;
  }

  close(): void {
    this.pause();
    this.#socket?.close();
    this.#socket = null;
  }

  #count(sequence: number): void {
    const step = (sequence - this.#lastSequence) & 0xffff;
    const begins = this.#lastSequence < 0;
    // Behind the newest: it was counted as missing when that came.
    if (!begins && step > 0xffff - MOST_STEP) this.packetsMissing = Math.max(0, this.packetsMissing - 1);
    else {
      if (!begins && step > 1 && step < MOST_STEP) this.packetsMissing += step - 1;
      this.#lastSequence = sequence;
    }
  }

  #receive(bytes: Uint8Array): void {
    const packet = parseRtp(bytes);
    if (!packet) return;
    this.packetsReceived++;
    this.arrivals?.push(performance.now());
    this.#count(packet.sequence);
    if (packet.payloadType === this.#eventType) {
      this.keysReceived += this.#keyReceiver.receive(packet.payload, packet.timestamp, packet.ssrc) ?? "";
      return;
    }
    if (packet.payloadType !== PCMA) return;
    // Copied: the buffer belongs to the socket.
    const codes = packet.payload.slice();
    if (this.#eventType === null) this.keysReceived += this.#toneReceiver.receive(alawToLinear(codes)) ?? "";
    this.#kept.push(codes);
    if (this.#kept.length > KEPT_FRAMES) this.#kept.splice(0, 500);
    this.#block.push(codes);
    if (this.#block.length * FRAME >= BLOCK) this.#detect();
  }

  #detect(): void {
    const listenFor = this.#options.listenFor ?? [];
    const codes = new Uint8Array(this.#block.reduce((sum, each) => sum + each.length, 0));
    let at = 0;
    for (const each of this.#block) {
      codes.set(each, at);
      at += each.length;
    }
    this.#block = [];
    if (listenFor.length === 0) return;
    const samples = alawToLinear(codes);
    const now = Date.now();
    for (const hz of listenFor) {
      if (!hasTone(samples, hz)) continue;
      const before = this.#heard.get(hz);
      if (before && now - before.lastAt < 500) before.lastAt = now;
      else this.#heard.set(hz, { since: now, lastAt: now });
    }
  }

  #schedule(): void {
    const due = this.#origin + (this.#frames + 1) * 20;
    this.#timer = setTimeout(() => this.#tick(), Math.max(0, due - performance.now()));
  }

  #tick(): void {
    const due = Math.floor((performance.now() - this.#origin) / 20);
    // After a stop of the process the missed frames are not sent in a burst.
    if (due - this.#frames > 10) this.#frames = due - 1;
    while (this.#frames < due) this.#sendFrame();
    this.#schedule();
  }

  #sendFrame(): void {
    const index = this.#frames++;
    this.#timestamp = (this.#timestamp + FRAME) >>> 0;
    const event = this.#eventType;
    if (this.#keys.busy && event !== null) {
      const key = this.#keys.nextPacket(this.#timestamp);
      if (key) this.#transmit(key.payload, event, key.marker, key.timestamp);
      return;
    }
    if (this.#keys.busy) {
      const { key, from } = this.#keys.nextTone();
      const tones = sines(keyTones(key) ?? [], FRAME, -12, from);
      return this.#transmit(linearToAlaw(tones), PCMA, false, this.#timestamp);
    }
    const off = this.#options.pattern === "beeps" && index % 20 >= 15;
    const codes =
      this.#hz === null || off
        ? new Uint8Array(FRAME).fill(ALAW_SILENCE)
        : linearToAlaw(sines([this.#hz], FRAME, -12, index * FRAME));
    this.#transmit(codes, PCMA, index === 0, this.#timestamp);
  }

  #transmit(payload: Uint8Array, payloadType: number, marker: boolean, timestamp: number): void {
    if (!this.#remote || !this.#socket) return;
    const packet = new Uint8Array(12 + payload.length);
    writeRtpHeader(packet, { payloadType, marker, timestamp, sequence: this.#sequence, ssrc: this.#ssrc });
    packet.set(payload, 12);
    this.#sequence = (this.#sequence + 1) & 0xffff;
    const packets = this.disturb ? this.disturb(packet, this.packetsSent) : [packet];
    this.packetsSent++;
    try {
      for (const each of packets) this.#socket.send(each, this.#remote.port, this.#remote.address);
    } catch {
      // The peer's socket is gone (ICMP); its signalling tells the end of the call.
    }
  }
}

/** The devices of each extension, and whether they answer: OPTIONS now and then, spread over time. */
import type { DeviceState, RegistrationRow } from "../directory.ts";
import type { SipStack } from "../srf/model.ts";
import { deviceHop, deviceTo } from "../srf/network.ts";

export interface DeviceWatchOptions {
  /** Time between two OPTIONS to one device, ms; 0 = none. */
  readonly keepAliveMs: number;
  readonly now: () => number;
  /** In [0, 1): spreads the first OPTIONS of each device. */
  readonly random?: () => number;
  /** What a keep-alive shows as sender, "sip:zongji@192.168.1.2". */
  readonly fromUri: string;
}

interface Device {
  row: RegistrationRow;
  latencyMs: number | null;
  /** OPTIONS without an answer, in a row. */
  misses: number;
  nextAt: number;
  asking: boolean;
}

/** A device that left this many OPTIONS unanswered is offline until it answers or registers again. */
const MISSES_TO_OFFLINE = 2;
/** An offline device is asked more often, ms. */
const RETRY_MS = 10_000;
/** OPTIONS sent in one tick at most: a whole office must not be asked in one burst. */
const MAX_A_TICK = 40;

export class DeviceWatch {
  readonly #stack: Pick<SipStack, "request" | "connected">;
  readonly #options: DeviceWatchOptions;
  readonly #devices = new Map<number, Device[]>();
  readonly #listeners = new Set<(state: DeviceState) => void>();

  constructor(stack: Pick<SipStack, "request" | "connected">, options: DeviceWatchOptions) {
    this.#stack = stack;
    this.#options = options;
  }

  onChange(listener: (state: DeviceState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Live bindings, oldest first. */
  bindings(extensionId: number): RegistrationRow[] {
    const now = this.#options.now();
    return (this.#devices.get(extensionId) ?? []).filter((d) => d.row.expiresAt > now).map((d) => d.row);
  }

  /** Bindings worth ringing: those that answer, or all when none does (better to try than to give up). */
  reachable(extensionId: number): RegistrationRow[] {
    const now = this.#options.now();
    const live = (this.#devices.get(extensionId) ?? []).filter((d) => d.row.expiresAt > now);
    const well = live.filter((d) => d.misses < MISSES_TO_OFFLINE);
    return (well.length > 0 ? well : live).map((d) => d.row);
  }

  state(extensionId: number): DeviceState {
    const now = this.#options.now();
    const live = (this.#devices.get(extensionId) ?? []).filter((d) => d.row.expiresAt > now);
    return {
      extensionId,
      online: live.some((d) => d.misses < MISSES_TO_OFFLINE),
      devices: live.map(({ row, latencyMs }) => ({
        contact: row.contact,
        source: row.source,
        userAgent: row.userAgent,
        expiresAt: row.expiresAt,
        latencyMs,
      })),
    };
  }

  hasSource(source: string): boolean {
    const now = this.#options.now();
    for (const devices of this.#devices.values()) {
      if (devices.some((d) => d.row.source === source && d.row.expiresAt > now)) return true;
    }
    return false;
  }

  extensions(): number[] {
    return [...this.#devices.keys()];
  }

  /** Replaces the bindings of an extension; `fresh` have just registered and so are surely there. */
  set(extensionId: number, rows: readonly RegistrationRow[], fresh: readonly RegistrationRow[] = []): void {
    const before = this.#devices.get(extensionId) ?? [];
    const { keepAliveMs, now, random = Math.random } = this.#options;
    const devices = rows.map((row): Device => {
      const known = before.find((d) => d.row.contact === row.contact && d.row.source === row.source);
      if (known === undefined) {
        return { row, latencyMs: null, misses: 0, nextAt: now() + random() * keepAliveMs, asking: false };
      }
      known.row = row;
      if (fresh.includes(row)) known.misses = 0;
      return known;
    });
    if (devices.length > 0) this.#devices.set(extensionId, devices);
    else this.#devices.delete(extensionId);
    const changed =
      before.length !== devices.length ||
      devices.some((d) => !before.includes(d)) ||
      (fresh.length > 0 && devices.length > 0);
    if (changed) this.#emit(extensionId);
  }

  /** Takes out what has expired and gives it back. */
  expire(): RegistrationRow[] {
    const now = this.#options.now();
    const gone: RegistrationRow[] = [];
    for (const [id, devices] of [...this.#devices]) {
      const live = devices.filter((d) => d.row.expiresAt > now);
      if (live.length === devices.length) continue;
      gone.push(...devices.filter((d) => d.row.expiresAt <= now).map((d) => d.row));
      this.set(
        id,
        live.map((d) => d.row),
      );
    }
    return gone;
  }

  /** Sends what is due. Called each second. */
  tick(): void {
    const { keepAliveMs, now } = this.#options;
    if (keepAliveMs <= 0 || !this.#stack.connected) return;
    let budget = MAX_A_TICK;
    for (const [extensionId, devices] of this.#devices) {
      for (const device of devices) {
        if (budget === 0) return;
        if (device.asking || device.nextAt > now() || device.row.expiresAt <= now()) continue;
        budget--;
        void this.#ask(extensionId, device);
      }
    }
  }

  async #ask(extensionId: number, device: Device): Promise<void> {
    const { keepAliveMs, now, fromUri } = this.#options;
    const sentAt = now();
    const wasOnline = this.state(extensionId).online;
    device.asking = true;
    const { headers: route, ...hop } = deviceHop(device.row);
    const reply = await this.#stack.request({
      method: "OPTIONS",
      uri: device.row.contact,
      ...hop,
      headers: { ...route, From: `<${fromUri}>`, To: deviceTo(device.row), Accept: "application/sdp" },
    }).final;
    device.asking = false;
    const answered = reply.origin === "network" && reply.status !== 408;
    device.misses = answered ? 0 : device.misses + 1;
    device.latencyMs = answered ? now() - sentAt : null;
    device.nextAt = now() + (device.misses > 0 ? Math.min(RETRY_MS, keepAliveMs) : keepAliveMs);
    if (this.state(extensionId).online !== wasOnline) this.#emit(extensionId);
  }

  #emit(extensionId: number): void {
    const state = this.state(extensionId);
    for (const listener of this.#listeners) listener(state);
  }
}

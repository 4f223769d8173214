/**
 * The one hub of server-sent events. It owns every stream: writes to a browser that has gone never throw, a slow
 * browser gets the newest picture instead of a growing queue, and a heartbeat every 5 s lets the page notice a dead line.
 * A message is a set of <hx-partial> regions (htmx 4 swaps unnamed messages); only regions that changed are sent.
 */

/** One replaceable piece of a page: `id` is the element's id, `html` what goes inside it. */
export interface LiveRegion {
  readonly id: string;
  readonly html: string;
}

export interface LiveClient<T> {
  /** What this person sees of the picture (role and scope are applied here). Must be quick; it runs on the main thread. */
  readonly render: (picture: T) => readonly LiveRegion[];
  /** Checked at every heartbeat; false ends the stream with the event "signed-out". */
  readonly allowed?: () => boolean;
  /** Called once when the stream ended, for whatever reason. */
  readonly onClose?: () => void;
}

export interface HubOptions {
  /** Default 5,000 ms. */
  readonly heartbeatMs?: number;
  /** Shortest time between two updates of a page; default 100 ms (at most 10 a second). */
  readonly gapMs?: number;
  /** A browser that has not taken anything for this long is let go; default 30,000 ms. */
  readonly stalledMs?: number;
}

export interface LiveHub<T> {
  /** Opens a stream; the first message is the whole picture. */
  open(client: LiveClient<T>, signal?: AbortSignal): Response;
  /** The picture changed. Cheap; coalesced. */
  changed(): void;
  /** Open streams. */
  readonly size: number;
  stop(): void;
}

const HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store, no-transform",
  "x-accel-buffering": "no",
};

/** An SSE message; line breaks in `data` become several data lines, so text cannot forge fields. */
export function sseMessage(data: string, event?: string): string {
  const lines = data.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`);
  return `${event ? `event: ${event}\n` : ""}${lines.join("")}\n`;
}

/** The regions as htmx partials, replaced by morphing so that focus and scrolling stay. */
export function partials(regions: readonly LiveRegion[]): string {
  return regions
    .map(({ id, html }) => `<hx-partial hx-target="#${id}" hx-swap="innerMorph">${html}</hx-partial>`)
    .join("");
}

class Stream<T> {
  private readonly sent = new Map<string, string>();
  private readonly encoder = new TextEncoder();
  private controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  private lastTaken = Date.now();
  closed = false;

  constructor(
    readonly client: LiveClient<T>,
    private readonly onClosed: (stream: Stream<T>) => void,
  ) {}

  body(first: () => void): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.controller = controller;
          this.write("retry: 1000\n\n");
          first();
        },
        pull: () => {
          this.lastTaken = Date.now();
        },
        cancel: () => this.close(),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: 256 * 1024 }),
    );
  }

  /** False when the browser is behind: the update is skipped and made good by the next one. */
  private room(): boolean {
    return (this.controller?.desiredSize ?? 0) > 0;
  }

  write(text: string): void {
    if (this.closed) return;
    try {
      this.controller?.enqueue(this.encoder.encode(text));
    } catch {
      this.close();
    }
  }

  update(picture: T): void {
    if (this.closed || !this.room()) return;
    const changed = this.client.render(picture).filter(({ id, html }) => this.sent.get(id) !== html);
    if (changed.length === 0) return;
    for (const { id, html } of changed) this.sent.set(id, html);
    this.write(sseMessage(partials(changed)));
  }

  beat(now: number, stalledMs: number): void {
    if (this.client.allowed && !this.client.allowed()) {
      this.write(sseMessage("", "signed-out"));
      this.close();
    } else if (!this.room() && now - this.lastTaken > stalledMs) this.close();
    else if (this.room()) this.write(sseMessage(String(now), "heartbeat"));
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    try {
      this.controller?.close();
    } catch {
      // The browser went first.
    }
    this.onClosed(this);
    this.client.onClose?.();
  }
}

/** `picture` is called at most once per update round, however many pages are open. */
export function createHub<T>(picture: () => T, options: HubOptions = {}): LiveHub<T> {
  const { heartbeatMs = 5_000, gapMs = 100, stalledMs = 30_000 } = options;
  const streams = new Set<Stream<T>>();
  let pending: ReturnType<typeof setTimeout> | null = null;
  let lastRound = 0;
  let stopped = false;

  const safely = (work: () => void) => {
    try {
      work();
    } catch (error) {
      // One page's drawing must never end the streams of the others, let alone the calls.
      console.error("live page:", error);
    }
  };
  const round = () => {
    pending = null;
    lastRound = Date.now();
    if (streams.size === 0) return;
    safely(() => {
      const now = picture();
      for (const stream of [...streams]) safely(() => stream.update(now));
    });
  };
  const beat = setInterval(() => {
    for (const stream of [...streams]) safely(() => stream.beat(Date.now(), stalledMs));
  }, heartbeatMs);
  beat.unref?.();

  return {
    open(client, signal) {
      const stream = new Stream<T>(client, (gone) => streams.delete(gone));
      if (stopped || signal?.aborted) return new Response(null, { status: 503 });
      streams.add(stream);
      signal?.addEventListener("abort", () => stream.close(), { once: true });
      const body = stream.body(() => safely(() => stream.update(picture())));
      return new Response(body, { headers: HEADERS });
    },
    changed() {
      if (pending !== null || stopped || streams.size === 0) return;
      pending = setTimeout(round, Math.max(0, lastRound + gapMs - Date.now()));
    },
    get size() {
      return streams.size;
    },
    stop() {
      stopped = true;
      clearInterval(beat);
      if (pending !== null) clearTimeout(pending);
      for (const stream of [...streams]) stream.close();
    },
  };
}

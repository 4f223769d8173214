import type { Socket } from "bun";
import { FrameReader, frame, MAX_FRAME } from "./framing.ts";

/** Longest payload before authentication. */
const MAX_GREETING = 4_096;
/** An app that reads this little is beyond help; its connection is closed. */
const MAX_BACKLOG = 64 * 1_048_576;

/** One connected app. */
export class AgentClient {
  authenticated = false;
  tags: readonly string[] = [];
  readonly routes = new Set<string>();
  readonly reader = new FrameReader(MAX_GREETING);
  /** What the ids of our frames begin with; a counter makes each its own. */
  private readonly idStem = crypto.randomUUID().slice(0, 24);
  private frames = 0;
  private queue: Buffer[] = [];
  private backlog = 0;
  private flushing = false;
  private blocked = false;
  private gone = false;

  constructor(
    readonly id: number,
    private readonly socket: Socket<AgentClient>,
  ) {}

  get connected(): boolean {
    return !this.gone;
  }

  /** Bytes its socket has not taken. */
  get backlogBytes(): number {
    return this.backlog;
  }

  accept(tags: readonly string[]): void {
    this.authenticated = true;
    this.tags = tags;
    this.reader.raiseLimit(MAX_FRAME);
  }

  /** `UUID|sip|…` and the message. */
  sip(leader: string, message: Uint8Array): void {
    this.write(frame(`${this.nextId()}|sip|${leader}`, message));
  }

  /** `UUID|response|MSGID|…`, with the message when there is one. */
  reply(messageId: string, text: string, message?: Uint8Array): void {
    this.write(frame(`${this.nextId()}|response|${messageId}|${text}`, message));
  }

  /** `UUID|cdr:…|…` and the message. */
  event(leader: string, message: Uint8Array): void {
    this.write(frame(`${this.nextId()}|${leader}`, message));
  }

  end(): void {
    this.flush();
    if (!this.gone) this.socket.end();
  }

  /** The socket takes bytes again. */
  drained(): void {
    this.blocked = false;
    this.flush();
  }

  closed(): void {
    this.gone = true;
    this.queue = [];
    this.backlog = 0;
  }

  /** A UUID in form; only the app that gets it ever looks at it, so it need not be hard to guess. */
  private nextId(): string {
    return this.idStem + (++this.frames).toString(16).padStart(12, "0");
  }

  private write(bytes: Buffer): void {
    if (this.gone) return;
    this.queue.push(bytes);
    this.backlog += bytes.length;
    if (this.backlog > MAX_BACKLOG) {
      this.socket.terminate();
      return;
    }
    if (this.flushing) return;
    // All frames of one turn of the event loop leave in one write: a burst of messages costs one system call.
    this.flushing = true;
    setImmediate(() => {
      this.flushing = false;
      this.flush();
    });
  }

  private flush(): void {
    if (this.gone || this.blocked || this.queue.length === 0) return;
    const all = this.queue.length === 1 && this.queue[0] ? this.queue[0] : Buffer.concat(this.queue);
    const written = Math.max(0, this.socket.write(all));
    this.backlog = all.length - written;
    this.queue = this.backlog > 0 ? [all.subarray(written)] : [];
    this.blocked = this.backlog > 0;
  }
}

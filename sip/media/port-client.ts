/** The main thread's hand on the media port: starts its Worker and speaks its messages. */
import { MediaUnavailableError } from "./errors.ts";
import type { MediaEvent } from "./model.ts";
import type { FromPort, PortOptions, PortStats, ToPort } from "./port/protocol.ts";

type Request = Extract<ToPort, { readonly request: number }>;
/** Spread over the union, so that each message keeps its own fields. */
type WithoutNumber<T> = T extends { readonly request: number } ? Omit<T, "request"> : never;

const ANSWER_WITHIN_MS = 5000;

/**
 * In the single-file program all modules are bundled into one, so a path relative to this module means nothing there;
 * the Worker is an entry of its own, named by its place in the source tree.
 */
function workerUrl(): string {
  if (import.meta.url.includes("$bunfs")) return "./sip/media/port/worker.ts";
  return new URL("./port/worker.ts", import.meta.url).href;
}

export class PortClient {
  readonly #worker: Worker;
  readonly #waiting = new Map<
    number,
    { resolve: (message: FromPort) => void; reject: (error: Error) => void }
  >();
  #next = 1;
  #closed = false;

  /** `onDeath`: the Worker ended by itself; nothing of it is left. */
  constructor(options: PortOptions, onEvent: (event: MediaEvent) => void, onDeath: (reason: string) => void) {
    this.#worker = new Worker(workerUrl());
    this.#worker.onmessage = (event: MessageEvent<FromPort>) => {
      const message = event.data;
      if (message.is === "event") {
        onEvent(message.event);
        return;
      }
      this.#waiting.get(message.request)?.resolve(message);
      this.#waiting.delete(message.request);
    };
    const died = (reason: string) => {
      if (this.#closed) return;
      this.#closed = true;
      this.#fail(reason);
      onDeath(reason);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#worker.terminate();
      died(event.message);
    };
    this.#worker.addEventListener("close", () => died("the media port ended"));
    this.send({ do: "start", options });
  }

  send(message: Exclude<ToPort, Request>): void {
    if (!this.#closed) this.#worker.postMessage(message);
  }

  /** Opens a leg's channel and gives its UDP port. @throws MediaUnavailableError */
  async open(leg: string): Promise<number> {
    const answer = await this.#ask({ do: "open", leg });
    if (answer.is === "opened") return answer.port;
    throw new MediaUnavailableError(answer.is === "failed" ? answer.reason : "the media port is confused");
  }

  async stats(): Promise<PortStats> {
    const answer = await this.#ask({ do: "stats" });
    if (answer.is === "stats") return answer.stats;
    throw new MediaUnavailableError("the media port is confused");
  }

  /** Finishes the recordings and ends the Worker. */
  async stop(): Promise<void> {
    if (this.#closed) return;
    await this.#ask({ do: "stop" }).catch(() => {});
    this.#closed = true;
    this.#worker.terminate();
    this.#fail("the media port is stopped");
  }

  #ask(message: WithoutNumber<Request>): Promise<FromPort> {
    if (this.#closed) return Promise.reject(new MediaUnavailableError("the media port is down"));
    const request = this.#next++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(request);
        reject(new MediaUnavailableError("the media port does not answer"));
      }, ANSWER_WITHIN_MS);
      const settle =
        <T>(action: (value: T) => void) =>
        (value: T) => {
          clearTimeout(timer);
          action(value);
        };
      this.#waiting.set(request, { resolve: settle(resolve), reject: settle(reject) });
      this.#worker.postMessage({ ...message, request } satisfies ToPort);
    });
  }

  #fail(reason: string): void {
    for (const { reject } of this.#waiting.values()) reject(new MediaUnavailableError(reason));
    this.#waiting.clear();
  }
}

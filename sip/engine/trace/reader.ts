/**
 * Reads traces in a Worker of its own: neither the thread of the calls nor the engine's may wait for somebody who
 * looks at an old call. It starts with the first question and ends when nobody asks any more.
 */
import type { WorkerAnswer, WorkerOrder } from "../worker-protocol.ts";
import { engineWorkerUrl } from "../worker-url.ts";
import type { TraceEntry } from "./ring.ts";
import type { TraceQuestion, TraceReading, TraceWork } from "./work.ts";

/** The reader's Worker broke or was stopped before it had answered. */
export class TraceReaderError extends Error {
  readonly code = "trace-reader";
}

export interface TraceReader {
  /** @throws TraceReaderError, as all of these */
  read(question: TraceQuestion): Promise<TraceReading>;
  /** All messages as one text. */
  text(entries: readonly TraceEntry[]): Promise<string>;
  /** All messages as a capture file (pcap). */
  pcap(entries: readonly TraceEntry[]): Promise<Uint8Array<ArrayBuffer>>;
  /** JSON out of gzip; takes the bytes over. @throws when they are none, or longer than `mostBytes` */
  unpack(packed: Uint8Array<ArrayBuffer>, mostBytes: number): Promise<unknown>;
  stop(): void;
}

const IDLE_MS = 60_000;

/** @param idleMs after so long without a question the Worker ends */
export function createTraceReader(idleMs = IDLE_MS): TraceReader {
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  let worker: Worker | undefined;
  let idle: ReturnType<typeof setTimeout> | undefined;
  let nextId = 1;

  function end(why: string): void {
    clearTimeout(idle);
    worker?.terminate();
    worker = undefined;
    for (const waiter of waiting.values()) waiter.reject(new TraceReaderError(why));
    waiting.clear();
  }

  function start(): Worker {
    const made = new Worker(engineWorkerUrl());
    made.onmessage = ({ data: answer }: MessageEvent<WorkerAnswer>) => {
      const waiter = waiting.get(answer.id);
      waiting.delete(answer.id);
      if (answer.ok) waiter?.resolve(answer.value as never);
      else waiter?.reject(new TraceReaderError(answer.message));
      if (waiting.size > 0) return;
      idle = setTimeout(() => end("idle"), idleMs);
      idle.unref();
    };
    made.onerror = (event) => end(event.message || "the reader broke");
    return made;
  }

  const ask = <T>(work: TraceWork, transfer: ArrayBuffer[] = []): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      clearTimeout(idle);
      worker ??= start();
      const id = nextId++;
      waiting.set(id, { resolve: resolve as (value: never) => void, reject });
      const order: WorkerOrder = { id, call: { type: "trace-work", work } };
      worker.postMessage(order, transfer);
    });

  return {
    read: (question) => ask({ kind: "read", question }),
    text: (entries) => ask({ kind: "text", entries }),
    pcap: (entries) => ask({ kind: "pcap", entries }),
    unpack: (packed, mostBytes) => ask({ kind: "unpack", packed, mostBytes }, [packed.buffer]),
    stop: () => end("stopped"),
  };
}

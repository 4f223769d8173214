import type { EngineConfig } from "./config.ts";
import type { Ban, BanList, DefenceCounters, Evidence } from "./defence/index.ts";
import type { EngineStats } from "./engine.ts";
import type { TraceEntry, TraceQuery } from "./trace/index.ts";
import type { ListenPoint, TlsIdentity } from "./transport/index.ts";
import { type OpenWeb, WebDoor } from "./web-bridge.ts";
import type { WorkerAnswer, WorkerCall, WorkerReport } from "./worker-protocol.ts";
import { engineWorkerUrl } from "./worker-url.ts";

/** The engine could not start or its Worker died. `code` is the cause's own code where there is one. */
export class EngineWorkerError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** An engine in a Worker; the same as `Engine`, with answers that arrive later. */
export interface EngineWorkerHandle {
  readonly agentPort: number;
  readonly listening: readonly ListenPoint[];
  stats(): Promise<EngineStats>;
  bans(known?: number): Promise<BanList | undefined>;
  liftBan(address: string): Promise<boolean>;
  allow(entry: string): Promise<void>;
  ban(address: string, lastsMs: number): Promise<Ban | undefined>;
  protect(lists: { readonly allow: readonly string[]; readonly trusted: readonly string[] }): Promise<void>;
  evidence(events: readonly Evidence[]): Promise<void>;
  defence(): Promise<{ readonly bans: readonly Ban[]; readonly counters: DefenceCounters }>;
  /** Takes a WebSocket that this thread's web server has accepted as a connection of the engine. */
  readonly openWeb: OpenWeb;
  renewTls(identity: TlsIdentity): Promise<void>;
  trace(callId: string): Promise<TraceEntry[]>;
  traceSearch(query: TraceQuery): Promise<TraceEntry[]>;
  /** Called once when the Worker dies by itself. */
  onCrash(listener: (error: Error) => void): void;
  stop(): Promise<void>;
}

/**
 * Starts the engine in its own Worker, so that SIP timers do not wait for the application.
 * @throws EngineWorkerError when it cannot start (code "bind-failed", "EADDRINUSE" …).
 */
export async function startEngineWorker(config: EngineConfig): Promise<EngineWorkerHandle> {
  const worker = new Worker(engineWorkerUrl());
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  const crashListeners: ((error: Error) => void)[] = [];
  const door = new WebDoor((message) => worker.postMessage(message));
  let nextId = 1;
  let stopping = false;
  const fail = (error: Error) => {
    for (const waiter of waiting.values()) waiter.reject(error);
    waiting.clear();
    door.shut();
    if (!stopping) for (const listener of crashListeners.splice(0)) listener(error);
  };
  worker.onmessage = (event: MessageEvent<WorkerReport>) => {
    if ("web" in event.data) {
      door.receive(event.data);
      return;
    }
    const answer: WorkerAnswer = event.data;
    const waiter = waiting.get(answer.id);
    waiting.delete(answer.id);
    if (answer.ok) waiter?.resolve(answer.value as never);
    else waiter?.reject(new EngineWorkerError(answer.code, answer.message));
  };
  worker.onerror = (event) => fail(new EngineWorkerError("worker-crashed", event.message));
  worker.addEventListener("close", () =>
    fail(new EngineWorkerError("worker-closed", "the engine's worker ended")),
  );
  const ask = <T>(call: WorkerCall): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      const id = nextId++;
      waiting.set(id, { resolve: resolve as (value: never) => void, reject });
      worker.postMessage({ id, call });
    });
  try {
    const started = await ask<{ agentPort: number; listening: ListenPoint[] }>({ type: "start", config });
    return {
      ...started,
      stats: () => ask({ type: "stats" }),
      bans: (known) => ask({ type: "bans", known }),
      liftBan: (address) => ask({ type: "lift-ban", address }),
      allow: (address) => ask({ type: "allow", address }),
      ban: (address, lastsMs) => ask({ type: "ban", address, lastsMs }),
      protect: ({ allow, trusted }) => ask({ type: "protect", allow, trusted }),
      evidence: (events) => ask({ type: "evidence", events }),
      defence: () => ask({ type: "defence" }),
      trace: (callId) => ask({ type: "trace", callId }),
      traceSearch: (query) => ask({ type: "trace-search", query }),
      openWeb: door.open,
      renewTls: (identity) => ask({ type: "renew-tls", identity }),
      onCrash: (listener) => {
        crashListeners.push(listener);
      },
      async stop() {
        stopping = true;
        await ask({ type: "stop" });
        door.shut();
        worker.terminate();
      },
    };
  } catch (error) {
    stopping = true;
    worker.terminate();
    throw error;
  }
}

import type { EngineConfig } from "./config.ts";
import type { Evidence } from "./defence/index.ts";
import type { TraceQuery, TraceWork } from "./trace/index.ts";
import type { TlsIdentity } from "./transport/index.ts";
import type { WebFromEngine, WebToEngine } from "./web-bridge.ts";

/** What the main thread may ask of the engine's Worker. */
export type WorkerCall =
  | { readonly type: "start"; readonly config: EngineConfig }
  | { readonly type: "stats" | "defence" | "stop" }
  | { readonly type: "bans"; readonly known: number | undefined }
  | { readonly type: "ban"; readonly address: string; readonly lastsMs: number }
  | { readonly type: "protect"; readonly allow: readonly string[]; readonly trusted: readonly string[] }
  | { readonly type: "evidence"; readonly events: readonly Evidence[] }
  | { readonly type: "lift-ban" | "allow"; readonly address: string }
  | { readonly type: "renew-tls"; readonly identity: TlsIdentity }
  | { readonly type: "trace"; readonly callId: string }
  | { readonly type: "trace-search"; readonly query: TraceQuery }
  /** Needs no engine: such Workers serve as readers of traces. */
  | { readonly type: "trace-work"; readonly work: TraceWork };

export type WorkerAnswer =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly code: string; readonly message: string };

/** All that goes to the Worker, and all that comes from it. */
export type WorkerOrder = { readonly id: number; readonly call: WorkerCall } | WebToEngine;
export type WorkerReport = WorkerAnswer | WebFromEngine;

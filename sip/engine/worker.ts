/** Worker entry: runs one engine and answers the messages of `EngineWorkerHandle`. */
import { type Engine, startEngine } from "./engine.ts";
import { doTraceWork } from "./trace/index.ts";
import { WebHall } from "./web-bridge.ts";
import type { WorkerAnswer, WorkerCall, WorkerOrder, WorkerReport } from "./worker-protocol.ts";

declare const self: Worker;

let engine: Engine | undefined;
const post = (message: WorkerReport) => self.postMessage(message);
const hall = new WebHall((peer, sink) => {
  if (engine) return engine.openWeb(peer, sink);
  sink.close(1012);
  return undefined;
}, post);

async function perform(call: WorkerCall): Promise<unknown> {
  if (call.type === "start") {
    if (engine) throw new Error("the engine runs already");
    engine = await startEngine(call.config);
    return {
      agentPort: engine.agentPort,
      listening: engine.listening.map((point) => ({ ...point, tls: undefined })),
    };
  }
  if (call.type === "trace-work") return doTraceWork(call.work);
  if (!engine) throw new Error("the engine does not run");
  switch (call.type) {
    case "stats":
      return engine.stats();
    case "bans":
      return engine.bans(call.known);
    case "lift-ban":
      return engine.liftBan(call.address);
    case "allow":
      engine.allow(call.address);
      return undefined;
    case "ban":
      return engine.ban(call.address, call.lastsMs);
    case "protect":
      engine.protect(call);
      return undefined;
    case "evidence":
      engine.evidence(call.events);
      return undefined;
    case "defence":
      return engine.defence();
    case "trace":
      return engine.trace(call.callId);
    case "trace-search":
      return engine.traceSearch(call.query);
    case "renew-tls":
      return engine.renewTls(call.identity);
    case "stop":
      await engine.stop();
      engine = undefined;
      return undefined;
  }
}

self.onmessage = (event: MessageEvent<WorkerOrder>) => {
  if ("web" in event.data) {
    hall.receive(event.data);
    return;
  }
  const { id, call } = event.data;
  const answer = (message: WorkerAnswer) => post(message);
  perform(call).then(
    (value) => answer({ id, ok: true, value }),
    (error: unknown) => {
      const coded = error as { code?: unknown; message?: unknown };
      answer({ id, ok: false, code: String(coded.code ?? "error"), message: String(coded.message ?? error) });
    },
  );
};

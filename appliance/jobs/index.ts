/** The jobs Worker as the rest of the appliance starts it: one order at a time. */
import type { JobOrder, JobReport } from "./model.ts";

export type { ExportFilters, ExportParams } from "./export-call-records.ts";
export type { JobOrder, JobReport } from "./model.ts";

export interface JobsWorker {
  post(order: JobOrder): void;
  stop(): void;
}

/** `onReport` also hears "failed" for the running order when the Worker itself breaks. */
export function startJobsWorker(onReport: (report: JobReport) => void): JobsWorker {
  let worker: Worker | undefined;
  let running: number | undefined;
  const start = (): Worker => {
    const made = new Worker(workerUrl());
    made.onmessage = (message: MessageEvent<JobReport>) => {
      if (message.data.type !== "progress") running = undefined;
      onReport(message.data);
    };
    made.onerror = (event) => {
      worker = undefined;
      if (running !== undefined)
        onReport({ id: running, type: "failed", error: event.message || "the jobs worker broke" });
      running = undefined;
    };
    return made;
  };
  return {
    post(order) {
      worker ??= start();
      running = order.id;
      worker.postMessage(order);
    },
    stop() {
      worker?.terminate();
      worker = undefined;
    },
  };
}

/** In the single-file program a Worker is found by its path below the root. */
function workerUrl(): string {
  if (import.meta.url.includes("$bunfs")) return "./appliance/jobs/worker.ts";
  return new URL("./worker.ts", import.meta.url).href;
}

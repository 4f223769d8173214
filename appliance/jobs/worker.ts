/** The jobs Worker: exports and backups away from the calls, with a SQLite connection of its own. */
import { backUp } from "./backup.ts";
import { type ExportParams, exportCallRecords } from "./export-call-records.ts";
import type { JobOrder, JobReport } from "./model.ts";

declare const self: Worker;

const tell = (report: JobReport) => self.postMessage(report);

async function run(order: JobOrder): Promise<Readonly<Record<string, unknown>>> {
  let last = -1;
  const progress = (percent: number) => {
    if (percent === last) return;
    last = percent;
    tell({ id: order.id, type: "progress", percent });
  };
  switch (order.kind) {
    case "export-call-records":
      return {
        ...exportCallRecords(order.folder, order.file, order.params as unknown as ExportParams, progress),
      };
    case "backup":
      return { ...(await backUp(order.folder, order.file, order.version, { progress })) };
    default:
      throw new Error(`unknown job ${order.kind}`);
  }
}

self.onmessage = (message: MessageEvent<JobOrder>) => {
  const order = message.data;
  run(order).then(
    (result) => tell({ id: order.id, type: "done", result }),
    (error: unknown) =>
      tell({ id: order.id, type: "failed", error: error instanceof Error ? error.message : String(error) }),
  );
};

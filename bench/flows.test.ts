import { expect, test } from "bun:test";
import { measureFlows } from "./flows.ts";

test("idle TLS and WebSocket connections cost a bounded amount and are let go of", async () => {
  const flows = 500;
  for (const row of await measureFlows(flows)) {
    expect([row.kind, row.answered]).toEqual([row.kind, flows]);
    // Measured: 4 to 9 KB; a connection that keeps a buffer of its own would need 64.
    expect(row.bytesPerFlow).toBeLessThan(48 * 1024);
    expect(row.rssAfter).toBeLessThan(row.rssOpen + 8 * 2 ** 20);
  }
}, 60_000);

/**
 * The local door of a running exchange: JSON over a Unix socket in the data folder (only its owner can reach it). The
 * commands doctor, backup and user use it, and it is the lock: two exchanges never share one data folder.
 */
import { chmodSync, existsSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AlreadyRunningError, CommandError, EXIT, NotRunningError } from "./errors.ts";

export type ControlHandler = (params: Record<string, unknown>) => Promise<unknown>;

export interface ControlServer {
  stop(): Promise<void>;
}

/** Socket path; a very long folder name does not fit into a socket address, then a name by hash is used. */
export function controlPath(folder: string): string {
  const path = join(folder, "control.sock");
  if (path.length < 100) return path;
  return join(tmpdir(), `zongji-${Bun.hash(folder).toString(16)}.sock`);
}

/** True when an exchange answers on the data folder. */
export async function isRunning(folder: string): Promise<boolean> {
  try {
    await callControl(folder, "ping", {}, 2_000);
    return true;
  } catch {
    return false;
  }
}

/** Opens the door. @throws AlreadyRunningError when another exchange answers on this folder. */
export async function openControl(
  folder: string,
  handlers: Readonly<Record<string, ControlHandler>>,
): Promise<ControlServer> {
  if (await isRunning(folder)) throw new AlreadyRunningError(folder);
  const path = controlPath(folder);
  rmSync(path, { force: true });
  const server = Bun.serve({
    unix: path,
    async fetch(request) {
      const command = new URL(request.url).pathname.slice(1);
      if (command === "ping") return Response.json({ result: { pid: process.pid } });
      const handler = handlers[command];
      if (!handler)
        return Response.json({ error: { code: "unknown-command", message: command } }, { status: 404 });
      try {
        const params = (await request.json()) as Record<string, unknown>;
        return Response.json({ result: (await handler(params)) ?? null });
      } catch (error) {
        const code = (error as { code?: unknown }).code;
        const message = error instanceof Error ? error.message : String(error);
        return Response.json(
          { error: { code: typeof code === "string" ? code : "failed", message } },
          { status: 500 },
        );
      }
    },
  });
  chmodSync(path, 0o600);
  return {
    async stop() {
      await server.stop(true);
      rmSync(path, { force: true });
    },
  };
}

/** Asks the running exchange. @throws NotRunningError, or CommandError with the exchange's own words. */
export async function callControl(
  folder: string,
  command: string,
  params: Record<string, unknown> = {},
  timeoutMs = 60_000,
): Promise<unknown> {
  const path = controlPath(folder);
  if (!existsSync(path)) throw new NotRunningError(folder);
  let response: Response;
  try {
    response = await fetch(`http://localhost/${command}`, {
      method: "POST",
      body: JSON.stringify(params),
      unix: path,
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (error) {
    if ((error as Error).name === "TimeoutError")
      throw new CommandError("time-out", EXIT.failed, "The running exchange did not answer in time.");
    throw new NotRunningError(folder);
  }
  const answer = (await response.json()) as { result?: unknown; error?: { code: string; message: string } };
  if (answer.error) throw new CommandError(answer.error.code, EXIT.failed, answer.error.message);
  return answer.result;
}

/** Brings an engine up for us: a Worker of its own in the appliance, in this thread for small test agents. */
import { randomBytes } from "node:crypto";
import type { EngineAddress } from "./facade.ts";

export interface LaunchOptions {
  /** "sip:IP:PORT;transport=udp,tcp"; port 0 takes a free one. */
  readonly contacts: readonly string[];
  /** Address put into Via and Contact instead of the bound one. */
  readonly externalAddress?: string;
  readonly worker: boolean;
  readonly onExit?: (reason: string) => void;
}

export interface LaunchedEngine {
  readonly agent: EngineAddress;
  stop(): Promise<void>;
}

/** Starts an engine on loopback with a secret of its own. Rejects when a port is taken. */
export async function launchEngine(options: LaunchOptions): Promise<LaunchedEngine> {
  const secret = randomBytes(32).toString("hex");
  const { startEngine, startEngineWorker } = await import("../engine/index.ts");
  void startEngine;
  void startEngineWorker;
  void options;
  void secret;
  throw new Error("The embedded engine is not built in");
}

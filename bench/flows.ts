/**
 * Idle connections: opens N TLS and N WebSocket flows to an engine in a process of its own and reads that process's
 * resident memory before, with all of them open and answering keep-alives, and after they have gone.
 *
 *   bun bench/flows.ts [N]        (2 N file descriptors: ulimit -n)
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEngine } from "../sip/engine/index.ts";

const KINDS = ["tls", "ws"] as const;
type Kind = (typeof KINDS)[number];

/** Memory of one kind of connection; bytes. */
export interface FlowFigures {
  readonly kind: Kind;
  readonly flows: number;
  readonly rssBefore: number;
  readonly rssOpen: number;
  readonly rssAfter: number;
  readonly bytesPerFlow: number;
  /** Until all were open. */
  readonly openedMs: number;
  /** All answered a keep-alive while all were open. */
  readonly answered: number;
}

interface Flow {
  ping(): Promise<void>;
  close(): void;
}

const PING = "\r\n\r\n";
const TOGETHER = 64;

function openTls(port: number): Promise<Flow> {
  return new Promise((resolve, reject) => {
    let pong = () => {};
    void Bun.connect({
      hostname: "127.0.0.1",
      port,
      tls: { rejectUnauthorized: false },
      socket: {
        handshake: (socket) =>
          resolve({
            ping: () =>
              new Promise((done) => {
                pong = done;
                socket.write(PING);
              }),
            close: () => socket.end(),
          }),
        data: () => pong(),
        close: () => reject(new Error("the engine closed a connection")),
        error: (_, error) => reject(error),
        connectError: (_, error) => reject(error),
      },
    }).catch(reject);
  });
}

function openWs(port: number): Promise<Flow> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`, ["sip"]);
    let pong = () => {};
    socket.onmessage = () => pong();
    socket.onerror = () => reject(new Error("the WebSocket could not be opened"));
    socket.onopen = () =>
      resolve({
        ping: () =>
          new Promise((done) => {
            pong = done;
            socket.send(PING);
          }),
        close: () => socket.close(),
      });
  });
}

function residentBytes(pid: number): number {
  const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kilobytes ?? 0) * 1024;
}

interface Child {
  readonly pid: number;
  readonly ports: Readonly<Record<Kind, number>>;
  /** Collects garbage in the engine and tells its open connections. */
  settle(): Promise<number>;
  stop(): Promise<void>;
}

async function startChild(flows: number): Promise<Child> {
  const lines: string[] = [];
  const waiting: ((line: string) => void)[] = [];
  const child = Bun.spawn([process.execPath, import.meta.path, "--engine", String(flows)], {
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
    ipc: (message) => {
      const taker = waiting.shift();
      if (taker) taker(String(message));
      else lines.push(String(message));
    },
  });
  const next = () => {
    const line = lines.shift();
    return line === undefined ? new Promise<string>((resolve) => waiting.push(resolve)) : line;
  };
  const ports = JSON.parse(await next()) as Record<Kind, number>;
  return {
    pid: child.pid,
    ports,
    async settle() {
      child.send("settle");
      return Number(await next());
    },
    async stop() {
      child.kill();
      await child.exited;
    },
  };
}

async function measureKind(kind: Kind, flows: number): Promise<FlowFigures> {
  const child = await startChild(flows);
  try {
    const open = kind === "tls" ? openTls : openWs;
    const port = child.ports[kind];
    // The first connections make what all of them share.
    const first = await Promise.all(Array.from({ length: TOGETHER }, () => open(port)));
    await child.settle();
    const rssBefore = residentBytes(child.pid);
    const started = performance.now();
    const all: Flow[] = [];
    while (all.length < flows) {
      const batch = Math.min(TOGETHER, flows - all.length);
      all.push(...(await Promise.all(Array.from({ length: batch }, () => open(port)))));
    }
    const openedMs = performance.now() - started;
    let answered = 0;
    for (let at = 0; at < all.length; at += 500) {
      await Promise.all(all.slice(at, at + 500).map((flow) => flow.ping().then(() => answered++)));
    }
    await child.settle();
    const rssOpen = residentBytes(child.pid);
    for (const flow of [...first, ...all]) flow.close();
    while ((await child.settle()) > 0) await Bun.sleep(20);
    const rssAfter = residentBytes(child.pid);
    const bytesPerFlow = Math.round((rssOpen - rssBefore) / flows);
    return { kind, flows, rssBefore, rssOpen, rssAfter, bytesPerFlow, openedMs, answered };
  } finally {
    await child.stop();
  }
}

/** Opens `flows` TLS, then as many WebSocket connections. @returns a row a kind */
export async function measureFlows(flows: number): Promise<FlowFigures[]> {
  const rows: FlowFigures[] = [];
  for (const kind of KINDS) rows.push(await measureKind(kind, flows));
  return rows;
}

function certificate(): { cert: string; key: string } {
  const folder = mkdtempSync(join(tmpdir(), "zongji-flows-"));
  const [cert, key] = [join(folder, "c.pem"), join(folder, "k.pem")];
  const args = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=flows";
  Bun.spawnSync(["openssl", ...args.split(" "), "-keyout", key, "-out", cert]);
  const pair = { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
  rmSync(folder, { recursive: true });
  return pair;
}

/** The measured process: an engine and nothing else. */
async function runEngine(flows: number): Promise<void> {
  const at = { address: "127.0.0.1", port: 0 };
  const engine = await startEngine({
    contacts: [
      { protocol: "tls", ...at, tls: certificate() },
      { protocol: "ws", ...at },
    ],
    agent: { ...at, secret: "flows" },
    limits: { connections: 2 * flows + 1000, connectionsPerSource: 2 * flows + 1000 },
  });
  const port = (protocol: string) => engine.listening.find((point) => point.protocol === protocol)?.port;
  process.send?.(JSON.stringify({ tls: port("tls"), ws: port("ws") }));
  process.on("message", () => {
    Bun.gc(true);
    process.send?.(String(engine.stats().connections));
  });
}

if (import.meta.main) {
  const [first, second] = process.argv.slice(2);
  if (first === "--engine") await runEngine(Number(second));
  else {
    const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MB`;
    for (const row of await measureFlows(Number(first ?? 10_000))) {
      console.log(
        `${row.flows} ${row.kind}: ${megabytes(row.rssBefore)} → ${megabytes(row.rssOpen)} open ` +
          `(${(row.bytesPerFlow / 1024).toFixed(1)} KB each) → ${megabytes(row.rssAfter)} after; ` +
          `${row.answered} answered, opened in ${(row.openedMs / 1000).toFixed(1)} s`,
      );
    }
    process.exit(0);
  }
}

import { createHash, timingSafeEqual } from "node:crypto";
import type { Socket, TCPSocketListener } from "bun";
import { AgentClient } from "./client.ts";

export const ENGINE_VERSION = "v0.9.10";
/** A connection that has not shown the secret by then is closed, ms. */
const GREETING_MS = 5_000;
const MAX_CONNECTIONS = 64;

export interface AgentServerOptions {
  readonly address: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly secret: string;
  /** `proto/ip:port` list for the answer to `authenticate`. */
  readonly hostports: () => string;
}

/** What happens with commands after authentication. */
export interface AgentHandler {
  /** `sip|TXN|DLG|PROXY` + message. */
  onSip(client: AgentClient, messageId: string, fields: readonly string[], message: Uint8Array): void;
  /** `proxy|…` + message. */
  onProxy(client: AgentClient, messageId: string, fields: readonly string[], message: Uint8Array): void;
  /** The client has shown the secret. */
  onReady?(client: AgentClient): void;
  onGone(client: AgentClient): void;
}

/** The TCP side of the agent protocol: authentication, routes, ping; all else goes to the handler. */
export class AgentServer {
  private readonly clients = new Set<AgentClient>();
  private readonly turns = new Map<string, number>();
  private readonly greetings = new Map<AgentClient, ReturnType<typeof setTimeout>>();
  private listener: TCPSocketListener<AgentClient> | undefined;
  private nextId = 1;

  constructor(
    private readonly options: AgentServerOptions,
    private readonly handler: AgentHandler,
  ) {}

  /** Starts to listen. @returns the bound port. @throws when the port is taken. */
  listen(): number {
    const server = this;
    this.listener = Bun.listen<AgentClient>({
      hostname: this.options.address,
      port: this.options.port,
      socket: {
        open(socket) {
          server.open(socket);
        },
        data(socket, bytes) {
          server.data(socket, bytes);
        },
        drain(socket) {
          socket.data.drained();
        },
        close(socket) {
          server.closed(socket.data);
        },
        error(socket) {
          server.closed(socket.data);
        },
      },
    });
    return this.listener.port;
  }

  get clientCount(): number {
    return this.clients.size;
  }

  /** Bytes that wait for the app furthest behind. */
  get backlogBytes(): number {
    let most = 0;
    for (const client of this.clients) most = Math.max(most, client.backlogBytes);
    return most;
  }

  /** Whether an app asked for that route. */
  serves(route: string): boolean {
    for (const client of this.clients) if (client.authenticated && client.routes.has(route)) return true;
    return false;
  }

  /** Next client with that route, in turn; undefined when nobody asked for it. */
  pick(route: string): AgentClient | undefined {
    const willing: AgentClient[] = [];
    for (const client of this.clients)
      if (client.authenticated && client.routes.has(route)) willing.push(client);
    if (willing.length < 2) return willing[0];
    const turn = (this.turns.get(route) ?? -1) + 1;
    this.turns.set(route, turn % willing.length);
    return willing[turn % willing.length];
  }

  close(): void {
    this.listener?.stop(true);
    for (const timer of this.greetings.values()) clearTimeout(timer);
    this.greetings.clear();
    for (const client of [...this.clients]) client.closed();
    this.clients.clear();
  }

  private open(socket: Socket<AgentClient>): void {
    const client = new AgentClient(this.nextId++, socket);
    socket.data = client;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 45_000);
    if (this.clients.size >= MAX_CONNECTIONS) {
      socket.terminate();
      return;
    }
    this.clients.add(client);
    this.greetings.set(
      client,
      setTimeout(() => {
        if (!client.authenticated) client.end();
      }, GREETING_MS),
    );
  }

  private data(socket: Socket<AgentClient>, bytes: Uint8Array): void {
    const client = socket.data;
    let payloads: Buffer[];
    try {
      payloads = client.reader.push(bytes);
    } catch {
      // A broken stream cannot be taken up again.
      socket.terminate();
      return;
    }
    for (const payload of payloads) {
      if (!client.connected) return;
      try {
        this.command(client, payload);
      } catch (error) {
        // A fault of ours with one command must not end the others.
        console.error("agent command failed", error);
      }
    }
  }

  private closed(client: AgentClient | undefined): void {
    if (!client || !this.clients.delete(client)) return;
    clearTimeout(this.greetings.get(client));
    this.greetings.delete(client);
    client.closed();
    if (client.authenticated) this.handler.onGone(client);
  }

  private command(client: AgentClient, payload: Buffer): void {
    const lineEnd = payload.indexOf("\r\n");
    const leader = payload.toString("utf8", 0, lineEnd < 0 ? payload.length : lineEnd);
    const message = lineEnd < 0 ? new Uint8Array(0) : payload.subarray(lineEnd + 2);
    const [messageId = "", verb = "", ...fields] = leader.split("|");
    if (!client.authenticated) {
      this.greet(client, messageId, verb, fields);
      return;
    }
    switch (verb) {
      case "sip":
        this.handler.onSip(client, messageId, fields, message);
        break;
      case "proxy":
        this.handler.onProxy(client, messageId, fields, message);
        break;
      case "route":
        client.routes.add((fields[0] ?? "").toLowerCase());
        client.reply(messageId, "OK");
        break;
      case "remove_route":
        client.routes.delete((fields[0] ?? "").toLowerCase());
        client.reply(messageId, "OK");
        break;
      case "ping":
        client.reply(messageId, "OK|pong");
        break;
      case "authenticate":
        this.greet(client, messageId, verb, fields);
        break;
      default:
        client.reply(messageId, "NO|Unknown message type");
        client.end();
    }
  }

  private greet(client: AgentClient, messageId: string, verb: string, fields: readonly string[]): void {
    if (verb !== "authenticate" || !sameSecret(fields[0] ?? "", this.options.secret)) {
      client.reply(messageId, verb === "authenticate" ? "NO|incorrect secret" : "NO|not authenticated");
      client.end();
      return;
    }
    clearTimeout(this.greetings.get(client));
    this.greetings.delete(client);
    client.accept((fields[1] ?? "").split(",").filter((tag) => tag !== ""));
    const hostports = this.options.hostports();
    client.reply(messageId, `OK|${hostports}|${ENGINE_VERSION}|${hostports}`);
    this.handler.onReady?.(client);
  }
}

/** Compares without telling by time how much was right. */
function sameSecret(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}

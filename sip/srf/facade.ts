/**
 * The signalling stack over drachtio-srf, and its only importer. Works on the embedded engine and on a real
 * drachtio-server alike; the connection comes back by itself, and calls whose engine is gone are reported as lost.
 */
// drachtio-srf is CommonJS: named imports fail at run time, only the default one works.
import Srf from "drachtio-srf";
import { tagOf } from "../engine/message/address.ts";
import { type DialogParts, InviteDialog, refreshOf } from "./dialog.ts";
import { ALLOW, wireHeaders } from "./headers.ts";
import { Incoming } from "./incoming.ts";
import {
  type IncomingRequest,
  type OutgoingInvite,
  type OutgoingRequest,
  type Reply,
  type RequestOptions,
  type SipDialog,
  type SipStack,
  SipStackError,
} from "./model.ts";
import { type FinalParts, NonceCounts, type OnFinal, Outgoing, type OutgoingOptions } from "./outgoing.ts";
import { straightRequest } from "./straight.ts";
import type { VendorRequest, VendorResponse, VendorSrf } from "./vendor.ts";
import { AgentWire } from "./wire.ts";

/** Where the engine listens for the application. */
export interface EngineAddress {
  readonly host: string;
  readonly port: number;
  readonly secret: string;
}

/** Methods the engine shall hand to us when they come outside a dialog. */
const ROUTED = [
  "INVITE",
  "REGISTER",
  "OPTIONS",
  "MESSAGE",
  "SUBSCRIBE",
  "PUBLISH",
  "INFO",
  "NOTIFY",
  "REFER",
];

/** Parses "drachtio://secret@host:port" (port 9022 if absent). Throws SipStackError "bad-engine-address". */
export function parseEngineAddress(text: string): EngineAddress {
  const match = /^drachtio:\/\/(?:([^@]*)@)?(\[[^\]]+\]|[^:/@]+)(?::(\d{1,5}))?\/?$/.exec(text.trim());
  const port = Number(match?.[3] ?? 9022);
  const host = match?.[2]?.replace(/^\[|\]$/g, "");
  if (host === undefined || port < 1 || port > 65535) {
    throw new SipStackError(
      "bad-engine-address",
      `Not an engine address: "${text}" (want drachtio://secret@host:port)`,
    );
  }
  return { host, port, secret: decodeURIComponent(match?.[1] ?? "") };
}

export class SrfFacade implements SipStack {
  #srf: VendorSrf | undefined;
  #wire: AgentWire | undefined;
  #connected = false;
  #hostports: readonly string[] = [];
  readonly #handlers = new Map<string, (request: IncomingRequest) => void>();
  readonly #dialogs = new Map<string, InviteDialog>();
  readonly #outgoing = new Set<Outgoing>();
  readonly #counts = new NonceCounts();
  readonly #listeners = new Set<(connected: boolean) => void>();

  get connected(): boolean {
    return this.#connected;
  }

  /** The engine's listen points, "udp/192.168.1.2:5060". */
  get hostports(): readonly string[] {
    return this.#hostports;
  }

  handle(method: string, handler: (request: IncomingRequest) => void): void {
    this.#handlers.set(method, handler);
  }

  onConnection(listener: (connected: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  dialogs(): readonly SipDialog[] {
    return [...this.#dialogs.values()];
  }

  /**
   * Connects, or moves to another engine. Resolves when the engine accepted the secret; rejects with SipStackError
   * "engine-refused" on a wrong secret, "not-connected" when nothing answered in `timeoutMs` (tries go on).
   */
  connect(address: EngineAddress, timeoutMs = 5000): Promise<void> {
    this.#drop();
    const srf = new (Srf as unknown as new () => VendorSrf)();
    this.#srf = srf;
    for (const method of ROUTED) srf.use(method.toLowerCase(), (req, res) => this.#receive(req, res));
    for (const method of ["ACK", "BYE", "PRACK", "UPDATE"]) {
      srf.use(method.toLowerCase(), (req, res) => this.#receive(req, res));
    }
    const mine = (): boolean => this.#srf === srf;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new SipStackError("not-connected", `No SIP engine at ${address.host}:${address.port}`)),
        timeoutMs,
      );
      srf.on("connect", (error, hostports) => {
        if (!mine()) return;
        clearTimeout(timer);
        if (error) return reject(new SipStackError("engine-refused", "The SIP engine refused the secret"));
        this.#hostports = (hostports ?? "").split(",").filter((text) => text !== "");
        this.#setConnected(true);
        resolve();
      });
      srf.on("error", () => {
        if (mine()) this.#setConnected(false);
      });
      srf.on("close", () => {
        if (mine()) this.#setConnected(false);
      });
      srf.connect({ ...address, enablePing: true, reconnect: { retryMaxDelay: 1000 } });
      const wire = srf.app.client?.wp;
      if (wire !== undefined) {
        this.#wire = new AgentWire(wire, {
          onRequest: (leader, message, from) => {
            const request = mine() ? straightRequest(leader, message, from) : undefined;
            if (request !== undefined) this.#outside(request, false);
            return request !== undefined;
          },
        });
      }
    });
  }

  request(options: RequestOptions): OutgoingRequest {
    return this.#launch(options);
  }

  invite(options: RequestOptions): OutgoingInvite {
    const made = Promise.withResolvers<SipDialog | undefined>();
    const onUpdate = (request: VendorRequest, response: VendorResponse) => {
      const update = new Incoming(request, response, (parts) => this.#makeDialog(parts));
      if (update.body !== "" && options.onEarlyOffer) options.onEarlyOffer(update);
      else void update.respond(update.body === "" ? 200 : 488);
    };
    const outgoing: Outgoing = this.#launch({ ...options, onUpdate }, (reply, parts) => {
      if (reply.status >= 300 || parts === undefined) return made.resolve(undefined);
      const dialog = this.#answered(reply, parts, options);
      if (!outgoing.cancelled) return made.resolve(dialog);
      // The answer crossed our CANCEL (RFC 3261 §15): acknowledge and end it.
      void dialog?.bye();
      made.resolve(undefined);
    });
    return { final: outgoing.final, dialog: made.promise, cancel: (headers) => outgoing.cancel(headers) };
  }

  /** Leaves the engine; calls still up are reported as lost. */
  stop(): void {
    this.#drop();
    this.#setConnected(false);
  }

  #drop(): void {
    const srf = this.#srf;
    this.#srf = undefined;
    this.#wire = undefined;
    if (srf === undefined) return;
    this.#setConnected(false);
    const wire = srf.app.client?.wp;
    if (wire !== undefined) {
      // There is no public way to end the retries while disconnected.
      wire.closing = true;
      const timer = wire.reconnectVars?.retryTimer;
      if (timer !== undefined && timer !== null) clearTimeout(timer as ReturnType<typeof setTimeout>);
    }
    try {
      srf.disconnect();
    } catch {
      // It was not connected.
    }
  }

  #setConnected(connected: boolean): void {
    if (connected === this.#connected) return;
    this.#connected = connected;
    if (!connected) {
      for (const outgoing of [...this.#outgoing]) outgoing.fail(503, "SIP engine lost");
      for (const dialog of [...this.#dialogs.values()]) {
        dialog.end({ by: "system", reason: "SIP engine lost", lost: true });
      }
    }
    for (const listener of this.#listeners) listener(connected);
  }

  #launch(options: OutgoingOptions, onFinal?: OnFinal): Outgoing {
    const srf = this.#srf;
    const connected = this.#connected;
    const outgoing: Outgoing = new Outgoing(
      (wire, callback) => {
        const client = srf?.app.client;
        const socket = this.#wire?.socket;
        if (
          client === undefined ||
          socket === undefined ||
          !connected ||
          srf !== this.#srf ||
          !this.#connected
        )
          throw new SipStackError("not-connected", "No SIP engine");
        client.request(socket, wire.uri, wire, callback);
      },
      this.#counts,
      options,
      (reply, parts) => {
        this.#outgoing.delete(outgoing);
        onFinal?.(reply, parts);
      },
    );
    this.#outgoing.add(outgoing);
    // One turn later, so that the caller holds the request before anything is reported.
    queueMicrotask(() => outgoing.start());
    return outgoing;
  }

  #answered(reply: Reply, parts: FinalParts, options: RequestOptions): InviteDialog | undefined {
    const { request, response, ack } = parts;
    const { credentials, answerOffer } = options;
    const body = answerOffer?.(reply.body);
    if (body === undefined) ack();
    else ack({ body, headers: wireHeaders(undefined, body) });
    const callId = response.get("call-id") ?? "";
    const localTag = tagOf(request.get("from") ?? "") ?? "";
    const refresh = refreshOf(response, "uac", response.get("Allow"));
    return this.#makeDialog({
      id: response.stackDialogId || `${callId};from-tag=${localTag}`,
      callId,
      localTag,
      remoteTag: tagOf(response.get("to") ?? "") ?? "",
      remoteBody: reply.body,
      ...(refresh === undefined ? {} : { refresh }),
      ...(credentials === undefined ? {} : { credentials }),
    });
  }

  #makeDialog(parts: DialogParts): InviteDialog {
    const dialog = new InviteDialog(
      parts,
      (options) =>
        this.#launch(options, (reply, final) => {
          if (options.method === "INVITE" && reply.status < 300) final?.ack();
        }).final,
      (gone) => this.#dialogs.delete(gone.id),
    );
    this.#dialogs.set(dialog.id, dialog);
    return dialog;
  }

  #receive(request: VendorRequest, response: VendorResponse): void {
    const incoming = new Incoming(request, response, (parts) => this.#makeDialog(parts));
    const dialog = this.#dialogs.get(incoming.dialogId);
    if (dialog !== undefined) {
      dialog.receive(incoming, request.source === "application");
      return;
    }
    if (incoming.method === "ACK" || request.source === "application") return;
    this.#outside(incoming, tagOf(incoming.header("To") ?? "") !== undefined);
  }

  #outside(incoming: IncomingRequest, inDialog: boolean): void {
    const handler = inDialog ? undefined : this.#handlers.get(incoming.method);
    if (handler !== undefined) handler(incoming);
    // Also to OPTIONS: a peer may ask whether the call still is (RFC 3261 §12.2.2).
    else if (inDialog) void incoming.respond(481);
    else if (incoming.method === "OPTIONS")
      void incoming.respond(200, { headers: { Allow: ALLOW, Accept: "application/sdp" } });
    else if (incoming.method === "SUBSCRIBE" || incoming.method === "PUBLISH") void incoming.respond(489);
    else void incoming.respond(405, { headers: { Allow: ALLOW } });
  }
}

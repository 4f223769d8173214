/** A request from the network, wrapped (RFC 3261 §8.2, §13.3). */
import { tagOf } from "../engine/message/address.ts";
import { type DialogParts, type InviteDialog, refreshOf } from "./dialog.ts";
import { ABILITIES, frameBytes, MAX_FRAME_BYTES, reasonText, wireHeaders } from "./headers.ts";
import type { Credentials, IncomingRequest, ResponseOptions, SipSource } from "./model.ts";
import type { VendorMessage, VendorRequest, VendorResponse } from "./vendor.ts";

export type MakeDialog = (parts: DialogParts) => InviteDialog;

export class Incoming implements IncomingRequest {
  readonly #request: VendorRequest;
  readonly #response: VendorResponse;
  readonly #makeDialog: MakeDialog;
  #cancelled = false;
  #cancelReason: string | undefined;
  #credentials: Credentials | undefined;
  #localTag: string | undefined;
  readonly #cancelListeners: ((reason: string | undefined) => void)[] = [];
  readonly #updateListeners: ((update: IncomingRequest) => void)[] = [];

  constructor(request: VendorRequest, response: VendorResponse, makeDialog: MakeDialog) {
    this.#request = request;
    this.#response = response;
    this.#makeDialog = makeDialog;
    if (request.method !== "INVITE" || (request.stackDialogId ?? "") !== "") return;
    request.on("cancel", (message) => {
      this.#cancelled = true;
      this.#cancelReason = reasonText(message.get("Reason"));
      for (const listener of this.#cancelListeners) listener(this.#cancelReason);
    });
    request.on("update", (update, updateResponse) => {
      const wrapped = new Incoming(update, updateResponse, makeDialog);
      if (this.#updateListeners.length === 0) void wrapped.respond(wrapped.body === "" ? 200 : 500);
      for (const listener of this.#updateListeners) listener(wrapped);
    });
  }

  get method(): string {
    return this.#request.method;
  }

  get uri(): string {
    return this.#request.uri;
  }

  get body(): string {
    return this.#request.body ?? "";
  }

  get callId(): string {
    return this.header("Call-ID") ?? "";
  }

  get dialogId(): string {
    return this.#request.stackDialogId ?? "";
  }

  get source(): SipSource {
    const { protocol, source_address: address, source_port: port } = this.#request;
    return { protocol: protocol || "udp", address, port };
  }

  header(name: string): string | undefined {
    return this.#request.get(name);
  }

  async respond(status: number, options: ResponseOptions = {}): Promise<boolean> {
    return new Promise((resolve) => this.#send(status, options, (sent) => resolve(sent !== undefined)));
  }

  async accept(options: ResponseOptions): Promise<InviteDialog | undefined> {
    if (this.#cancelled) return undefined;
    return new Promise((resolve) => {
      this.#send(200, options, (sent) => {
        const id = this.#response.stackDialogId ?? "";
        if (sent === undefined || id === "") return resolve(undefined);
        const refresh = refreshOf(sent, "uas", this.header("Allow"));
        // Made in this very turn: the next frame may already be a request in the dialog.
        resolve(
          this.#makeDialog({
            id,
            callId: this.callId,
            localTag: tagOf(sent.get("To") ?? "") ?? "",
            remoteTag: tagOf(this.header("From") ?? "") ?? "",
            remoteBody: this.body,
            ...(refresh === undefined ? {} : { refresh }),
            ...(this.#credentials === undefined ? {} : { credentials: this.#credentials }),
          }),
        );
      });
    });
  }

  get localTag(): string | undefined {
    return this.#localTag;
  }

  authenticateAs(credentials: Credentials): void {
    this.#credentials = credentials;
  }

  onCancel(listener: (reason: string | undefined) => void): void {
    if (this.#cancelled) listener(this.#cancelReason);
    else this.#cancelListeners.push(listener);
  }

  onUpdate(listener: (update: IncomingRequest) => void): void {
    this.#updateListeners.push(listener);
  }

  #send(status: number, options: ResponseOptions, done: (sent: VendorMessage | undefined) => void): void {
    const answers = this.method === "INVITE" && status >= 200 && status < 300;
    const headers = wireHeaders({ ...(answers ? ABILITIES : {}), ...options.headers }, options.body);
    const parts: { headers: Record<string, string>; body?: string } = { headers };
    if (options.body !== undefined && options.body !== "") parts.body = options.body;
    if (this.#response.finalResponseSent || frameBytes(headers, options.body) > MAX_FRAME_BYTES) {
      done(undefined);
      return;
    }
    try {
      this.#response.send(status, options.reason?.replace(/[\r\n]+/g, " ") ?? "", parts, (error, sent) => {
        if (!error && sent !== undefined) this.#localTag = tagOf(sent.get("To") ?? "") ?? this.#localTag;
        done(error ? undefined : sent);
      });
    } catch {
      done(undefined);
    }
  }
}

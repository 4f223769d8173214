/** A confirmed INVITE dialog over the engine (RFC 3261 §12, §14, §15). */
import { reasonText } from "./headers.ts";
import type {
  Credentials,
  DialogEnd,
  DialogHandlers,
  IncomingRequest,
  Reply,
  SipDialog,
  SipHeaders,
} from "./model.ts";
import { localReply } from "./outgoing.ts";

export interface DialogParts {
  readonly id: string;
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
  readonly remoteBody: string;
  readonly credentials?: Credentials;
}

/** Sends a request in the dialog. */
export type DialogSender = (options: {
  readonly dialogId: string;
  readonly method: string;
  readonly headers?: SipHeaders;
  readonly body?: string;
  readonly credentials?: Credentials;
}) => Promise<Reply>;

/** BYE is tried again when no answer came, unless the dialog is unknown to the engine. */
const BYE_TRIES = 2;

export class InviteDialog implements SipDialog {
  readonly id: string;
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
  readonly remoteBody: string;
  readonly #credentials: Credentials | undefined;
  readonly #send: DialogSender;
  readonly #onGone: (dialog: InviteDialog) => void;
  #handlers: DialogHandlers | undefined;
  #waiting: (() => void)[] = [];
  #alive = true;

  constructor(parts: DialogParts, send: DialogSender, onGone: (dialog: InviteDialog) => void) {
    this.id = parts.id;
    this.callId = parts.callId;
    this.localTag = parts.localTag;
    this.remoteTag = parts.remoteTag;
    this.remoteBody = parts.remoteBody;
    this.#credentials = parts.credentials;
    this.#send = send;
    this.#onGone = onGone;
  }

  get alive(): boolean {
    return this.#alive;
  }

  attach(handlers: DialogHandlers): void {
    this.#handlers = handlers;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const run of waiting) run();
  }

  async request(options: { method: string; headers?: SipHeaders; body?: string }): Promise<Reply> {
    if (!this.#alive) return localReply(481, "Dialog is over");
    const credentials = this.#credentials;
    return this.#send({
      dialogId: this.id,
      ...options,
      ...(credentials === undefined ? {} : { credentials }),
    });
  }

  async bye(headers?: SipHeaders): Promise<Reply> {
    if (!this.#alive) return localReply(481, "Dialog is over");
    this.#gone();
    const credentials = this.#credentials;
    let reply = localReply(408, "Request Timeout");
    for (let tries = 0; tries < BYE_TRIES && reply.status === 408; tries++) {
      reply = await this.#send({
        dialogId: this.id,
        method: "BYE",
        ...(headers === undefined ? {} : { headers }),
        ...(credentials === undefined ? {} : { credentials }),
      });
    }
    return reply;
  }

  /** A request of the peer (or of the engine itself) in this dialog. */
  receive(request: IncomingRequest, fromEngine: boolean): void {
    if (request.method === "BYE") {
      if (!fromEngine) void request.respond(200);
      const reason = reasonText(request.header("Reason")) ?? "";
      this.end(fromEngine ? { by: "system", reason, lost: false } : { by: "remote", reason });
      return;
    }
    this.#deliver(() => this.#dispatch(request));
  }

  /** The dialog is over without a request of ours. */
  end(end: DialogEnd): void {
    if (!this.#alive) return;
    this.#gone();
    this.#deliver(() => this.#handlers?.onEnd(end));
  }

  #gone(): void {
    this.#alive = false;
    this.#onGone(this);
  }

  #deliver(run: () => void): void {
    if (this.#handlers === undefined) this.#waiting.push(run);
    else run();
  }

  #dispatch(request: IncomingRequest): void {
    const handlers = this.#handlers;
    switch (request.method) {
      case "ACK":
        handlers?.onAck?.(request.body);
        return;
      case "INVITE":
        if (handlers?.onReoffer) handlers.onReoffer(request);
        else void request.respond(488);
        return;
      case "UPDATE":
        if (request.body !== "" && handlers?.onReoffer) handlers.onReoffer(request);
        else void request.respond(request.body === "" ? 200 : 488);
        return;
      case "INFO":
        if (handlers?.onInfo) handlers.onInfo(request);
        else void request.respond(200);
        return;
      case "REFER":
        if (handlers?.onRefer) handlers.onRefer(request);
        else void request.respond(603);
        return;
      case "NOTIFY":
        handlers?.onNotify?.(request);
        void request.respond(200);
        return;
      case "OPTIONS":
      case "PRACK":
        void request.respond(200);
        return;
      default:
        void request.respond(405);
    }
  }
}

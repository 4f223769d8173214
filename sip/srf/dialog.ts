/** A confirmed INVITE dialog over the engine (RFC 3261 §12, §14, §15). */
import { ABILITIES, reasonText } from "./headers.ts";
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
  /** The session is ours to refresh, see `refreshOf`. */
  readonly refresh?: SessionRefresh;
}

/** A session timer that is ours (RFC 4028). */
export interface SessionRefresh {
  /** The interval agreed on, s. */
  readonly intervalS: number;
  /** When to refresh, ms from now. */
  readonly afterMs: number;
  /** UPDATE where the peer takes it, else a re-INVITE. */
  readonly method: "UPDATE" | "INVITE";
}

/**
 * What a 2xx says about refreshing: `role` is ours in it. Undefined when nobody refreshes or the peer does. We are
 * earlier than the engine, which refreshes at half time by itself but knows no password.
 */
export function refreshOf(
  answer: { get(name: string): string | undefined },
  role: "uac" | "uas",
  peerAllows: string | undefined,
): SessionRefresh | undefined {
  const match = /^\s*(\d{1,9})\s*(?:;.*?\brefresher\s*=\s*(uac|uas))?/i.exec(
    answer.get("Session-Expires") ?? "",
  );
  const refresher = match?.[2]?.toLowerCase() ?? role;
  if (match === null || refresher !== role) return undefined;
  const intervalS = Math.max(90, Number(match[1]));
  const method = /\bUPDATE\b/i.test(peerAllows ?? "") ? "UPDATE" : "INVITE";
  // Far-off times do not fit a timer; the engine keeps the session then.
  return { intervalS, afterMs: Math.min(intervalS * 400, 2 ** 31 - 1), method };
}

/** Sends a request in the dialog. */
export type DialogSender = (options: DialogRequest) => Promise<Reply>;

export interface DialogRequest {
  readonly dialogId: string;
  readonly method: string;
  readonly headers: SipHeaders | undefined;
  readonly body: string | undefined;
  readonly credentials: Credentials | undefined;
}

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
  #refresh: ReturnType<typeof setTimeout> | undefined;

  constructor(parts: DialogParts, send: DialogSender, onGone: (dialog: InviteDialog) => void) {
    this.id = parts.id;
    this.callId = parts.callId;
    this.localTag = parts.localTag;
    this.remoteTag = parts.remoteTag;
    this.remoteBody = parts.remoteBody;
    this.#credentials = parts.credentials;
    this.#send = send;
    this.#onGone = onGone;
    if (parts.refresh !== undefined && parts.credentials !== undefined) this.#refreshLater(parts.refresh);
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
    return this.#send(this.#compose(options.method, options.headers, options.body));
  }

  #compose(method: string, headers?: SipHeaders, body?: string): DialogRequest {
    return { dialogId: this.id, method, headers, body, credentials: this.#credentials };
  }

  #refreshLater(refresh: SessionRefresh): void {
    this.#refresh = setTimeout(() => void this.#refreshNow(refresh), refresh.afterMs);
  }

  /** Keeps a session alive at a peer that may ask for digest (RFC 4028 §7.4): UPDATE without SDP, or a re-INVITE. */
  async #refreshNow(refresh: SessionRefresh): Promise<void> {
    const { intervalS, method } = refresh;
    const headers = { Supported: ABILITIES.Supported, "Session-Expires": `${intervalS};refresher=uac` };
    const reply = await (method === "UPDATE"
      ? this.request({ method, headers })
      : this.#handlers?.onRefresh?.(headers));
    // Refused, or 491 again and again (the engine repeats after it): the engine tries once more at half time.
    if (!this.#alive || reply === undefined || reply.status >= 300) return;
    const next = refreshOf({ get: (name) => reply.header(name) }, "uac", method);
    if (next !== undefined) this.#refreshLater(next);
  }

  async bye(headers?: SipHeaders): Promise<Reply> {
    if (!this.#alive) return localReply(481, "Dialog is over");
    this.#gone();
    let reply = localReply(408, "Request Timeout");
    // Unanswered, or not even sent: the peer must not stay in a call that is over here.
    const again = () => reply.status === 408 || (reply.status === 503 && reply.origin === "local");
    for (let tries = 0; tries < BYE_TRIES && (tries === 0 || again()); tries++) {
      reply = await this.#send(this.#compose("BYE", headers));
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
    clearTimeout(this.#refresh);
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

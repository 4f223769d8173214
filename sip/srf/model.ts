/** SIP as the rest of `sip` sees it: requests in, requests out, dialogs. No type of drachtio-srf passes this file. */

export interface SipSource {
  /** "udp", "tcp", "tls", "ws" or "wss". */
  readonly protocol: string;
  readonly address: string;
  readonly port: number;
}

export type SipHeaders = Readonly<Record<string, string | readonly string[]>>;

export interface ResponseOptions {
  readonly reason?: string;
  readonly headers?: SipHeaders;
  readonly body?: string;
}

/** A request that reached us, outside or inside a dialog. */
export interface IncomingRequest {
  readonly method: string;
  readonly uri: string;
  readonly body: string;
  readonly callId: string;
  readonly source: SipSource;
  /** The engine's dialog id, "" outside a dialog. */
  readonly dialogId: string;
  header(name: string): string | undefined;
  /** Sends a response; false when it could not be sent (transaction gone, connection lost). */
  respond(status: number, options?: ResponseOptions): Promise<boolean>;
  /** INVITE only: 200 with SDP, making the dialog. Undefined when the caller cancelled first. */
  accept(options: ResponseOptions): Promise<SipDialog | undefined>;
  /** INVITE only: what to answer with when the peer challenges requests of ours in the dialog. */
  authenticateAs?(credentials: Credentials): void;
  /** INVITE only: the caller gave up; the engine has answered 487 already. */
  onCancel(listener: (reason: string | undefined) => void): void;
  /** INVITE only: an UPDATE before the answer. */
  onUpdate(listener: (update: IncomingRequest) => void): void;
  /** INVITE only: our tag in the dialog, once a response with one has left. */
  readonly localTag?: string | undefined;
}

/** What names a dialog, early or confirmed (RFC 3261 §12). */
export interface DialogName {
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
}

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export interface Reply {
  readonly status: number;
  readonly reason: string;
  readonly body: string;
  readonly source: SipSource;
  header(name: string): string | undefined;
  /** "network", or "local" when no answer came or nothing could be sent (408, 503 made by us). */
  readonly origin: "network" | "local";
}

export interface RequestOptions {
  readonly method: string;
  readonly uri: string;
  /** Next hop as URI: "sip:192.168.1.20:5060;transport=udp". */
  readonly proxy?: string;
  readonly headers?: SipHeaders;
  readonly body?: string;
  readonly credentials?: Credentials;
  /** INVITE without a body: our answer to the offer in the 200, for the ACK. */
  readonly answerOffer?: (offer: string) => string;
  /** INVITE: an offer of the peer in an UPDATE before the answer; without this it is refused (488). */
  readonly onEarlyOffer?: (update: IncomingRequest) => void;
  /** Responses 101–199. */
  readonly onProvisional?: (reply: Reply) => void;
  /** Call-ID as soon as the request is on its way. */
  readonly onSent?: (callId: string) => void;
}

/** A request we sent outside a dialog. `final` never rejects: failures are replies of origin "local". */
export interface OutgoingRequest {
  readonly final: Promise<Reply>;
  /** INVITE only: CANCEL, now or as soon as it is possible; `final` then gives 487. */
  cancel(headers?: SipHeaders): void;
}

export interface OutgoingInvite extends OutgoingRequest {
  /** The dialog if the call was answered (it is acknowledged), undefined otherwise. */
  readonly dialog: Promise<SipDialog | undefined>;
}

export type DialogEnd =
  | { readonly by: "remote"; readonly reason: string }
  /** The engine ended it (no ACK, session timer) or the connection to the engine was lost. */
  | { readonly by: "system"; readonly reason: string; readonly lost: boolean };

export interface DialogHandlers {
  onEnd(end: DialogEnd): void;
  /** re-INVITE or UPDATE with SDP; answer with `respond`. */
  onReoffer?(request: IncomingRequest): void;
  /**
   * The session is ours to refresh and the peer takes no UPDATE: a re-INVITE with these headers and the voice as it is.
   * Without this, or when nothing could be sent (undefined), the engine refreshes alone.
   */
  onRefresh?(headers: SipHeaders): Promise<Reply | undefined>;
  onInfo?(request: IncomingRequest): void;
  onRefer?(request: IncomingRequest): void;
  onNotify?(request: IncomingRequest): void;
  /** The ACK of the 2xx; body holds an answer in delayed offers. */
  onAck?(body: string): void;
}

/** A confirmed dialog. */
export interface SipDialog {
  readonly id: string;
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
  /** Body of the peer's INVITE or 200. */
  readonly remoteBody: string;
  readonly alive: boolean;
  /** Sets who handles what happens in the dialog; what came before is delivered now. */
  attach(handlers: DialogHandlers): void;
  /** INFO, NOTIFY, re-INVITE …, with digest where asked. Never rejects. */
  request(options: {
    readonly method: string;
    readonly headers?: SipHeaders;
    readonly body?: string;
  }): Promise<Reply>;
  /** BYE. Handlers hear nothing more. */
  bye(headers?: SipHeaders): Promise<Reply>;
}

/** The signalling under registrar, trunks and legs. */
export interface SipStack {
  /** One handler a method, for requests outside dialogs. */
  handle(method: string, handler: (request: IncomingRequest) => void): void;
  request(options: RequestOptions): OutgoingRequest;
  invite(options: RequestOptions): OutgoingInvite;
  /** Live dialogs by id. */
  dialogs(): readonly SipDialog[];
  readonly connected: boolean;
  onConnection(listener: (connected: boolean) => void): () => void;
}

export class SipStackError extends Error {
  constructor(
    readonly code: "frame-too-large" | "not-connected" | "bad-engine-address" | "engine-refused",
    message: string,
  ) {
    super(message);
    this.name = "SipStackError";
  }
}

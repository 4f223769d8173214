/** A signalling stack without a network, for tests of what stands above it. */
import type {
  DialogHandlers,
  IncomingRequest,
  OutgoingInvite,
  OutgoingRequest,
  Reply,
  RequestOptions,
  ResponseOptions,
  SipDialog,
  SipStack,
} from "./model.ts";

export function fakeReply(
  status: number,
  options: Partial<Reply> & { headers?: Record<string, string> } = {},
): Reply {
  const headers = options.headers ?? {};
  return {
    status,
    reason: options.reason ?? "",
    body: options.body ?? "",
    source: options.source ?? { protocol: "udp", address: "192.168.1.20", port: 5060 },
    header: (name) => headers[name],
    origin: options.origin ?? "network",
  };
}

export class FakeDialog implements SipDialog {
  alive = true;
  handlers: DialogHandlers | undefined;
  readonly sent: { method: string; headers?: unknown; body?: string | undefined }[] = [];
  /** What the peer says to requests. */
  reply = fakeReply(200);

  constructor(
    readonly id: string,
    readonly callId: string,
    readonly remoteBody: string,
    readonly localTag = "local",
    readonly remoteTag = "remote",
  ) {}

  attach(handlers: DialogHandlers): void {
    this.handlers = handlers;
  }

  async request(options: { method: string; headers?: unknown; body?: string }): Promise<Reply> {
    this.sent.push(options);
    return this.reply;
  }

  async bye(): Promise<Reply> {
    if (this.alive) this.sent.push({ method: "BYE" });
    this.alive = false;
    return fakeReply(200);
  }
}

export class FakeRequest implements IncomingRequest {
  readonly responses: { status: number; options: ResponseOptions }[] = [];
  readonly dialogId = "";
  dialog: FakeDialog | undefined;
  cancel: (reason?: string) => void = () => {};

  constructor(
    readonly method: string,
    readonly uri: string,
    readonly headers: Record<string, string> = {},
    readonly body = "",
    readonly source = { protocol: "udp", address: "192.168.1.20", port: 5060 },
  ) {}

  get callId(): string {
    return this.headers["Call-ID"] ?? "call-1";
  }

  header(name: string): string | undefined {
    return this.headers[name];
  }

  async respond(status: number, options: ResponseOptions = {}): Promise<boolean> {
    this.responses.push({ status, options });
    return true;
  }

  async accept(options: ResponseOptions): Promise<SipDialog | undefined> {
    this.responses.push({ status: 200, options });
    this.dialog = new FakeDialog(`d-${this.callId}`, this.callId, this.body);
    return this.dialog;
  }

  onCancel(listener: (reason: string | undefined) => void): void {
    this.cancel = listener;
  }

  onUpdate(): void {}

  /** Status codes sent, in order. */
  get statuses(): number[] {
    return this.responses.map((response) => response.status);
  }
}

/** An outgoing INVITE or other request under the test's control. */
export class FakeOutgoing implements OutgoingInvite {
  readonly #final = Promise.withResolvers<Reply>();
  readonly #dialog = Promise.withResolvers<SipDialog | undefined>();
  readonly final = this.#final.promise;
  readonly dialog = this.#dialog.promise;
  cancelled: unknown[] = [];

  constructor(readonly options: RequestOptions) {}

  cancel(headers?: unknown): void {
    this.cancelled.push(headers);
  }

  provisional(status: number, body = ""): void {
    this.options.onProvisional?.(fakeReply(status, { body }));
  }

  finish(reply: Reply): void {
    this.#final.resolve(reply);
    this.#dialog.resolve(undefined);
  }

  answer(body: string, id = "d-out"): FakeDialog {
    const dialog = new FakeDialog(id, `call-${id}`, body);
    this.#dialog.resolve(dialog);
    this.#final.resolve(fakeReply(200, { body }));
    return dialog;
  }
}

export class FakeStack implements SipStack {
  connected = true;
  readonly handlers = new Map<string, (request: IncomingRequest) => void>();
  readonly sent: FakeOutgoing[] = [];
  live: SipDialog[] = [];

  handle(method: string, handler: (request: IncomingRequest) => void): void {
    this.handlers.set(method, handler);
  }

  request(options: RequestOptions): OutgoingRequest {
    return this.invite(options);
  }

  invite(options: RequestOptions): OutgoingInvite {
    const outgoing = new FakeOutgoing(options);
    this.sent.push(outgoing);
    queueMicrotask(() => options.onSent?.(`call-${this.sent.length}`));
    return outgoing;
  }

  dialogs(): readonly SipDialog[] {
    return this.live;
  }

  onConnection(): () => void {
    return () => {};
  }

  receive(request: FakeRequest): FakeRequest {
    this.handlers.get(request.method)?.(request);
    return request;
  }
}

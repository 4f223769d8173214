/** One request of ours with its answers to challenges (RFC 3261 §8.1.3.5, §22.2–22.3; RFC 7616; RFC 8760). */
import { randomBytes } from "node:crypto";
import { answerChallenge, chooseChallenges, parseChallenges } from "./digest.ts";
import { ABILITIES, frameBytes, MAX_FRAME_BYTES, wireHeaders } from "./headers.ts";
import {
  type Credentials,
  type OutgoingRequest,
  type Reply,
  type SipHeaders,
  SipStackError,
} from "./model.ts";
import type {
  VendorAck,
  VendorReply,
  VendorRequest,
  VendorRequestOptions,
  VendorResponse,
} from "./vendor.ts";

/** Hands a request to the engine; throws or calls back with an error when it cannot. */
export type Wire = (
  options: VendorRequestOptions,
  callback: (error: unknown, sent?: VendorRequest) => void,
) => void;

export interface OutgoingOptions {
  readonly method: string;
  /** Request-URI; in a dialog the engine knows it. */
  readonly uri?: string | undefined;
  readonly dialogId?: string | undefined;
  readonly proxy?: string | undefined;
  readonly headers?: SipHeaders | undefined;
  readonly body?: string | undefined;
  readonly credentials?: Credentials | undefined;
  readonly onProvisional?: (reply: Reply) => void;
  readonly onSent?: (callId: string) => void;
  /** An UPDATE of the peer before the answer (RFC 3311); without this one with an offer is refused (488). */
  readonly onUpdate?: (request: VendorRequest, response: VendorResponse) => void;
}

/** Called in the same turn as the final response arrives, before `final` resolves. */
export type OnFinal = (reply: Reply, parts: FinalParts | undefined) => void;

export interface FinalParts {
  readonly request: VendorRequest;
  readonly response: VendorReply;
  readonly ack: VendorAck;
}

/** How often each nonce of a carrier was used: the count must rise (RFC 7616 §3.4). Bounded. */
export class NonceCounts {
  readonly #counts = new Map<string, number>();

  next(nonce: string): number {
    const count = (this.#counts.get(nonce) ?? 0) + 1;
    this.#counts.delete(nonce);
    this.#counts.set(nonce, count);
    if (this.#counts.size > 1000) {
      const oldest = this.#counts.keys().next().value;
      if (oldest !== undefined) this.#counts.delete(oldest);
    }
    return count;
  }
}

export function localReply(status: number, reason: string): Reply {
  return {
    status,
    reason,
    body: "",
    source: { protocol: "", address: "", port: 0 },
    header: () => undefined,
    origin: "local",
  };
}

export function networkReply(response: VendorReply): Reply {
  const address = response.source_address ?? "";
  return {
    status: response.status,
    reason: response.reason,
    body: response.body ?? "",
    source: { protocol: response.protocol ?? "", address, port: response.source_port },
    header: (name) => response.get(name),
    // A time-out or a failure to send comes from the engine itself, without an address.
    origin: address === "" ? "local" : "network",
  };
}

/** The engine's refusals (NOK) as replies. */
function refusalReply(error: unknown): Reply {
  const text = error instanceof Error ? error.message : String(error);
  return /unable to find dialog/i.test(text) ? localReply(481, text) : localReply(503, text);
}

/** Challenges answered for one request at most: a proxy or two, the far end, and a stale nonce of one of them. */
const MAX_ANSWERS = 5;

/** After a CANCEL the peer has this long to end the INVITE; then it is over for us, ms (64·T1 and some). */
const CANCEL_PATIENCE_MS = 40_000;

export class Outgoing implements OutgoingRequest {
  readonly final: Promise<Reply>;
  readonly #wire: Wire;
  readonly #options: OutgoingOptions;
  readonly #onFinal: OnFinal | undefined;
  readonly #counts: NonceCounts;
  readonly #answered = new Set<string>();
  #answers = 0;
  readonly #authorization = new Map<string, { name: string; value: string }>();
  #resolve: (reply: Reply) => void = () => {};
  #settled = false;
  #sent: VendorRequest | undefined;
  #cancelHeaders: SipHeaders | undefined;
  #cancelled = false;
  #patience: ReturnType<typeof setTimeout> | undefined;
  #proxy: string | undefined;

  constructor(wire: Wire, counts: NonceCounts, options: OutgoingOptions, onFinal?: OnFinal) {
    this.#wire = wire;
    this.#counts = counts;
    this.#options = options;
    this.#onFinal = onFinal;
    this.#proxy = options.proxy;
    this.final = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  start(): this {
    this.#attempt(undefined);
    return this;
  }

  get cancelled(): boolean {
    return this.#cancelled;
  }

  /** Ends it from our side, for example when the connection to the engine is gone. */
  fail(status: number, reason: string): void {
    this.#settle(localReply(status, reason), undefined);
  }

  cancel(headers?: SipHeaders): void {
    if (this.#cancelled || this.#settled) return;
    this.#cancelled = true;
    this.#cancelHeaders = headers;
    this.#patience = setTimeout(() => this.fail(487, "Request Terminated"), CANCEL_PATIENCE_MS);
    if (this.#sent !== undefined) this.#sendCancel(this.#sent);
  }

  #sendCancel(sent: VendorRequest): void {
    try {
      sent.cancel({ headers: wireHeaders(this.#cancelHeaders, undefined) }, () => {});
    } catch {
      this.fail(487, "Request Terminated");
    }
  }

  /**
   * `previous`: the challenged request, whose Call-ID, From and CSeq go on (RFC 3261 §8.1.3.5); `cseq` of the answer, as
   * the engine may have sent it again under a higher one.
   */
  #attempt(previous: VendorRequest | undefined, cseq?: string): void {
    const { method, uri, dialogId, body } = this.#options;
    const abilities = method === "INVITE" ? ABILITIES : undefined;
    const headers = {
      ...wireHeaders({ ...abilities, ...this.#options.headers }, body),
      ...this.#credentialLines(),
    };
    if (previous !== undefined && dialogId === undefined) continueFrom(previous, cseq, method, headers);
    if (frameBytes(headers, body) > MAX_FRAME_BYTES) {
      this.fail(513, "Message Too Large");
      return;
    }
    const options: VendorRequestOptions = { method, uri: uri ?? "sip:placeholder", headers };
    if (body !== undefined && body !== "") options.body = body;
    if (dialogId !== undefined) options.stackDialogId = dialogId;
    if (this.#proxy !== undefined) options.proxy = this.#proxy;
    try {
      this.#wire(options, (error, sent) => {
        if (sent === undefined) return this.#settle(refusalReply(error ?? "not sent"), undefined);
        this.#onSent(sent, previous === undefined);
      });
    } catch (error) {
      // Without an engine nothing can leave; all else should not happen and must not pass unseen.
      if (!(error instanceof SipStackError)) console.error(`${method} could not be sent`, error);
      this.#settle(refusalReply(error), undefined);
    }
  }

  /** Authorization and Proxy-Authorization, a line for each challenge answered. */
  #credentialLines(): Record<string, string> {
    const lines = new Map<string, string[]>();
    for (const { name, value } of this.#authorization.values()) {
      lines.set(name, [...(lines.get(name) ?? []), value]);
    }
    return wireHeaders(Object.fromEntries(lines), undefined);
  }

  #onSent(sent: VendorRequest, first: boolean): void {
    this.#sent = sent;
    sent.on("response", (response, ack) => this.#onResponse(sent, response, ack));
    sent.on("update", (request, response) => {
      const { onUpdate } = this.#options;
      if (onUpdate !== undefined) onUpdate(request, response);
      else response.send((request.body ?? "") === "" ? 200 : 488, "", { headers: {} }, () => {});
    });
    if (first) this.#options.onSent?.(sent.get("call-id") ?? "");
    if (this.#cancelled) this.#sendCancel(sent);
  }

  #onResponse(sent: VendorRequest, response: VendorReply, ack: VendorAck): void {
    const reply = networkReply(response);
    if (reply.status < 200) {
      if (response.has("RSeq")) this.#prack(sent, response, ack);
      if (!this.#settled) this.#options.onProvisional?.(reply);
      return;
    }
    if ((reply.status === 401 || reply.status === 407) && !this.#cancelled && this.#authorize(sent, reply)) {
      this.#attempt(sent, reply.header("CSeq"));
      return;
    }
    // The ACK of a 2xx carries the credentials of its INVITE (RFC 3261 §22.1).
    const headers = this.#credentialLines();
    const known = Object.keys(headers).length > 0;
    this.#settle(reply, {
      request: sent,
      response,
      ack: known ? (options) => ack({ ...options, headers: { ...options?.headers, ...headers } }) : ack,
    });
  }

  /** PRACK (RFC 3262 §4); as a request of its own where it may be challenged. */
  #prack(sent: VendorRequest, response: VendorReply, ack: VendorAck): void {
    const { credentials } = this.#options;
    const dialogId = response.stackDialogId ?? "";
    if (credentials === undefined || dialogId === "") return ack();
    // The engine may have sent the INVITE again under another CSeq (RFC 4028 §7.2): its answer names it.
    const rack = `${response.get("RSeq") ?? ""} ${response.get("CSeq") ?? sent.get("cseq") ?? ""}`;
    new Outgoing(this.#wire, this.#counts, {
      method: "PRACK",
      dialogId,
      headers: { RAck: rack },
      credentials,
    }).start();
  }

  /** Prepares credentials; false when there is nothing (new) to answer with. */
  #authorize(sent: VendorRequest, reply: Reply): boolean {
    const { credentials, method, body } = this.#options;
    const proxy = reply.status === 407;
    const value = reply.header(proxy ? "Proxy-Authenticate" : "WWW-Authenticate");
    if (credentials === undefined || value === undefined || this.#answers >= MAX_ANSWERS) return false;
    const challenges = chooseChallenges(parseChallenges(value));
    let fresh = false;
    for (const challenge of challenges) {
      const key = `${reply.status}:${challenge.realm}`;
      const again = this.#answered.has(key);
      if (again && !(challenge.stale && !this.#answered.has(`${key}:stale`))) continue;
      this.#answered.add(again ? `${key}:stale` : key);
      fresh = true;
      const request = { method, uri: sent.uri, body: body ?? "" };
      const count = this.#counts.next(challenge.nonce);
      const cnonce = randomBytes(8).toString("hex");
      this.#authorization.set(key, {
        name: proxy ? "Proxy-Authorization" : "Authorization",
        value: answerChallenge(challenge, credentials, request, count, cnonce),
      });
    }
    if (fresh) this.#answers++;
    if (fresh && this.#options.dialogId === undefined && reply.source.address !== "") this.#pin(reply);
    return fresh;
  }

  /** The second try must reach the server that knows the nonce, not another address of the same name. */
  #pin(reply: Reply): void {
    const hop = this.#proxy ?? this.#options.uri ?? "";
    if (/(?:@|sips?:)(?:\d{1,3}(?:\.\d{1,3}){3}|\[)/.test(hop)) return;
    const { address, port, protocol } = reply.source;
    // TLS needs the name for the certificate, and the connection that is open is used again anyway.
    if (protocol === "tls") return;
    const loose = /;lr\b/i.test(hop) ? ";lr" : "";
    const host = address.includes(":") ? `[${address}]` : address;
    this.#proxy = `sip:${host}:${port};transport=${protocol || "udp"}${loose}`;
  }

  #settle(reply: Reply, parts: FinalParts | undefined): void {
    if (this.#settled) {
      // A late 2xx must still be acknowledged by the owner, who will end it.
      if (parts !== undefined && reply.status < 300) this.#onFinal?.(reply, parts);
      return;
    }
    this.#settled = true;
    clearTimeout(this.#patience);
    this.#onFinal?.(reply, parts);
    this.#resolve(reply);
  }
}

function continueFrom(
  previous: VendorRequest,
  cseq: string | undefined,
  method: string,
  headers: Record<string, string>,
): void {
  for (const name of Object.keys(headers)) {
    if (["from", "call-id", "cseq"].includes(name.toLowerCase())) delete headers[name];
  }
  const seq = Number.parseInt(cseq ?? previous.get("cseq") ?? "1", 10);
  headers.CSeq = `${seq + 1} ${method}`;
  headers["call-id"] = previous.get("call-id") ?? "";
  headers.From = previous.get("from") ?? "";
}

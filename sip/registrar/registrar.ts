/** The registrar (RFC 3261 §10): who may register, what is kept, what phones are told. */

import type { DeviceState, Directory, EndpointCredentials, RegistrationRow } from "../directory.ts";
import { parseAddress } from "../engine/message/address.ts";
import { parseCSeq } from "../engine/message/fields.ts";
import { decodeUser, parseUri } from "../engine/message/uri.ts";
import type { Authenticator } from "../srf/authenticator.ts";
import type { IncomingRequest, SipHeaders, SipStack } from "../srf/model.ts";
import { type AddressSet, formatSource } from "../srf/network.ts";
import { routeValues } from "../srf/route.ts";
import { decideBatch } from "./batch.ts";
import {
  contactLines,
  DEFAULT_LIMITS,
  type RegisterDecision,
  type RegisterLimits,
  type RegisterRequest,
} from "./bindings.ts";
import { DeviceWatch } from "./devices.ts";

export interface RegistrarOptions {
  readonly stack: SipStack;
  readonly directory: Directory;
  readonly authenticator: Authenticator;
  /** Sources from which every extension may register. */
  readonly lan: AddressSet;
  readonly limits?: Partial<RegisterLimits>;
  /** OPTIONS to each device, ms between two; 0 = none. */
  readonly keepAliveMs?: number;
  readonly fromUri?: string;
  readonly now?: () => number;
  /** Runs the save of what one turn of the event loop has gathered. */
  readonly defer?: (run: () => void) => void;
  /** An error worth a log line (saving failed). */
  readonly onError?: (message: string, error: unknown) => void;
}

/** REGISTERs saved in one commit at most: the office must not wait for a whole town's phones. */
const BATCH = 64;
/** REGISTERs waiting to be saved at most. */
const MAX_WAITING = 2000;

export class Registrar {
  readonly #o: RegistrarOptions;
  readonly #limits: RegisterLimits;
  readonly #now: () => number;
  readonly #watch: DeviceWatch;
  readonly #defer: (run: () => void) => void;
  #waiting: { readonly request: IncomingRequest; readonly register: RegisterRequest }[] = [];
  #dateSecond = -1;
  #dateText = "";
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: RegistrarOptions) {
    this.#o = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#now = options.now ?? Date.now;
    this.#defer = options.defer ?? ((run) => setImmediate(run));
    this.#watch = new DeviceWatch(options.stack, {
      keepAliveMs: options.keepAliveMs ?? 30_000,
      now: this.#now,
      fromUri: options.fromUri ?? "sip:zongji@localhost",
    });
    options.stack.handle("REGISTER", (request) => this.#onRegister(request));
  }

  /** Takes the saved registrations up, so that calls reach phones before they register again. */
  start(): void {
    this.reload();
    this.#timer = setInterval(() => this.tick(), 1000);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Reads the registrations anew: those the office has deleted are forgotten. */
  reload(): void {
    const now = this.#now();
    const byExtension = new Map<number, RegistrationRow[]>();
    for (const row of this.#o.directory.loadRegistrations()) {
      if (row.expiresAt <= now) continue;
      byExtension.set(row.extensionId, [...(byExtension.get(row.extensionId) ?? []), row]);
    }
    for (const id of new Set([...this.#watch.extensions(), ...byExtension.keys()])) {
      this.#watch.set(id, byExtension.get(id) ?? []);
    }
  }

  deviceState(extensionId: number): DeviceState {
    return this.#watch.state(extensionId);
  }

  /** Extensions with at least one live binding. */
  registered(): number[] {
    return this.#watch.extensions();
  }

  /** Bindings to ring, see DeviceWatch.reachable. */
  reachable(extensionId: number): RegistrationRow[] {
    return this.#watch.reachable(extensionId);
  }

  /** Whether a registered device sends from here ("udp:192.168.1.20:5060"). */
  isDevice(source: string): boolean {
    return this.#watch.hasSource(source);
  }

  onDevice(listener: (state: DeviceState) => void): () => void {
    return this.#watch.onChange(listener);
  }

  /** Ends what has expired and sends keep-alives that are due. */
  tick(): void {
    this.#forget(this.#watch.expire());
    this.#o.authenticator.sweep();
    this.#watch.tick();
  }

  #onRegister(request: IncomingRequest): void {
    const verdict = this.#o.authenticator.check({
      method: "REGISTER",
      uri: request.uri,
      body: request.body,
      credentials: request.header("Authorization"),
      sourceAddress: request.source.address,
      sourcePort: request.source.port,
      userAgent: request.header("User-Agent"),
    });
    if (verdict.kind === "challenge") {
      void request.respond(401, { headers: { "WWW-Authenticate": verdict.challenges } });
      return;
    }
    // Unknown user, wrong password, another's number, from outside: one answer tells a stranger nothing.
    if (verdict.kind === "refused" || !this.#allowed(request, verdict.endpoint)) {
      void request.respond(403);
      return;
    }
    this.#register(request, verdict.endpoint);
  }

  #allowed(request: IncomingRequest, endpoint: EndpointCredentials): boolean {
    const to = parseAddress(request.header("To") ?? "");
    const uri = to === undefined ? undefined : parseUri(to.uri);
    if (uri === undefined || decodeUser(uri) !== endpoint.number) return false;
    return endpoint.allowRemote || this.#o.lan.has(request.source.address);
  }

  /** Takes a proven REGISTER into the batch of this moment. */
  #register(request: IncomingRequest, endpoint: EndpointCredentials): void {
    if (this.#waiting.length >= MAX_WAITING) {
      // More than can be kept in time: come back later (RFC 3261 §21.5.4).
      void request.respond(503, { headers: { "Retry-After": String(5 + Math.floor(Math.random() * 25)) } });
      return;
    }
    const path = routeValues(request.header("Path"));
    if (path === undefined) {
      void request.respond(400, { reason: "Malformed Path" });
      return;
    }
    this.#waiting.push({
      request,
      register: {
        extensionId: endpoint.extensionId,
        number: endpoint.number,
        callId: request.callId,
        cseq: parseCSeq(request.header("CSeq") ?? "")?.sequence ?? 0,
        contact: request.header("Contact"),
        expires: request.header("Expires"),
        source: formatSource(request.source),
        userAgent: (request.header("User-Agent") ?? "").slice(0, 200),
        path,
      },
    });
    if (this.#waiting.length === 1) this.#defer(() => this.#flush());
  }

  /** Decides and saves what this turn of the event loop has brought, in one commit; then the answers leave. */
  #flush(): void {
    const batch = this.#waiting.slice(0, BATCH);
    this.#waiting = this.#waiting.slice(BATCH);
    if (this.#waiting.length > 0) this.#defer(() => this.#flush());
    const now = this.#now();
    const outcome = decideBatch(
      batch.map(({ register }) => register),
      (extensionId) => this.#watch.bindings(extensionId),
      this.#limits,
      now,
    );
    const { changes } = outcome;
    let durable: Promise<void> | undefined;
    try {
      if (changes.saved.length + changes.removed.length > 0)
        durable = this.#o.directory.saveRegistrations(changes);
    } catch (error) {
      this.#unsaved(batch, error);
      return;
    }
    for (const [extensionId, rows] of outcome.bindings) this.#watch.set(extensionId, rows, changes.saved);
    const answer = (): void => {
      for (const [index, { request }] of batch.entries()) {
        const decision = outcome.decisions[index];
        if (decision !== undefined) this.#answer(request, decision, now);
      }
    };
    if (durable === undefined) answer();
    else durable.then(answer, (error: unknown) => this.#unsaved(batch, error));
  }

  #unsaved(batch: readonly { readonly request: IncomingRequest }[], error: unknown): void {
    this.#o.onError?.(`${batch.length} registrations could not be saved`, error);
    for (const { request } of batch) void request.respond(500);
  }

  #answer(request: IncomingRequest, decision: RegisterDecision, now: number): void {
    if (decision.kind === "refused") {
      const headers: SipHeaders =
        decision.status === 423 ? { "Min-Expires": String(this.#limits.minExpiresS) } : {};
      void request.respond(decision.status, { reason: decision.reason, headers });
      return;
    }
    const contacts = contactLines(decision.bindings, now);
    const path = request.header("Path");
    void request.respond(200, {
      headers: {
        ...(contacts.length > 0 ? { Contact: contacts } : {}),
        // The proxies on the way learn that their Path was taken (RFC 3327 §5.3).
        ...(path === undefined || path === "" ? {} : { Path: path }),
        Date: this.#date(now),
      },
    });
  }

  /** The Date header, written once a second. */
  #date(now: number): string {
    const second = Math.floor(now / 1000);
    if (second !== this.#dateSecond) {
      this.#dateSecond = second;
      this.#dateText = new Date(now).toUTCString();
    }
    return this.#dateText;
  }

  #forget(rows: readonly RegistrationRow[]): void {
    if (rows.length === 0) return;
    const unkept = (error: unknown): void =>
      this.#o.onError?.("Expired registrations could not be removed", error);
    try {
      this.#o.directory.saveRegistrations({ saved: [], removed: rows })?.catch(unkept);
    } catch (error) {
      unkept(error);
    }
  }
}

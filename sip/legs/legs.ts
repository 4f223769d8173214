/** The appliance's vocabulary over SIP: see `Legs` in model.ts. */
import { randomUUID } from "node:crypto";
import type { MediaLegs, MediaPort } from "../media/model.ts";
import { familyOf } from "../media/sdp.ts";
import type { Registrar } from "../registrar/registrar.ts";
import type { Authenticator } from "../srf/authenticator.ts";
import { parseCredentials } from "../srf/digest.ts";
import type { IncomingRequest, SipStack } from "../srf/model.ts";
import { type AddressSet, formatSource } from "../srf/network.ts";
import { callerIdentity, dialledNumber } from "../trunks/identity.ts";
import type { Trunk } from "../trunks/trunk.ts";
import type { Trunks } from "../trunks/trunks.ts";
import { LegGoneError } from "./errors.ts";
import { IncomingLeg } from "./incoming-leg.ts";
import type { FoundLeg, Leg, LegParts } from "./leg.ts";
import { callerMedia, type LegMedia, offerProblem, trunkMedia, warningHeader } from "./media-choice.ts";
import type { DialSpec, LegEndCause, LegEvent, LegId, LegSource, Legs, Refusal } from "./model.ts";
import { OutgoingLeg, type OutgoingPlan } from "./outgoing-leg.ts";
import { extensionPlan, ProvenMedia, trunkPlan } from "./plans.ts";
import { decideReplaces } from "./replaces.ts";
import { SilenceWatch } from "./silence.ts";
import type { ReplacesTarget } from "./transfer.ts";

export interface LegServiceOptions {
  readonly stack: SipStack;
  readonly media: MediaLegs & Pick<MediaPort, "onEvent">;
  readonly registrar: Registrar;
  readonly trunks: Trunks;
  readonly authenticator: Authenticator;
  readonly realm: string;
  readonly lan: AddressSet;
  /** Whether strangers may call this number; absent: none. */
  readonly openTo?: (dialled: string) => boolean;
  /** Whether anything has come from the network about this call, a 100 too; true when nobody knows. */
  readonly heardOf?: (callId: string) => Promise<boolean>;
  readonly now?: () => number;
  readonly onError?: (message: string, error: unknown) => void;
}

/** Calls of strangers at once: they must not take the lines of customers. */
const MOST_STRANGERS = 4;

export class LegService implements Legs {
  readonly #o: LegServiceOptions;
  readonly #now: () => number;
  readonly #legs = new Map<LegId, Leg>();
  readonly #channels = new Map<LegId, Trunk>();
  /** Calls of strangers. */
  readonly #strangers = new Set<LegId>();
  /** Calls that have another trunk to go to when this one is silent. */
  readonly #silences = new Map<LegId, SilenceWatch>();
  readonly #proven = new ProvenMedia();
  readonly #listeners = new Set<(event: LegEvent) => void>();
  /** Dialogs seen without a leg at the last look; the second look ends them. */
  #strays = new Set<string>();

  constructor(options: LegServiceOptions) {
    this.#o = options;
    this.#now = options.now ?? Date.now;
    options.stack.handle("INVITE", (request) => this.#onInvite(request));
    options.media.onEvent((event) => {
      if (event.type === "digit") this.#legs.get(event.leg)?.digit(event.digit, "rfc4733", event.at);
      if (event.type === "silent") void this.#legs.get(event.leg)?.askIfThere();
      if (event.type !== "media-lost") return;
      for (const leg of event.legs) void this.#legs.get(leg)?.hangup("media", "system");
    });
  }

  onEvent(listener: (event: LegEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async ring(leg: LegId, options: { readonly earlyMedia?: boolean } = {}): Promise<void> {
    const found = this.#legs.get(leg);
    if (found instanceof IncomingLeg) await found.ring(options.earlyMedia === true).catch(() => {});
  }

  async answer(leg: LegId): Promise<void> {
    const found = this.#legs.get(leg);
    if (!(found instanceof IncomingLeg)) throw new LegGoneError(leg);
    await found.answer();
  }

  refuse(leg: LegId, refusal: Refusal): void {
    const found = this.#legs.get(leg);
    if (found instanceof IncomingLeg) found.refuse(refusal);
  }

  hangup(leg: LegId, cause?: LegEndCause): void {
    void this.#legs.get(leg)?.hangup(cause);
  }

  transferResult(leg: LegId, result: { readonly status: number; readonly reason: string }): void {
    this.#legs.get(leg)?.transferResult(result.status, result.reason);
  }

  sendDigits(leg: LegId, digits: string): void {
    this.#legs.get(leg)?.sendDigits(digits);
  }

  dial(spec: DialSpec): void {
    if (this.#legs.has(spec.leg)) {
      this.#o.onError?.(`Leg ${spec.leg} is dialled twice`, undefined);
      return;
    }
    const plan = this.#plan(spec);
    const failed = "cause" in plan ? plan : undefined;
    const empty: OutgoingPlan = { forks: [], earlyMedia: false, timeoutMs: 1, silentCause: "timeout" };
    const leg = new OutgoingLeg(
      this.#parts(spec.leg, spec.target.kind === "extension"),
      this.#o.stack,
      "cause" in plan ? empty : plan,
    );
    this.#legs.set(spec.leg, leg);
    // Never within the command itself: the caller first notes that it has dialled.
    queueMicrotask(() => {
      if (failed !== undefined) leg.fail(failed.cause, failed.reason);
      else void leg.start();
    });
  }

  alive(): ReturnType<Legs["alive"]> {
    const owned = new Set<string>();
    for (const leg of [...this.#legs.values()]) {
      const { dialog } = leg;
      if (dialog === undefined) continue;
      owned.add(dialog.id);
      if (!dialog.alive) void leg.hangup("lost", "system");
    }
    const strays = this.#o.stack.dialogs().filter((dialog) => !owned.has(dialog.id));
    for (const dialog of strays) if (this.#strays.has(dialog.id)) void dialog.bye();
    this.#strays = new Set(strays.map((dialog) => dialog.id));
    return [...this.#legs.values()].map((leg) => leg.alive());
  }

  get size(): number {
    return this.#legs.size;
  }

  /** Ends everything, for a clean stop; resolves when all have said goodbye or after `patienceMs`. */
  async stop(patienceMs: number): Promise<void> {
    const goodbyes = [...this.#legs.values()].map((leg) => leg.hangup("normal", "system"));
    const patience = new Promise((resolve) => setTimeout(resolve, goodbyes.length > 0 ? patienceMs : 0));
    await Promise.race([Promise.all(goodbyes), patience]);
  }

  #parts(id: LegId, ours: boolean): LegParts {
    return {
      id,
      ours,
      media: this.#o.media,
      now: this.#now,
      emit: (event) => this.#emit(event),
      onEnd: (leg) => this.#onEnd(leg),
      findDialog: (target) => this.#find(target, IncomingLeg),
    };
  }

  #emit(event: LegEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#o.onError?.(`A listener failed on "${event.type}"`, error);
      }
    }
  }

  #onEnd(leg: Leg): void {
    this.#legs.delete(leg.id);
    this.#strangers.delete(leg.id);
    this.#silences.get(leg.id)?.stop();
    this.#silences.delete(leg.id);
    this.#channels.get(leg.id)?.release();
    this.#channels.delete(leg.id);
  }

  /** How to place a call, or why it cannot be placed. */
  #plan(spec: DialSpec): OutgoingPlan | { cause: LegEndCause; reason: string } {
    const { target } = spec;
    if (target.kind === "extension") {
      const devices = this.#o.registrar.reachable(target.extensionId);
      if (devices.length === 0) return { cause: "unreachable", reason: "No device registered" };
      return extensionPlan(spec, devices, this.#proven);
    }
    const trunk = this.#o.trunks.get(target.trunkId);
    if (trunk === undefined || !trunk.config.enabled)
      return { cause: "unreachable", reason: "Trunk is switched off" };
    if (spec.onlyIfUp === true && !trunk.usable)
      return { cause: "unreachable", reason: trunk.state().reason || "Trunk is down" };
    const taken = trunk.acquireOutgoing();
    if (!taken.ok) return { cause: "congestion", reason: taken.reason };
    this.#channels.set(spec.leg, trunk);
    const plan = trunkPlan(spec, trunk);
    if (spec.onlyIfUp !== true) return plan;
    const silence = new SilenceWatch({
      trunk,
      giveUp: () => void this.#legs.get(spec.leg)?.hangup("timeout", "system"),
      heard: () => this.#heardOf(spec.leg),
    });
    this.#silences.set(spec.leg, silence);
    return {
      ...plan,
      onTraffic: (answered, reason) => {
        silence.stop();
        plan.onTraffic?.(answered, reason);
      },
    };
  }

  /** Whether anything at all came back to the INVITEs of a leg. */
  async #heardOf(id: LegId): Promise<boolean> {
    const leg = this.#legs.get(id);
    const { heardOf } = this.#o;
    if (!(leg instanceof OutgoingLeg) || heardOf === undefined) return true;
    return (await Promise.all(leg.sipCallIds.map((callId) => heardOf(callId)))).some((heard) => heard);
  }

  #onInvite(request: IncomingRequest): void {
    const trunk = this.#sender(request);
    if (trunk !== undefined) {
      trunk.traffic(true);
      if (!trunk.acquire()) {
        void request.respond(503, { reason: "All Channels In Use", headers: { "Retry-After": "10" } });
        return;
      }
      const { id, name } = trunk.config;
      // What we send in the dialog of a call that came in may be challenged all the same.
      if (trunk.credentials !== undefined) request.authenticateAs?.(trunk.credentials);
      const source: LegSource = { kind: "trunk", trunkId: id, name, address: request.source.address };
      this.#incoming(
        request,
        source,
        callerIdentity(request, true),
        dialledNumber(request, trunk.contactUser),
        trunk,
      );
      return;
    }
    const verdict = this.#o.authenticator.check({
      method: "INVITE",
      uri: request.uri,
      body: request.body,
      credentials: request.header("Authorization") ?? request.header("Proxy-Authorization"),
      sourceAddress: request.source.address,
      sourcePort: request.source.port,
      userAgent: request.header("User-Agent"),
    });
    const { address } = request.source;
    if (verdict.kind === "challenge") {
      if (this.#welcomes(request))
        this.#incoming(
          request,
          { kind: "anonymous", address },
          callerIdentity(request, false),
          dialledNumber(request),
        );
      else void request.respond(401, { headers: { "WWW-Authenticate": verdict.challenges } });
      return;
    }
    if (verdict.kind === "refused" || !(verdict.endpoint.allowRemote || this.#o.lan.has(address))) {
      void request.respond(403);
      return;
    }
    const { extensionId, number, name } = verdict.endpoint;
    const caller = { number, name: name !== "" ? name : callerIdentity(request, false).name };
    this.#incoming(
      request,
      { kind: "extension", extensionId, number, address },
      caller,
      dialledNumber(request),
    );
  }

  /** A call of a stranger to a number that is open to all; whoever brings credentials is no stranger. */
  #welcomes(request: IncomingRequest): boolean {
    if ((request.header("Authorization") ?? request.header("Proxy-Authorization")) !== undefined)
      return false;
    return this.#strangers.size < MOST_STRANGERS && this.#o.openTo?.(dialledNumber(request)) === true;
  }

  /** The trunk a call comes from. A phone on the same address is told apart by its registration or its credentials. */
  #sender(request: IncomingRequest): Trunk | undefined {
    const given = request.header("Authorization") ?? request.header("Proxy-Authorization");
    if (given !== undefined && parseCredentials(given, this.#o.realm) !== undefined) return undefined;
    const trunk = this.#o.trunks.match(request);
    if (trunk === undefined || this.#o.registrar.isDevice(formatSource(request.source))) return undefined;
    return trunk;
  }

  #incoming(
    request: IncomingRequest,
    source: LegSource,
    caller: { readonly number: string; readonly name: string },
    dialled: string,
    trunk?: Trunk,
  ): void {
    const id = `in-${randomUUID()}`;
    const replaces = decideReplaces(request.header("Replaces"), source.kind, (target) =>
      this.#find(target, OutgoingLeg),
    );
    if (replaces.kind === "refuse") {
      trunk?.release();
      void request.respond(replaces.status, { reason: replaces.reason });
      return;
    }
    const media =
      trunk === undefined
        ? this.#callerMedia(request, source)
        : trunkMedia(trunk.config, familyOf(request.source.address));
    const problem = offerProblem(request.body, media.limits);
    if (problem !== undefined || (dialled === "" && replaces.kind === "none")) {
      trunk?.release();
      if (problem === undefined) void request.respond(404);
      else void request.respond(488, { headers: warningHeader(problem) });
      return;
    }
    if (trunk !== undefined) this.#channels.set(id, trunk);
    const leg = new IncomingLeg(this.#parts(id, source.kind === "extension"), request, media);
    if (leg.isEnded) return;
    this.#legs.set(id, leg);
    if (source.kind === "anonymous") this.#strangers.add(id);
    this.#emit({
      type: "incoming",
      leg: id,
      source,
      dialled,
      callerNumber: caller.number,
      callerName: caller.name,
      sipCallId: request.callId,
      ...(replaces.kind === "take" ? { replaces: replaces.leg } : {}),
      at: this.#now(),
    });
  }

  /** A device that leaves the offer to us is offered what it took before. */
  #callerMedia(request: IncomingRequest, source: LegSource): LegMedia {
    const from = formatSource(request.source);
    const devices = source.kind === "extension" ? this.#o.registrar.reachable(source.extensionId) : [];
    const contact = devices.find((device) => device.source === from)?.contact;
    const media = callerMedia({ source: from, contact: contact ?? "" }, this.#proven.get(contact ?? ""));
    if (contact === undefined) return media;
    return { ...media, onTaken: ({ security }) => this.#proven.set(contact, security ?? "none") };
  }

  /** The leg with this dialog: an answered one, or one of `kind` that still rings. */
  #find(target: ReplacesTarget, kind: typeof IncomingLeg | typeof OutgoingLeg): FoundLeg | undefined {
    for (const leg of this.#legs.values()) {
      const found = leg.isNamed(target);
      if (found !== undefined && (!found.early || leg instanceof kind)) return found;
    }
    return undefined;
  }
}

/** What test phones and test carriers share: an engine of their own on a port of their own, and calls over it. */

import { SrfFacade } from "../srf/facade.ts";
import { type LaunchedEngine, launchEngine } from "../srf/launch.ts";
import type { Credentials, IncomingRequest, SipHeaders } from "../srf/model.ts";
import { callerIdentity, dialledNumber } from "../trunks/identity.ts";
import { TestAudio } from "./audio.ts";
import { TestCall } from "./call.ts";

/** What happens to a call that comes in. */
export type Behaviour =
  | { readonly kind: "answer"; readonly afterMs: number }
  | { readonly kind: "refuse"; readonly status: number; readonly reason?: string; readonly afterMs?: number }
  | { readonly kind: "ring" }
  /** No response at all but the engine's own 100. */
  | { readonly kind: "ignore" };

export interface TestAgentOptions {
  /** Own address; default 127.0.0.1. */
  readonly address?: string;
  /** Own SIP port; default any free one. */
  readonly port?: number;
  readonly transport?: "udp" | "tcp";
  /** Own tone in calls, Hz. */
  readonly hz?: number | null;
  readonly pattern?: "continuous" | "beeps";
  /** It knows no telephone-event: keys are tones in the voice. */
  readonly keysAsTones?: boolean;
  /** Tones to listen for, Hz. */
  readonly listenFor?: readonly number[];
  /** For calls that come in; default: answer after 200 ms. */
  readonly behaviour?:
    | Behaviour
    | ((call: { readonly dialled: string; readonly caller: string }) => Behaviour);
}

export class TestAgent {
  readonly calls: TestCall[] = [];
  readonly facade = new SrfFacade();
  readonly address: string;
  readonly transport: "udp" | "tcp";
  behaviour: NonNullable<TestAgentOptions["behaviour"]>;
  /** Own tone and keys of the calls to come, see the options. */
  hz: number | null;
  keysAsTones: boolean;
  readonly #options: TestAgentOptions;
  readonly #listeners = new Set<(call: TestCall) => void>();
  #engine: LaunchedEngine | undefined;
  #port = 0;

  constructor(options: TestAgentOptions) {
    this.#options = options;
    this.address = options.address ?? "127.0.0.1";
    this.transport = options.transport ?? "udp";
    this.hz = options.hz ?? null;
    this.keysAsTones = options.keysAsTones === true;
    this.behaviour = options.behaviour ?? { kind: "answer", afterMs: 200 };
  }

  /** The bound SIP port. */
  get port(): number {
    return this.#port;
  }

  async open(): Promise<void> {
    this.facade.handle("INVITE", (invite) => void this.#onInvite(invite));
    const host = this.address.includes(":") ? `[${this.address}]` : this.address;
    this.#engine = await launchEngine({
      contacts: [`sip:${host}:${this.#options.port ?? 0};transport=${this.transport}`],
      worker: false,
      undefended: true,
    });
    await this.facade.connect(this.#engine.agent);
    const own = this.facade.hostports.find((text) => text.startsWith(`${this.transport}/`));
    this.#port = Number(/:(\d+)$/.exec(own ?? "")?.[1] ?? 0);
  }

  /** Calls as they come in or are placed. */
  onCall(listener: (call: TestCall) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async place(options: {
    readonly uri: string;
    readonly number: string;
    readonly headers: SipHeaders;
    readonly credentials?: Credentials;
    /** Send the INVITE without SDP. */
    readonly delayedOffer?: boolean;
  }): Promise<TestCall> {
    const call = new TestCall("out", options.number, await this.#audio());
    this.#add(call);
    call.follow(
      this.facade.invite({
        method: "INVITE",
        uri: options.uri,
        headers: options.headers,
        ...(options.delayedOffer === true
          ? { answerOffer: () => call.audio.sdp() }
          : { body: call.audio.sdp() }),
        ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
        onProvisional: (reply) => call.provisional(reply),
      }),
    );
    return call;
  }

  /** Hangs up what is up, then ends the engine. */
  async stop(): Promise<void> {
    await Promise.race([
      Promise.all(this.calls.map((call) => call.hangup())),
      new Promise((resolve) => setTimeout(resolve, 1000)),
    ]);
    this.facade.stop();
    await this.#engine?.stop();
  }

  /** Ends at once without a word to anybody, like a phone whose cable is cut. */
  async vanish(): Promise<void> {
    await this.#engine?.stop({ silent: true });
    this.facade.stop();
    for (const call of this.calls) call.audio.close();
  }

  async #audio(): Promise<TestAudio> {
    const { pattern, listenFor } = this.#options;
    return TestAudio.open({
      address: this.address,
      hz: this.hz,
      ...(pattern === undefined ? {} : { pattern }),
      ...(this.keysAsTones ? { eventType: null } : {}),
      ...(listenFor === undefined ? {} : { listenFor }),
    });
  }

  #add(call: TestCall): void {
    this.calls.push(call);
    for (const listener of this.#listeners) listener(call);
  }

  async #onInvite(invite: IncomingRequest): Promise<void> {
    const caller = callerIdentity(invite, true).number;
    const dialled = dialledNumber(invite);
    const behaviour =
      typeof this.behaviour === "function" ? this.behaviour({ dialled, caller }) : this.behaviour;
    const call = new TestCall("in", caller, await this.#audio());
    const auto = /answer-after\s*=\s*0|alert-autoanswer/i.test(
      `${invite.header("Call-Info") ?? ""} ${invite.header("Alert-Info") ?? ""}`,
    );
    call.receive(invite, behaviour.kind === "answer" || behaviour.kind === "ring" || auto);
    this.#add(call);
    if (auto) call.answerAfter(0);
    else if (behaviour.kind === "answer") call.answerAfter(behaviour.afterMs);
    else if (behaviour.kind === "refuse") {
      setTimeout(() => call.refuse(behaviour.status, behaviour.reason), behaviour.afterMs ?? 0);
    }
  }
}

/** Built-in phones and carriers for the demo office, the doctor and tests: real SIP and real audio, no sound card. */
import { escapeUser } from "../engine/message/uri.ts";
import type { Reply, SipHeaders } from "../srf/model.ts";
import { TestAgent, type TestAgentOptions } from "./agent.ts";
import type { TestCall } from "./call.ts";

export type { Behaviour, TestAgentOptions } from "./agent.ts";
export type { HeardTone, TestAudioOptions } from "./audio.ts";
export { TestCall, type TestCallEnd, type TestCallState } from "./call.ts";

export interface TestPhoneOptions extends TestAgentOptions {
  /** Extension number and SIP user. */
  readonly number: string;
  readonly name?: string;
  readonly password: string;
  /** The exchange. */
  readonly server: { readonly address: string; readonly port: number };
  /** Seconds to ask for; the phone registers again at half of what it got. */
  readonly expiresS?: number;
}

export interface TestCarrierOptions extends TestAgentOptions {
  /** The exchange, for calls to it. */
  readonly server: { readonly address: string; readonly port: number };
}

export class TestPhoneError extends Error {
  readonly code = "not-registered";
  constructor(readonly reply: Reply) {
    super(`The exchange refused to register the test phone: ${reply.status} ${reply.reason}`);
    this.name = "TestPhoneError";
  }
}

function hostPort(server: { address: string; port: number }): string {
  return `${server.address.includes(":") ? `[${server.address}]` : server.address}:${server.port}`;
}

/** A phone of an extension. */
export class TestPhone extends TestAgent {
  readonly number: string;
  readonly #o: TestPhoneOptions;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #registered = false;

  constructor(options: TestPhoneOptions) {
    super(options);
    this.#o = options;
    this.number = options.number;
  }

  get registered(): boolean {
    return this.#registered;
  }

  /** One REGISTER (with its challenge); gives the final response. */
  async register(expiresS = this.#o.expiresS ?? 300): Promise<Reply> {
    const user = escapeUser(this.number);
    const server = hostPort(this.#o.server);
    const reply = await this.facade.request({
      method: "REGISTER",
      uri: `sip:${server};transport=${this.transport}`,
      headers: {
        From: `<sip:${user}@${server}>`,
        To: `<sip:${user}@${server}>`,
        Contact: `<sip:${user}@${hostPort(this)};transport=${this.transport}>`,
        Expires: String(expiresS),
        "User-Agent": "Zongji test phone",
      },
      credentials: { username: this.number, password: this.#o.password },
    }).final;
    this.#registered = reply.status === 200 && expiresS > 0;
    clearTimeout(this.#timer);
    if (this.#registered) {
      const granted = Number(/expires=(\d+)/i.exec(reply.header("Contact") ?? "")?.[1] ?? expiresS);
      this.#timer = setTimeout(() => void this.register(), granted * 500);
    }
    return reply;
  }

  /** Dials through the exchange. */
  dial(
    number: string,
    options: { readonly delayedOffer?: boolean; readonly headers?: SipHeaders } = {},
  ): Promise<TestCall> {
    const server = hostPort(this.#o.server);
    const name = this.#o.name === undefined ? "" : `"${this.#o.name.replace(/["\\]/g, "")}" `;
    return this.place({
      uri: `sip:${escapeUser(number)}@${server};transport=${this.transport}`,
      number,
      headers: { From: `${name}<sip:${escapeUser(this.number)}@${server}>`, ...options.headers },
      credentials: { username: this.number, password: this.#o.password },
      delayedOffer: options.delayedOffer === true,
    });
  }

  override async stop(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#registered) await this.register(0);
    await super.stop();
  }

  override async vanish(): Promise<void> {
    clearTimeout(this.#timer);
    await super.vanish();
  }
}

/** A carrier that exchanges calls by IP address and registers nothing. */
export class TestCarrier extends TestAgent {
  readonly #o: TestCarrierOptions;

  constructor(options: TestCarrierOptions) {
    super(options);
    this.#o = options;
  }

  /** Calls the office: `caller` dials the DID `number`. */
  dial(
    number: string,
    caller: string,
    options: { readonly name?: string; readonly delayedOffer?: boolean } = {},
  ): Promise<TestCall> {
    const server = hostPort(this.#o.server);
    const name = options.name === undefined ? "" : `"${options.name.replace(/["\\]/g, "")}" `;
    return this.place({
      uri: `sip:${escapeUser(number)}@${server};transport=${this.transport}`,
      number,
      headers: { From: `${name}<sip:${escapeUser(caller)}@${hostPort(this)}>` },
      delayedOffer: options.delayedOffer === true,
    });
  }
}

/** Starts a phone and registers it. @throws TestPhoneError when the exchange refuses. */
export async function createTestPhone(
  options: TestPhoneOptions & { readonly register?: boolean },
): Promise<TestPhone> {
  const phone = new TestPhone(options);
  await phone.open();
  if (options.register === false) return phone;
  const reply = await phone.register();
  if (reply.status !== 200) {
    await phone.vanish();
    throw new TestPhoneError(reply);
  }
  return phone;
}

export async function createTestCarrier(options: TestCarrierOptions): Promise<TestCarrier> {
  const carrier = new TestCarrier(options);
  await carrier.open();
  return carrier;
}

/** A leg service between a fake stack and fake media, for tests. */
import type { Directory, RegistrationRow, TrunkConfig } from "../directory.ts";
import { UnsupportedMediaError } from "../media/errors.ts";
import type { MediaEvent, MediaLegs, MediaPort, OfferOptions } from "../media/model.ts";
import { Registrar } from "../registrar/registrar.ts";
import { Authenticator } from "../srf/authenticator.ts";
import { answerChallenge, parseChallenges } from "../srf/digest.ts";
import { FakeRequest, FakeStack } from "../srf/fake.ts";
import { AddressSet, PRIVATE_RANGES } from "../srf/network.ts";
import { extension, trunkConfig } from "../test-support.ts";
import { Trunks } from "../trunks/trunks.ts";
import { LegService } from "./legs.ts";
import type { DialSpec, LegEvent } from "./model.ts";

export const SDP = "v=0\r\nm=audio 4000 RTP/AVP 8\r\n";
const endpoint = extension();
const carrier = trunkConfig({
  id: 7,
  kind: "ip",
  host: "10.9.9.9",
  username: "",
  password: "",
  maxCalls: 1,
  registerExpiresS: 300,
});
const row = (contact: string): RegistrationRow => ({
  extensionId: 1,
  number: "1001",
  contact,
  source: "udp:192.168.1.20:5060",
  userAgent: "",
  callId: contact,
  cseq: 1,
  instance: "",
  registeredAt: 0,
  expiresAt: Number.MAX_SAFE_INTEGER,
});

export class FakeMedia implements MediaLegs {
  readonly released: string[] = [];
  listener: (event: MediaEvent) => void = () => {};
  readonly offers: { options: OfferOptions | undefined; branch: string | undefined }[] = [];
  readonly digits: string[] = [];
  acceptedBranch: string | undefined;
  readonly answers: string[] = [];
  limits: OfferOptions | undefined;
  async acceptOffer(_leg: string, offer: string, limits?: OfferOptions) {
    this.limits = limits;
    return { answer: `answer:${offer.length}`, codec: "PCMA" };
  }
  async makeOffer(_leg: string, options?: OfferOptions, branch?: string) {
    this.offers.push({ options, branch });
    return `offer:${options?.security ?? "none"}`;
  }
  /** Answers with this in them are refused. */
  refuses: string | undefined;
  async acceptAnswer(_leg: string, answer: string, branch?: string) {
    if (this.refuses !== undefined && answer.includes(this.refuses)) throw new UnsupportedMediaError("no");
    this.acceptedBranch = branch;
    this.answers.push(answer);
    const direction = answer.includes("sendonly") ? ("sendonly" as const) : ("sendrecv" as const);
    return { codec: "PCMU", direction };
  }
  async reoffer(_leg: string, offer: string) {
    const direction = offer.includes("sendonly") ? ("sendonly" as const) : ("sendrecv" as const);
    return { answer: "re", direction };
  }
  async release(leg: string) {
    this.released.push(leg);
  }
  sendDigits(_leg: string, digits: string) {
    this.digits.push(digits);
  }
  onEvent: MediaPort["onEvent"] = (listener) => {
    this.listener = listener;
    return () => {};
  };
}

export function setUp(
  contacts: string[] = ["sip:1001@192.168.1.20"],
  over: { trunk?: Partial<TrunkConfig>; sources?: readonly string[] } = {},
) {
  const stack = new FakeStack();
  const directory: Directory = {
    realm: "zongji",
    endpointByUser: (user) => (user === "1001" ? endpoint : undefined),
    trunks: () => [{ ...carrier, ...over.trunk }],
    loadRegistrations: () =>
      contacts.map((contact, i) => ({
        ...row(contact),
        ...(over.sources?.[i] ? { source: over.sources[i] } : {}),
      })),
    saveRegistrations: () => undefined,
  };
  const authenticator = new Authenticator(directory);
  const lan = new AddressSet(PRIVATE_RANGES);
  const registrar = new Registrar({ stack, directory, authenticator, lan });
  registrar.reload();
  const trunks = new Trunks({ stack, directory, resolve: async () => [] });
  trunks.reload();
  const media = new FakeMedia();
  const legs = new LegService({ stack, media, registrar, trunks, authenticator, realm: "zongji", lan });
  const events: LegEvent[] = [];
  legs.onEvent((event) => events.push(event));
  return { stack, media, legs, events, trunks, types: () => events.map((event) => event.type) };
}
export const settle = async (): Promise<void> => {
  for (let i = 0; i < 30; i++) await Promise.resolve();
};
export const fromTrunk = (body = SDP, headers: Record<string, string> = {}) =>
  new FakeRequest("INVITE", "sip:4001@zongji", { From: "<sip:138@c>", ...headers }, body, {
    protocol: "udp",
    address: "10.9.9.9",
    port: 5060,
  });
/** An INVITE of extension 1001 to 1002, with the challenge before it answered. */
export function fromPhone(
  stack: FakeStack,
  headers: Record<string, string>,
  body = SDP,
  source = { protocol: "udp", address: "192.168.1.20", port: 5060 },
): FakeRequest {
  const uri = "sip:1002@zongji";
  const first = stack.receive(new FakeRequest("INVITE", uri, headers, body, source));
  const lines = first.responses[0]?.options.headers?.["WWW-Authenticate"];
  const challenge = parseChallenges(String(lines))[0];
  if (challenge === undefined) throw new Error("no challenge");
  const request = { method: "INVITE", uri, body };
  const Authorization = answerChallenge(challenge, { username: "1001", password: "pw" }, request, 1, "c");
  return stack.receive(new FakeRequest("INVITE", uri, { ...headers, Authorization }, body, source));
}
export const dial = (over: Partial<DialSpec> = {}): DialSpec => ({
  leg: "L",
  target: { kind: "extension", extensionId: 1, number: "1001" },
  callerNumber: "138",
  timeoutMs: 60_000,
  ...over,
});
export const toTrunk = { kind: "trunk", trunkId: 7, number: "10086" } as const;

/**
 * Setting legs up: each is one rtpengine call (call-id = leg id) between the party and its channel in the port.
 * Whoever made the INVITE, the party's tag is "party" and the channel's is "port".
 */

import { orderCodecs, sameCodec } from "./codecs.ts";
import { packetsFrom } from "./counts.ts";
import {
  MediaUnavailableError,
  RtpengineRefusedError,
  RtpengineTimeoutError,
  UnsupportedMediaError,
} from "./errors.ts";
import type { MediaLegs, OfferOptions } from "./model.ts";
import { usableOffer } from "./offer.ts";
import type { PortClient } from "./port-client.ts";
import type { NgDictionary, RtpengineClient } from "./rtpengine.ts";
import {
  type AudioDescription,
  type Direction,
  describeAudio,
  type Family,
  mirrored,
  portSdp,
  requireKeys,
  requireKnownCodec,
  rtpengineName,
  SessionVersion,
} from "./sdp.ts";
import {
  keepsSecurity,
  offeredPlain,
  offerTransport,
  PORT_TRANSPORT,
  partyTransport,
  withoutKeys,
} from "./transport.ts";

export interface LegSettings {
  /** Address in our o= lines. */
  readonly address: string;
  /** The same for parties that speak IPv6; absent: none can be spoken with. */
  readonly address6?: string;
  /** Offered to parties, first is preferred. */
  readonly codecs: readonly string[];
  /** rtpengine's interface names, null with a single interface. */
  readonly sides: { readonly party: string; readonly port: string } | null;
  /** Hears how many voice packets came from the party of a leg that was released. */
  readonly onCounted?: (leg: string, packetsIn: number) => void;
}

/** One call of rtpengine: the party, or one of the devices that may become it. */
interface Branch {
  /** rtpengine's call-id. */
  readonly call: string;
  readonly version: SessionVersion;
  readonly options: OfferOptions;
  /** What the party's description said last; null before its first. */
  party: AudioDescription | null;
}

interface LegState {
  /** Gives the port of the channel. */
  readonly opening: Promise<number>;
  port: number;
  readonly branches: Map<string, Branch>;
  /** rtpengine lost this leg's calls. */
  lost: boolean;
  /** Set-up steps of one leg run one after another. */
  work: Promise<unknown> | null;
}

const LOOPBACK = "127.0.0.1";
const EVENT_TYPE = 101;
/** The branch of a leg with one party. */
const ONLY = "";

export class RtpengineLegs implements MediaLegs {
  readonly #settings: LegSettings;
  readonly #port: () => PortClient;
  readonly #client: () => RtpengineClient | null;
  readonly #legs = new Map<string, LegState>();

  constructor(settings: LegSettings, port: () => PortClient, client: () => RtpengineClient | null) {
    this.#settings = settings;
    this.#port = port;
    this.#client = client;
  }

  /** Ids of all legs. */
  get ids(): readonly string[] {
    return [...this.#legs.keys()];
  }

  acceptOffer(
    leg: string,
    offer: string,
    limits: OfferOptions = {},
  ): Promise<{ readonly answer: string; readonly codec: string }> {
    return this.#inTurn(leg, async (state) => {
      const { answer, codec } = await this.#answerParty(
        leg,
        state,
        branchOf(leg, state, ONLY, limits),
        offer,
      );
      return { answer, codec };
    });
  }

  reoffer(leg: string, offer: string): Promise<{ readonly answer: string; readonly direction: Direction }> {
    return this.#inTurn(leg, async (state) => {
      const branch = branchOf(leg, state, currentOf(state));
      const { answer, direction } = await this.#answerParty(leg, state, branch, offer);
      return { answer, direction };
    });
  }

  makeOffer(leg: string, options: OfferOptions = {}, name?: string): Promise<string> {
    return this.#inTurn(leg, async (state) => {
      const branch = branchOf(leg, state, name ?? currentOf(state), options);
      const { codecs: wanted, dtmf, family, security } = branch.options;
      const codecs = wanted?.length ? wanted : this.#settings.codecs;
      const others = codecs.filter((codec) => !sameCodec(codec, "PCMA")).map(rtpengineName);
      const reply = await this.#command("offer", branch, {
        "from-tag": "port",
        ...(branch.party ? { "to-tag": "party" } : {}),
        sdp: portSdp(LOOPBACK, state.port, dtmf === "inband" ? null : EVENT_TYPE),
        ...this.#direction("port", "party"),
        "address-family": this.#reachable(branch.party?.family ?? family),
        ...(others.length > 0
          ? { codec: { transcode: others, ...(others.length === codecs.length ? { mask: ["PCMA"] } : {}) } }
          : {}),
        ...(branch.party ? partyTransport(branch.party) : offerTransport(security)),
      });
      const sdp = String(reply.sdp);
      return branch.version.stamp(orderCodecs(sdp, describeAudio(sdp), codecs), this.#settings);
    });
  }

  acceptAnswer(
    leg: string,
    answer: string,
    given?: string,
  ): Promise<{ readonly codec: string; readonly direction: Direction }> {
    return this.#inTurn(leg, async (state) => {
      const name = given ?? currentOf(state);
      const branch = branchOf(leg, state, name);
      const plain = offeredPlain(branch.options.security, branch.party) ? withoutKeys(answer) : answer;
      const party = describeAudio(plain);
      requireKnownCodec(party);
      requireKeys(party);
      this.#reachable(party.family);
      if (!keepsSecurity(branch.options.security, party))
        throw new UnsupportedMediaError(`answered ${party.protocol} to another kind of offer`, 302);
      const reply = await this.#command("answer", branch, {
        "from-tag": "port",
        "to-tag": "party",
        sdp: plain,
        ...PORT_TRANSPORT,
      });
      branch.party = party;
      for (const [other, { call }] of [...state.branches]) {
        if (other === name) continue;
        state.branches.delete(other);
        void this.#forget(call);
      }
      this.#connect(leg, branch, describeAudio(String(reply.sdp)), party);
      return { codec: party.codecs.find((codec) => codec.known)?.name ?? "", direction: party.direction };
    });
  }

  async release(leg: string): Promise<void> {
    const state = this.#legs.get(leg);
    if (!state) return;
    this.#legs.delete(leg);
    this.#port().send({ do: "close", leg });
    await state.work?.catch(() => {});
    // A set-up step that was under way may have opened the channel only now.
    this.#port().send({ do: "close", leg });
    const calls = [...state.branches.values()].map(({ call }) => call);
    // A `delete` without tags counts nothing any more: asked before.
    const packets = state.lost || !this.#settings.onCounted ? null : await this.#counted(calls);
    await Promise.all(calls.map((call) => this.#forget(call)));
    if (packets !== null) this.#settings.onCounted?.(leg, packets);
  }

  /** Voice packets that came from the party of a living leg so far; null when nobody knows. */
  async packetsIn(leg: string): Promise<number | null> {
    return this.#counted([...(this.#legs.get(leg)?.branches.values() ?? [])].map(({ call }) => call));
  }

  async #counted(calls: readonly string[]): Promise<number | null> {
    const asked = calls.map((call) =>
      this.#client()
        ?.command("query", { "call-id": call })
        .catch(() => null),
    );
    return sumOf(await Promise.all(asked));
  }

  sendDigits(leg: string, digits: string): void {
    if (this.#legs.has(leg)) this.#port().send({ do: "keys", leg, digits });
  }

  /** rtpengine or the port died: all legs are dead until released. Returns those that lived. */
  loseAll(): string[] {
    const living = [...this.#legs].filter(([, state]) => !state.lost).map(([leg]) => leg);
    for (const state of this.#legs.values()) state.lost = true;
    return living;
  }

  /** Deletes rtpengine's calls that are none of ours. Returns how many there were. */
  async sweep(): Promise<number> {
    const client = this.#client();
    if (!client) return 0;
    const before = this.#calls();
    const reply = await client.command("list", { limit: "10000" });
    const calls = Array.isArray(reply.calls) ? reply.calls.map(String) : [];
    const now = this.#calls();
    const strangers = calls.filter((call) => !before.has(call) && !now.has(call));
    for (const call of strangers) await this.#forget(call);
    return strangers.length;
  }

  #calls(): Set<string> {
    return new Set(
      [...this.#legs.values()].flatMap((state) => [...state.branches.values()].map(({ call }) => call)),
    );
  }

  /** The party offered: rtpengine offers to the channel, the channel's answer goes back. */
  async #answerParty(leg: string, state: LegState, branch: Branch, offer: string) {
    const { party, kept } = usableOffer(offer, branch.options);
    this.#reachable(party.family);
    const hasPcma = party.codecs.some((codec) => sameCodec(codec.name, "PCMA"));
    const inband = branch.options.dtmf === "inband";
    const transcode = [
      ...(hasPcma ? [] : ["PCMA"]),
      ...(party.eventType === null && !inband ? ["telephone-event"] : []),
    ];
    const codec: NgDictionary = {
      ...(transcode.length > 0 ? { transcode } : {}),
      // Without the mask rtpengine would expect the channel to take the party's own codec.
      ...(hasPcma ? {} : { mask: party.codecs.map((each) => each.name) }),
    };
    const offered = await this.#command("offer", branch, {
      "from-tag": "party",
      ...(branch.party ? { "to-tag": "port" } : {}),
      sdp: kept,
      ...this.#direction("party", "port"),
      "address-family": "IP4",
      ...(Object.keys(codec).length > 0 ? { codec } : {}),
      ...PORT_TRANSPORT,
    });
    const towardsPort = describeAudio(String(offered.sdp));
    const pcma = towardsPort.codecs.find((each) => sameCodec(each.name, "PCMA"));
    if (pcma?.payloadType !== 8) throw new UnsupportedMediaError("no common codec");
    const answered = await this.#command("answer", branch, {
      "from-tag": "party",
      "to-tag": "port",
      sdp: portSdp(LOOPBACK, state.port, towardsPort.eventType, mirrored(party.direction), towardsPort),
      ...partyTransport(party),
    });
    branch.party = party;
    this.#connect(leg, branch, towardsPort, party);
    const answer = branch.version.stamp(String(answered.sdp), this.#settings);
    return { answer, codec: describeAudio(answer).codecs[0]?.name ?? "", direction: party.direction };
  }

  #connect(leg: string, branch: Branch, side: AudioDescription, party: AudioDescription): void {
    const inband = branch.options.dtmf === "inband";
    this.#port().send({
      do: "connect",
      leg,
      remote: {
        address: LOOPBACK,
        port: side.port,
        eventType: side.eventType,
        // rtpengine turns tones into events for a party without them, but not events into tones.
        tonesOut: inband || party.eventType === null,
        tonesIn: inband,
        talking: party.direction === "sendrecv",
        sending: party.direction === "sendrecv" || party.direction === "recvonly",
      },
    });
  }

  #direction(from: "party" | "port", to: "party" | "port"): NgDictionary {
    const { sides } = this.#settings;
    return sides ? { direction: [sides[from], sides[to]] } : {};
  }

  /** The family, when we can speak with it. @throws UnsupportedMediaError (Warning 300, RFC 3261 §20.43) */
  #reachable(family: Family = "IP4"): Family {
    if (family === "IP6" && this.#settings.address6 === undefined)
      throw new UnsupportedMediaError("no voice over IPv6 here", 300);
    return family;
  }

  /** Runs a step after those before it; the first opens the channel. */
  #inTurn<T>(leg: string, step: (state: LegState) => Promise<T>): Promise<T> {
    const known = this.#legs.get(leg);
    const state: LegState = known ?? {
      opening: this.#open(leg),
      port: 0,
      branches: new Map(),
      lost: false,
      work: null,
    };
    if (known === undefined) this.#legs.set(leg, state);
    const result = this.#run(leg, state, step);
    state.work = result;
    return result;
  }

  async #run<T>(leg: string, state: LegState, step: (state: LegState) => Promise<T>): Promise<T> {
    const before = state.work;
    if (state.lost) throw new MediaUnavailableError("the media of this leg was lost");
    try {
      state.port = await state.opening;
    } catch (error) {
      if (this.#legs.get(leg) === state) this.#legs.delete(leg);
      throw error;
    }
    if (this.#legs.get(leg) !== state) {
      this.#port().send({ do: "close", leg });
      throw new MediaUnavailableError("the leg ended");
    }
    await before?.catch(() => {});
    return step(state);
  }

  #open(leg: string): Promise<number> {
    const opening = this.#port().open(leg);
    opening.catch(() => {});
    return opening;
  }

  async #command(name: "offer" | "answer", branch: Branch, dict: NgDictionary): Promise<NgDictionary> {
    const client = this.#client();
    if (!client) throw new MediaUnavailableError("rtpengine is down");
    try {
      return await client.command(name, { "call-id": branch.call, replace: ["origin"], ...dict });
    } catch (error) {
      if (error instanceof RtpengineTimeoutError) throw new MediaUnavailableError(error.message);
      if (error instanceof RtpengineRefusedError) {
        if (/ran out of ports|load|limit/i.test(error.message))
          throw new MediaUnavailableError(error.message);
        throw new UnsupportedMediaError(error.message);
      }
      throw error;
    }
  }

  /** Without tags: with them rtpengine may keep the call. */
  async #forget(call: string): Promise<void> {
    // Unknown calls and a daemon that is down have nothing left to delete; the sweep finds the rest.
    await this.#client()
      ?.command("delete", { "call-id": call })
      .catch(() => {});
  }
}

function sumOf(replies: readonly (NgDictionary | null | undefined)[]): number | null {
  const known = replies.flatMap((reply) => (reply ? (packetsFrom(reply, "party") ?? []) : []));
  return known.length === 0 ? null : known.reduce((sum, packets) => sum + packets, 0);
}

/** The branch whose answer was taken; of a leg without any yet the one with a single party. */
function currentOf(state: LegState): string {
  const [name = ONLY] = state.branches.keys();
  return name;
}

/** The branch of that name, made with `options` if it is new. */
function branchOf(leg: string, state: LegState, name: string, options: OfferOptions = {}): Branch {
  const known = state.branches.get(name);
  if (known) return known;
  const call = name === ONLY ? leg : `${leg}~${name}`;
  const before = options.instead === undefined ? undefined : state.branches.get(options.instead);
  const version = before?.version ?? new SessionVersion();
  const branch: Branch = { call, version, options, party: null };
  state.branches.set(name, branch);
  return branch;
}

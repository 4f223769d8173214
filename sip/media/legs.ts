/**
 * Setting legs up: each is one rtpengine call (call-id = leg id) between the party and its channel in the port.
 * Whoever made the INVITE, the party's tag is "party" and the channel's is "port".
 */
import {
  MediaUnavailableError,
  RtpengineRefusedError,
  RtpengineTimeoutError,
  UnsupportedMediaError,
} from "./errors.ts";
import type { MediaLegs } from "./model.ts";
import type { PortClient } from "./port-client.ts";
import type { NgDictionary, RtpengineClient } from "./rtpengine.ts";
import {
  type AudioDescription,
  type Direction,
  describeAudio,
  mirrored,
  portSdp,
  requireKnownCodec,
  rtpengineName,
  SessionVersion,
} from "./sdp.ts";

export interface LegSettings {
  /** Address in our o= lines. */
  readonly address: string;
  /** Offered to parties, first is preferred; PCMA is always among them. */
  readonly codecs: readonly string[];
  /** rtpengine's interface names, null with a single interface. */
  readonly sides: { readonly party: string; readonly port: string } | null;
}

interface LegState {
  readonly port: number;
  readonly version: SessionVersion;
  /** What the party's description said last; null before its first. */
  party: AudioDescription | null;
  /** rtpengine lost this call. */
  lost: boolean;
  /** Set-up steps of one leg run one after another. */
  work: Promise<unknown>;
}

const LOOPBACK = "127.0.0.1";
const EVENT_TYPE = 101;

/** Keys of an ng command towards a browser (facts: SAVPF with ICE and DTLS) or towards a plain phone. */
function partyTransport(party: AudioDescription): NgDictionary {
  if (party.webrtc) {
    return {
      "transport-protocol": "UDP/TLS/RTP/SAVPF",
      ICE: "force",
      "rtcp-mux": ["require"],
      SDES: ["off"],
      flags: ["generate-mid", "full-rtcp-attribute"],
    };
  }
  return { "transport-protocol": party.protocol, ICE: "remove", flags: ["no-rtcp-attribute"] };
}

const PORT_TRANSPORT: NgDictionary = {
  "transport-protocol": "RTP/AVP",
  ICE: "remove",
  DTLS: "off",
  "rtcp-mux": ["demux"],
  flags: ["strip-extmap", "no-rtcp-attribute"],
};

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

  acceptOffer(leg: string, offer: string): Promise<{ readonly answer: string; readonly codec: string }> {
    return this.#inTurn(leg, async (state) => {
      const { answer, codec } = await this.#answerParty(leg, state, offer);
      return { answer, codec };
    });
  }

  reoffer(leg: string, offer: string): Promise<{ readonly answer: string; readonly direction: Direction }> {
    return this.#inTurn(leg, async (state) => {
      const { answer, direction } = await this.#answerParty(leg, state, offer);
      return { answer, direction };
    });
  }

  makeOffer(leg: string): Promise<string> {
    return this.#inTurn(leg, async (state) => {
      const others = this.#settings.codecs
        .filter((codec) => codec.toUpperCase() !== "PCMA")
        .map(rtpengineName);
      const reply = await this.#command("offer", leg, {
        "from-tag": "port",
        ...(state.party ? { "to-tag": "party" } : {}),
        sdp: portSdp(LOOPBACK, state.port, EVENT_TYPE),
        ...this.#direction("port", "party"),
        ...(others.length > 0 ? { codec: { transcode: others } } : {}),
        ...(state.party ? partyTransport(state.party) : { ICE: "remove", flags: ["no-rtcp-attribute"] }),
      });
      return state.version.stamp(String(reply.sdp), this.#settings.address);
    });
  }

  acceptAnswer(leg: string, answer: string): Promise<{ readonly codec: string }> {
    return this.#inTurn(leg, async (state) => {
      const party = describeAudio(answer);
      requireKnownCodec(party);
      const reply = await this.#command("answer", leg, {
        "from-tag": "port",
        "to-tag": "party",
        sdp: answer,
        ...PORT_TRANSPORT,
      });
      state.party = party;
      this.#connect(leg, describeAudio(String(reply.sdp)), party.direction);
      return { codec: party.codecs.find((codec) => codec.known)?.name ?? "" };
    });
  }

  async release(leg: string): Promise<void> {
    const state = this.#legs.get(leg);
    if (!state) return;
    this.#legs.delete(leg);
    this.#port().send({ do: "close", leg });
    await state.work.catch(() => {});
    // A set-up step that was under way may have opened the channel only now.
    this.#port().send({ do: "close", leg });
    await this.#forget(leg);
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
    const before = new Set(this.#legs.keys());
    const reply = await client.command("list", { limit: "10000" });
    const calls = Array.isArray(reply.calls) ? reply.calls.map(String) : [];
    const strangers = calls.filter((call) => !before.has(call) && !this.#legs.has(call));
    for (const call of strangers) await this.#forget(call);
    return strangers.length;
  }

  /** The party offered: rtpengine offers to the channel, the channel's answer goes back. */
  async #answerParty(leg: string, state: LegState, offer: string) {
    const party = describeAudio(offer);
    requireKnownCodec(party);
    const hasPcma = party.codecs.some((codec) => codec.name.toUpperCase() === "PCMA");
    const transcode = [
      ...(hasPcma ? [] : ["PCMA"]),
      ...(party.eventType === null ? ["telephone-event"] : []),
    ];
    const codec: NgDictionary = {
      ...(transcode.length > 0 ? { transcode } : {}),
      // Without the mask rtpengine would expect the channel to take the party's own codec.
      ...(hasPcma ? {} : { mask: party.codecs.map((each) => each.name) }),
    };
    const tags = { "from-tag": "party", ...(state.party ? { "to-tag": "port" } : {}) };
    const offered = await this.#command("offer", leg, {
      ...tags,
      sdp: offer,
      ...this.#direction("party", "port"),
      ...(Object.keys(codec).length > 0 ? { codec } : {}),
      ...PORT_TRANSPORT,
    });
    const towardsPort = describeAudio(String(offered.sdp));
    const pcma = towardsPort.codecs.find((each) => each.name.toUpperCase() === "PCMA");
    if (pcma?.payloadType !== 8) throw new UnsupportedMediaError("no common codec");
    const direction = mirrored(party.direction);
    const answered = await this.#command("answer", leg, {
      "from-tag": "party",
      "to-tag": "port",
      sdp: portSdp(LOOPBACK, state.port, towardsPort.eventType, direction),
      ...partyTransport(party),
    });
    state.party = party;
    this.#connect(leg, towardsPort, party.direction);
    const answer = state.version.stamp(String(answered.sdp), this.#settings.address);
    return { answer, codec: describeAudio(answer).codecs[0]?.name ?? "", direction: party.direction };
  }

  #connect(leg: string, side: AudioDescription, partyDirection: Direction): void {
    this.#port().send({
      do: "connect",
      leg,
      remote: {
        address: LOOPBACK,
        port: side.port,
        eventType: side.eventType,
        sending: partyDirection === "sendrecv" || partyDirection === "recvonly",
      },
    });
  }

  #direction(from: "party" | "port", to: "party" | "port"): NgDictionary {
    const { sides } = this.#settings;
    return sides ? { direction: [sides[from], sides[to]] } : {};
  }

  async #inTurn<T>(leg: string, step: (state: LegState) => Promise<T>): Promise<T> {
    let state = this.#legs.get(leg);
    if (state?.lost) throw new MediaUnavailableError("the media of this leg was lost");
    if (!state) {
      const opening = this.#port().open(leg);
      const placeholder: LegState = {
        port: 0,
        version: new SessionVersion(),
        party: null,
        lost: false,
        work: opening,
      };
      this.#legs.set(leg, placeholder);
      try {
        const opened: LegState = { ...placeholder, port: await opening };
        if (this.#legs.get(leg) !== placeholder) {
          this.#port().send({ do: "close", leg });
          throw new MediaUnavailableError("the leg ended");
        }
        this.#legs.set(leg, opened);
        state = opened;
      } catch (error) {
        if (this.#legs.get(leg) === placeholder) this.#legs.delete(leg);
        throw error;
      }
    }
    const current = state;
    const result = current.work.catch(() => {}).then(() => step(current));
    current.work = result;
    return result;
  }

  async #command(name: "offer" | "answer", leg: string, dict: NgDictionary): Promise<NgDictionary> {
    const client = this.#client();
    if (!client) throw new MediaUnavailableError("rtpengine is down");
    try {
      return await client.command(name, { "call-id": leg, replace: ["origin"], ...dict });
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

import type { SipHeader, SipRequest, SipResponse, TransportProtocol } from "../message/model.ts";
import type { ClientTransaction, Destination, ServerTransaction, Timer } from "../transaction/index.ts";
import type { SendTarget } from "../transport/model.ts";
import type { CallRecord } from "./records.ts";

/** An app connection as the core needs it; AgentClient is one. */
export interface AppPort {
  readonly connected: boolean;
  /** How the app names itself. */
  readonly tags?: readonly string[];
  sip(leader: string, message: Uint8Array): void;
  reply(messageId: string, text: string, message?: Uint8Array): void;
  event(leader: string, message: Uint8Array): void;
}

/** Where a request goes: the way and the address it names. */
export interface Hop {
  readonly target: SendTarget;
  readonly destination: Destination;
  /** Of a connection to a TLS server: the name it was certified under, if it was asked for by name. */
  readonly serverName?: string;
}

/** Retransmission in progress. */
export interface Repeat {
  cancel(): void;
}

/** A 2xx to an INVITE that waits for its ACK (RFC 3261 §13.3.1.4). */
export interface UnackedAnswer {
  readonly cseq: number;
  readonly txnId: string;
  readonly transaction: ServerTransaction;
  readonly response: SipResponse;
  readonly repeat: Repeat;
  readonly deadline: Timer;
}

/** A 2xx to our INVITE: waits for the app's ACK, then keeps it for repeats of the 2xx. */
export interface AnsweredInvite {
  readonly cseq: number;
  readonly invite: SipRequest;
  ack?: SipRequest;
  hop?: Hop;
  /** Further ways of the ACK: a 2xx that comes again says that the last one led nowhere. */
  spare?: readonly Hop[];
  deadline?: Timer;
  /** The app cancelled before the 2xx came: BYE follows the ACK. */
  readonly byeAfterAck: boolean;
}

/** RFC 3261 §12, for INVITE and SUBSCRIBE usages. */
export interface Dialog {
  /** `CALL-ID;from-tag=TAG`, the name the app knows. */
  readonly dlg: string;
  readonly role: "uac" | "uas";
  readonly kind: "INVITE" | "SUBSCRIBE";
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
  /** From (requests of ours) with our tag, and To with theirs. */
  readonly local: string;
  readonly remote: string;
  readonly client: AppPort;
  /** Transaction id the app knows the dialog-making request by. */
  readonly txnId: string;
  readonly protocol: TransportProtocol;
  /** Our Contact value. */
  contact: string;
  state: "early" | "confirmed" | "ended";
  /** Our BYE is on its way: nothing is offered any more (RFC 3261 §15.1.1). */
  leaving?: boolean;
  localSeq: number;
  remoteSeq: number;
  remoteTarget: string;
  routes: readonly string[];
  /** Fixed next hop: the packet's source (NAT) or the peer's connection. */
  hop?: Hop;
  /** Where the peer's last answer or request that made the dialog came from. */
  peer?: Pick<Destination, "address">;
  /** Open INVITE of theirs and of ours, and open UPDATE of theirs. */
  inviteIn?: ServerTransaction;
  inviteOut?: ClientTransaction;
  updateIn?: ServerTransaction;
  /** Open UPDATE of ours that carries an offer. */
  updateOut?: ClientTransaction;
  /** Whose offer of the dialog-making INVITE has no answer yet; for UPDATE in early dialogs (RFC 3311 §5.2). */
  offer?: "ours" | "theirs";
  unacked?: UnackedAnswer;
  answered?: AnsweredInvite;
  /** A reliable provisional whose PRACK may still come after the final response. */
  latePrack?: { readonly rseq: number; readonly cseq: number };
  /** Requests of ours held back until the ACK of our 2xx is here. */
  afterAck?: (() => void)[];
  /** Offers of ours held back until another exchange is over. */
  heldOffers?: HeldOffer[];
  session?: SessionTimer;
  /** Of SUBSCRIBE dialogs: the Event, the end, whether a NOTIFY came, and the time that counts from then on, s. */
  event?: string;
  expiry?: Timer;
  notified?: boolean;
  grantedSeconds?: number;
  /** Body of our last offer or answer, for session refreshes. */
  localSdp?: Uint8Array;
  /** Of answered calls, while records are asked for. */
  call?: CallRecord;
}

/** An offer of ours that waits for its turn. */
export interface HeldOffer {
  readonly run: () => void;
  readonly deadline: Timer;
}

export interface SessionTimer {
  /** Refreshes refused with 422 so far. */
  readonly raised?: number;
  /** When the interval began, ms. */
  readonly since: number;
  readonly expires: number;
  readonly weRefresh: boolean;
  timer?: Timer;
}

/** A reliable provisional response that waits for its PRACK (RFC 3262). */
export interface ReliableProvisional {
  readonly rseq: number;
  readonly response: SipResponse;
  /** The app did not ask for it and hears nothing of the PRACK. */
  readonly quiet: boolean;
  readonly repeat: Repeat;
  readonly deadline: Timer;
}

/** A request of the network the app has not finished. */
export interface PendingServer {
  readonly id: string;
  readonly transaction: ServerTransaction;
  readonly client: AppPort;
  readonly request: SipRequest;
  dialog?: Dialog;
  localTag?: string;
  rseq?: number;
  reliable?: ReliableProvisional;
  /** Further reliable provisionals, sent when the one before has its PRACK. */
  queue?: readonly { readonly offers: boolean; readonly go: () => void }[];
  /** A 2xx of the app that waits for a PRACK; sends it. */
  heldFinal?: () => void;
  /** Of an INVITE that makes a call, while records are asked for. */
  readonly call?: CallRecord;
  guard?: Timer;
}

/** A request of the app the network has not finished. */
export interface PendingClient {
  readonly id: string;
  readonly client: AppPort;
  /** The request as last sent, and the way it took. */
  request: SipRequest;
  hop: Hop;
  /** Further ways when this one fails (RFC 3263 §4.3). */
  spare?: readonly Hop[];
  transaction?: ClientTransaction;
  /** Transactions with addresses that said nothing and were passed over. */
  passed?: ClientTransaction[];
  /** Dialogs by remote tag: the peers of a forked INVITE. */
  readonly forks: Map<string, Dialog>;
  /** CSeq reached by remote tag in early dialogs that ended when another peer answered. */
  reached?: Map<string, number>;
  /** Existing dialog the request runs in. */
  readonly dialog?: Dialog;
  /** Headers of a request in a dialog that are not the dialog's: what a further try carries too. */
  own?: readonly SipHeader[];
  /** Waits to be tried again, and how often it met an offer of theirs (491) or a longer interval (422). */
  waiting?: Timer;
  glares?: number;
  intervals?: number;
  cancelled: boolean;
  /** CANCEL waits for a first provisional (RFC 3261 §9.1). */
  heldCancel?: SipRequest;
  /** Last RSeq seen by remote tag. */
  readonly rseqs: Map<string, number>;
  /** Reliable provisionals the app has not acknowledged: whose they are, oldest first. */
  /** Of an INVITE that makes a call, while records are asked for. */
  readonly call?: CallRecord;
  unpracked?: { readonly tag: string; readonly rseq: number }[];
}

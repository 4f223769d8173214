import type { SipPeer, SipRequest, SipResponse } from "../message/model.ts";
import { serializeMessage } from "../message/serialize.ts";
import type { SendTarget } from "../transport/model.ts";
import type { TransactionLayer } from "./layer.ts";
import { isReliable, T1, T2, T4, TIMEOUT } from "./timers.ts";
import type { Timer } from "./wheel.ts";

export type ServerState = "trying" | "proceeding" | "completed" | "accepted" | "confirmed" | "terminated";

/** Whoever is not known gets 100 only when nothing else was said by then (RFC 3261 §17.2.1), ms. */
const TRYING_MS = 200;
/** Bytes sent to an address that may be forged, for each byte that came from it (as RFC 9000 §8.1). */
const MOST_ECHO = 3;

/** Facts about how a request arrived, kept for meta lines. */
export interface Arrival {
  readonly peer: SipPeer;
  readonly localAddress: string;
  readonly localPort: number;
  readonly bytes: number;
}

/** Server transactions: INVITE (RFC 3261 §17.2.1 with RFC 6026) and non-INVITE (§17.2.2). */
export class ServerTransaction {
  state: ServerState = "trying";
  /** A proxy took it: when it comes back changed that is a spiral, which is allowed (RFC 3261 §16.3). */
  forwarded = false;
  readonly invite: boolean;
  readonly method: string;
  private last: SipResponse | undefined;
  /** The last response as it went out. */
  private bytes: Buffer | undefined;
  /** Bytes sent so far. */
  private sent = 0;
  /** Said more than 100: somebody has taken the request on. */
  private taken = false;
  private interval = T1;
  private retransmit: Timer | undefined;
  private deadline: Timer | undefined;
  /** Told once when the transaction is gone. */
  onTerminated: (() => void) | undefined;

  constructor(
    private readonly layer: TransactionLayer,
    readonly key: string,
    /** Call-ID, From tag and CSeq: the same for all copies of a forked request (RFC 3261 §8.2.2.2). */
    readonly mergeKey: string,
    readonly request: SipRequest,
    readonly arrival: Arrival,
    readonly target: SendTarget,
  ) {
    this.method = request.method;
    this.invite = request.method === "INVITE";
  }

  /** True until a final response was sent. */
  get open(): boolean {
    return this.state === "trying" || this.state === "proceeding";
  }

  /** Sends a response of the user; a second final one is refused with false. */
  respond(response: SipResponse, onSendFailure?: () => void): boolean {
    if (!this.open) return false;
    this.last = response;
    this.retransmit?.cancel();
    this.bytes = serializeMessage(response);
    if (response.status < 200) {
      this.state = "proceeding";
      this.taken ||= response.status > 100;
      if (!this.taken && this.forgeable) {
        this.retransmit = this.layer.wheel.after(TRYING_MS, () => this.send(response, onSendFailure));
        return true;
      }
    } else if (this.invite) this.finishInvite(response.status);
    else this.state = "completed";
    this.send(response, onSendFailure);
    if (response.status >= 200) this.layer.answered(this, response.status);
    if (this.state === "completed" && !this.invite) this.finishOther(this.bytes);
    return true;
  }

  /** Came by UDP from an address that is nobody's we know. */
  private get forgeable(): boolean {
    const { peer } = this.arrival;
    return !isReliable(peer.protocol) && !this.layer.knows(peer);
  }

  private send(response: SipResponse, onSendFailure?: () => void): void {
    this.sent += this.bytes?.length ?? 0;
    this.layer.transmit(response, this.target, onSendFailure, this.bytes);
  }

  /** The bytes of a response that was the last to go out. */
  bytesOf(response: SipResponse): Buffer | undefined {
    return response === this.last ? this.bytes : undefined;
  }

  /** Sends a 2xx or a reliable provisional once more; their retransmission is the user's (RFC 3261 §13.3.1.4). */
  again(response: SipResponse): void {
    this.layer.counters.retransmitted++;
    this.layer.transmit(response, this.target);
  }

  /** The same request once more. */
  receiveCopy(): void {
    this.layer.counters.absorbed++;
    if (this.state === "accepted" || this.state === "confirmed" || !this.last) return;
    this.layer.transmit(this.last, this.target);
  }

  /** The ACK of a non-2xx; false when this transaction is not waiting for one. */
  receiveAck(): boolean {
    if (this.state === "confirmed") return true;
    if (this.state !== "completed" || !this.invite) return false;
    this.state = "confirmed";
    this.retransmit?.cancel();
    this.endIn(isReliable(this.arrival.peer.protocol) ? 0 : T4);
    return true;
  }

  /** Ends at once. */
  terminate(): void {
    if (this.state === "terminated") return;
    this.state = "terminated";
    this.retransmit?.cancel();
    this.deadline?.cancel();
    if (this.invite) this.last = undefined;
    this.layer.forgetServer(this);
    this.onTerminated?.();
  }

  private finishInvite(status: number): void {
    if (status < 300) {
      this.state = "accepted";
      this.endIn(TIMEOUT);
      return;
    }
    this.state = "completed";
    // A stranger is asked once (RFC 3261 §26.3.2.4): the address may be forged, and a lost 401 goes out again with the
    // next copy of the INVITE.
    const asked = status === 401 || status === 407;
    if (!asked && !isReliable(this.arrival.peer.protocol)) this.armRetransmit();
    this.endIn(TIMEOUT);
  }

  private finishOther(bytes: Buffer): void {
    // Timer J is zero on a stream: nothing can come again.
    if (isReliable(this.arrival.peer.protocol)) this.terminate();
    else this.layer.retire(this, bytes);
  }

  private armRetransmit(): void {
    this.retransmit = this.layer.wheel.after(this.interval, () => {
      if (this.state !== "completed" || !this.last) return;
      const next = this.sent + (this.bytes?.length ?? 0);
      if (!this.taken && next > this.arrival.bytes * MOST_ECHO && this.forgeable) return;
      this.layer.counters.retransmitted++;
      this.send(this.last);
      this.interval = Math.min(this.interval * 2, T2);
      this.armRetransmit();
    });
  }

  private endIn(ms: number): void {
    this.deadline?.cancel();
    if (ms === 0) this.terminate();
    else this.deadline = this.layer.wheel.after(ms, () => this.terminate());
  }
}

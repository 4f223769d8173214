import { getHeader } from "../message/headers.ts";
import type { InboundMessage, SipHeader, SipPeer, SipRequest, SipResponse } from "../message/model.ts";
import type { SendTarget } from "../transport/model.ts";
import type { TransactionLayer } from "./layer.ts";
import type { ClientUser, FabricatedCause } from "./model.ts";
import { isReliable, T1, T2, T4, TIMEOUT } from "./timers.ts";
import type { Timer } from "./wheel.ts";

export type ClientState = "calling" | "proceeding" | "completed" | "accepted" | "terminated";

/** A peer as far as it is known before sending. */
export type Destination = Pick<SipPeer, "protocol" | "address" | "port">;

/** Client transactions: INVITE (RFC 3261 §17.1.1 with RFC 6026) and non-INVITE (§17.1.2). */
export class ClientTransaction {
  state: ClientState = "calling";
  readonly invite: boolean;
  readonly method: string;
  /** The highest response seen, for the owner. */
  lastStatus = 0;
  private readonly reliable: boolean;
  private interval = T1;
  /** Why the request could not leave, in the system's words; "" when it could. */
  failure = "";
  private retransmit: Timer | undefined;
  private deadline: Timer | undefined;
  private ack: SipRequest | undefined;
  private ending = false;

  constructor(
    private readonly layer: TransactionLayer,
    readonly key: string,
    readonly request: SipRequest,
    private readonly target: SendTarget,
    readonly destination: Destination,
    private readonly user: ClientUser,
  ) {
    this.method = request.method;
    this.invite = request.method === "INVITE";
    this.reliable = isReliable(destination.protocol);
  }

  /** Sends the request and starts timers A/B or E/F. */
  start(): void {
    this.deadline = this.layer.wheel.after(TIMEOUT, () => this.fail("timeout"));
    if (!this.reliable) this.armRetransmit();
    this.layer.transmit(this.request, this.target, (error) => {
      this.failure = error instanceof Error ? error.message : String(error);
      this.fail("transport");
    });
  }

  /** A response whose branch and method match. */
  receive(response: SipResponse, inbound: InboundMessage): void {
    if (this.invite) this.receiveInvite(response, inbound);
    else this.receiveOther(response, inbound);
  }

  /** The connection to the peer is gone (RFC 3261 §17.1.4). */
  connectionLost(): void {
    this.fail("transport");
  }

  /** RFC 3261 §9.1: after a CANCEL, or when its dialog is over, the INVITE is given 64·T1 more, then counts as ended. */
  expectEnd(): void {
    if (this.ending || (this.state !== "proceeding" && this.state !== "calling")) return;
    this.ending = true;
    this.deadline?.cancel();
    this.deadline = this.layer.wheel.after(TIMEOUT, () => this.fail("timeout"));
  }

  /** Ends at once without a word to the user. */
  terminate(): void {
    if (this.state === "terminated") return;
    this.state = "terminated";
    this.retransmit?.cancel();
    this.deadline?.cancel();
    this.layer.forgetClient(this);
    this.user.onTerminated?.(this);
  }

  private receiveInvite(response: SipResponse, inbound: InboundMessage): void {
    const before = this.state;
    if (before === "terminated") return;
    if (response.status < 200) {
      if (before !== "calling" && before !== "proceeding") return;
      this.retransmit?.cancel();
      if (before === "calling") {
        this.state = "proceeding";
        // Ringing has no limit here (RFC 3261 §17.1.1.2); the user cancels.
        if (!this.ending) this.deadline?.cancel();
      }
    } else if (response.status < 300) {
      if (before === "completed") return;
      if (before !== "accepted") {
        this.state = "accepted";
        this.endIn(TIMEOUT);
      }
    } else {
      if (before === "completed") {
        if (this.ack) this.layer.transmit(this.ack, this.target);
        return;
      }
      if (before === "accepted") return;
      this.state = "completed";
      this.ack = ackFor(this.request, response);
      this.layer.transmit(this.ack, this.target);
      this.endIn(this.reliable ? 0 : TIMEOUT);
    }
    this.lastStatus = response.status;
    this.user.onResponse(response, inbound, this);
  }

  private receiveOther(response: SipResponse, inbound: InboundMessage): void {
    if (this.state !== "calling" && this.state !== "proceeding") return;
    this.lastStatus = response.status;
    if (response.status < 200) this.state = "proceeding";
    else {
      this.state = "completed";
      this.endIn(this.reliable ? 0 : T4);
    }
    this.user.onResponse(response, inbound, this);
  }

  private endIn(ms: number): void {
    this.retransmit?.cancel();
    this.deadline?.cancel();
    if (ms === 0) this.terminate();
    else this.deadline = this.layer.wheel.after(ms, () => this.terminate());
  }

  private armRetransmit(): void {
    this.retransmit = this.layer.wheel.after(this.interval, () => {
      if (this.state !== "calling" && (this.invite || this.state !== "proceeding")) return;
      this.layer.repeat(this.request, this.target);
      // Timer A doubles without bound, timer E up to T2 and T2 once proceeding.
      if (this.invite) this.interval *= 2;
      else this.interval = this.state === "proceeding" ? T2 : Math.min(this.interval * 2, T2);
      this.armRetransmit();
    });
  }

  private fail(cause: FabricatedCause): void {
    if (this.state !== "calling" && this.state !== "proceeding") return;
    this.state = "completed";
    this.user.onFailure(cause, this);
    this.terminate();
  }
}

/** The ACK of a non-2xx final response, part of the INVITE transaction (RFC 3261 §17.1.1.3). */
export function ackFor(invite: SipRequest, response: SipResponse): SipRequest {
  const lines: SipHeader[] = [];
  const via = invite.headers.find((entry) => entry.name === "Via");
  if (via) lines.push({ ...via });
  for (const entry of invite.headers) if (entry.name === "Route") lines.push({ ...entry });
  const cseq = (getHeader(invite, "CSeq") ?? "").split(/\s+/)[0] ?? "1";
  lines.push({ name: "From", value: getHeader(invite, "From") ?? "" });
  lines.push({ name: "To", value: getHeader(response, "To") ?? getHeader(invite, "To") ?? "" });
  lines.push({ name: "Call-ID", value: getHeader(invite, "Call-ID") ?? "" });
  lines.push({ name: "CSeq", value: `${cseq} ACK` });
  lines.push({ name: "Max-Forwards", value: "70" });
  return { kind: "request", method: "ACK", uri: invite.uri, headers: lines, body: new Uint8Array(0) };
}

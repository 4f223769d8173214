/** The next address of a name when one fails, refuses or says nothing (RFC 3263 §4.3). */
import type { InboundMessage, SipResponse } from "../message/model.ts";
import type { ClientTransaction, ClientUser } from "../transaction/index.ts";
import { cancelOf, contactFor } from "./build.ts";
import type { CoreContext } from "./context.ts";
import type { DialogLife } from "./life.ts";
import type { Hop, PendingClient } from "./model.ts";

/**
 * An address of several that has said nothing for this long is passed over, ms: a caller does not wait the 32 s that a
 * transaction may take. Whoever is there says 100 within 200 ms (RFC 3261 §17.2.1); two repeats lie within.
 */
const SILENCE_MS = 2_500;
/** Requests that are answered at once and do no harm twice; others, and all in dialogs, wait for their time-out. */
const EAGER = new Set(["INVITE", "REGISTER", "OPTIONS"]);

/** What it asks of the owner of the responses. */
export interface FailoverParts {
  userOf(pending: PendingClient): ClientUser;
  /** An address that was passed over has taken the call after all. */
  answeredLate(pending: PendingClient, response: SipResponse, inbound: InboundMessage): void;
}

export class Failover {
  /** Passed over, spoken up and told to stop. */
  private readonly recalled = new WeakSet<ClientTransaction>();

  constructor(
    private readonly context: CoreContext,
    private readonly life: DialogLife,
    private readonly parts: FailoverParts,
  ) {}

  /** Sends the request on its present way. */
  begin(pending: PendingClient, branch: string): void {
    const { request, hop } = pending;
    const user = this.parts.userOf(pending);
    const transaction = this.context.layer.request(request, branch, hop.target, hop.destination, user);
    pending.transaction = transaction;
    if (pending.dialog || !pending.spare?.length || !EAGER.has(request.method)) return;
    this.context.after(SILENCE_MS, () => {
      if (pending.transaction !== transaction || transaction.state !== "calling") return;
      // It goes on asking: what comes of it is taken back.
      pending.passed = [...(pending.passed ?? []), transaction];
      if (!this.next(pending)) pending.passed.pop();
    });
  }

  /** Tries the next target of the same name with a new transaction; false when there is none. */
  next(pending: PendingClient): boolean {
    const [hop, ...rest] = pending.spare ?? [];
    const open = this.context.clients.has(pending.id) && !pending.cancelled && pending.forks.size === 0;
    const status = pending.transaction?.lastStatus ?? 0;
    if (open) this.context.ways.failed(pending.hop, this.context.layer.wheel.now());
    if (!hop || !open || (status > 100 && status !== 503)) return false;
    pending.spare = rest;
    const local = this.context.local(hop.destination.protocol, hop.destination.address);
    if (!local) return this.next(pending);
    this.turn(pending, hop);
    const branch = this.context.stamp(pending.request, hop);
    if (!branch) return false;
    const { dialog } = pending;
    if (dialog) this.life.leave(dialog, pending);
    this.begin(pending, branch);
    if (dialog && pending.transaction) this.life.enter(dialog, pending.transaction, pending.request);
    return true;
  }

  /** The request without its Via and with the Contact of the new way. */
  private turn(pending: PendingClient, hop: Hop): void {
    const before = this.context.local(pending.hop.destination.protocol, pending.hop.destination.address);
    const local = this.context.local(hop.destination.protocol, hop.destination.address);
    const [old, now] = [before ? contactFor(before) : "", local ? contactFor(local) : ""];
    const headers = pending.request.headers
      .slice(1)
      .map((entry) => (entry.value === old ? { name: entry.name, value: now } : { ...entry }));
    pending.request = { ...pending.request, headers };
    pending.hop = hop;
  }

  /** True when the response is one of an address that was passed over: nothing may come of it. */
  stale(
    pending: PendingClient,
    response: SipResponse,
    inbound: InboundMessage,
    transaction: ClientTransaction,
  ): boolean {
    if (!pending.passed?.includes(transaction)) return false;
    if (!transaction.invite) return true;
    if (response.status < 200) this.takeBack(transaction);
    else if (response.status < 300) this.parts.answeredLate(pending, response, inbound);
    return true;
  }

  private takeBack(transaction: ClientTransaction): void {
    if (this.recalled.has(transaction)) return;
    this.recalled.add(transaction);
    const cancel = cancelOf(transaction.request);
    const branch = /;branch=([^;,\s]+)/.exec(transaction.request.headers[0]?.value ?? "")?.[1] ?? "";
    const { destination } = transaction;
    this.context.layer.request(cancel, branch, { by: "address", ...destination }, destination, {
      onResponse() {},
      onFailure() {},
    });
    transaction.expectEnd();
  }
}

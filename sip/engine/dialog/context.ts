import { type Meta, metaText } from "../agent-protocol/index.ts";
import type {
  InboundMessage,
  SipMessage,
  SipRequest,
  SipResponse,
  TransportProtocol,
} from "../message/model.ts";
import { reasonPhrase } from "../message/names.ts";
import { serializeMessage } from "../message/serialize.ts";
import { quote } from "../message/tokens.ts";
import {
  type Arrival,
  type Destination,
  replyTo,
  type ServerTransaction,
  T1,
  TIMEOUT,
  type TransactionLayer,
} from "../transaction/index.ts";
import type { ListenPoint, TransportLayer } from "../transport/model.ts";
import { Absences } from "./absence.ts";
import { newBranch, newTag, viaFor } from "./build.ts";
import { CHANCE, type Chance } from "./chance.ts";
import type { AppPort, Dialog, Hop, PendingClient, PendingServer } from "./model.ts";
import { CallRecord, type CallSource, type TellRecord } from "./records.ts";
import { FlowTable, type Resolve } from "./routing.ts";
import { DialogStore } from "./store.ts";
import { Ways } from "./ways.ts";

export interface CoreOptions {
  readonly layer: TransactionLayer;
  readonly transport: TransportLayer;
  /** Next app for a route (`invite`, `cdr:start` …). */
  readonly pick: (route: string) => AppPort | undefined;
  readonly resolve: Resolve;
  readonly dialogLimit: number;
  /** Send cdr events to the apps that asked for them. */
  readonly cdr: boolean;
  /** Calls of an app that went away are released after this long, ms. */
  readonly graceMs: number;
  readonly chance?: Chance;
}

export const NOTHING = new Uint8Array(0);

/** What all parts of the dialog core share: tables, and the way up and down. */
export class CoreContext {
  readonly layer: TransactionLayer;
  readonly transport: TransportLayer;
  readonly dialogs = new DialogStore();
  readonly servers = new Map<string, PendingServer>();
  readonly serverOf = new Map<ServerTransaction, PendingServer>();
  readonly clients = new Map<string, PendingClient>();
  readonly flows = new FlowTable();
  readonly ways = new Ways();
  /** The engine stops: nothing new is taken. */
  closing = false;
  /** Apps that have proxied requests. */
  readonly proxying = new WeakSet<AppPort>();
  readonly absences = new Absences();
  readonly chance: Chance;

  constructor(readonly options: CoreOptions) {
    this.layer = options.layer;
    this.transport = options.transport;
    this.chance = options.chance ?? CHANCE;
  }

  after(ms: number, run: () => void) {
    return this.layer.wheel.after(ms, run);
  }

  local(protocol: TransportProtocol, destination: string): ListenPoint | undefined {
    return this.transport.localFor(protocol, destination);
  }

  /** Passes a network message up. `tail` is what follows TXN and DLG. */
  up(client: AppPort, meta: Meta, txnId: string, dlg: string, message: SipMessage, tail = ""): void {
    const leader = `${metaText(meta)}|${txnId}|${dlg}|${tail}`;
    const bytes = serializeMessage(message);
    this.absences.deliver(client, (port) => port.sip(leader, bytes));
  }

  /** A request of our own making (BYE, last NOTIFY), told to the app so that it knows the dialog ended. */
  unsolicited(dialog: Dialog, request: SipRequest, text?: string): void {
    const reason = text === undefined ? [] : [{ name: "Reason", value: `SIP;cause=200;text="${text}"` }];
    const shown: SipRequest = { ...request, headers: [...request.headers, ...reason] };
    const meta: Meta = {
      source: "application",
      bytes: 0,
      protocol: dialog.protocol,
      address: dialog.hop?.destination.address ?? "",
      port: dialog.hop?.destination.port ?? "",
    };
    this.up(dialog.client, meta, "unsolicited", dialog.dlg, shown);
  }

  /** Answer to a command that put a message on the wire. `ready`: the message, where it is written already. */
  echo(
    client: AppPort,
    messageId: string,
    destination: Destination,
    message: SipMessage,
    txnId: string,
    dlg?: string,
    ready?: Uint8Array,
  ): void {
    const bytes = ready ?? serializeMessage(message);
    const meta = metaText({ source: "application", bytes: bytes.length, ...destination });
    const tail = dlg === undefined ? "Msg sent:|" : `${dlg}||Msg sent:|`;
    client.reply(messageId, `OK|${meta}|${txnId}|${tail}`, bytes);
  }

  /** A call begins; undefined when nobody keeps records. */
  attempt(source: CallSource, invite: SipMessage): CallRecord | undefined {
    return this.options.cdr ? new CallRecord(this.cdr, source, invite) : undefined;
  }

  readonly cdr: TellRecord = (kind, source, detail, message) => {
    if (!this.options.cdr) return;
    const client = this.options.pick(`cdr:${kind}`);
    if (!client) return;
    const time = metaText({ source, bytes: 0, protocol: "udp", address: "", port: "" }).split("|")[5] ?? "";
    client.event(
      `cdr:${kind}|${source}|${time}${detail === "" ? "" : `|${detail}`}`,
      serializeMessage(message),
    );
  };

  /** Gives the engine's own answer. */
  refuse(
    transaction: ServerTransaction,
    status: number,
    extra: readonly { name: string; value: string }[] = [],
    reason = reasonPhrase(status),
  ): SipResponse {
    const response = replyTo(transaction.request, status, reason, newTag(this.chance));
    response.headers.push(...extra);
    transaction.respond(response);
    return response;
  }

  /** Puts a fresh Via on a request; undefined when no listener speaks the protocol. */
  stamp(request: SipRequest, hop: Hop): string | undefined {
    const local = this.local(hop.destination.protocol, hop.destination.address);
    if (!local) return undefined;
    const branch = newBranch(this.chance);
    request.headers.unshift({ name: "Via", value: viaFor(local, branch) });
    return branch;
  }

  /** Sends a 2xx or reliable 1xx again and again, doubling from T1 up to `most`, for 64·T1 or until cancelled. */
  repeat(transaction: ServerTransaction, response: SipResponse, most: number): { cancel(): void } {
    let interval = T1;
    let timer: { cancel(): void };
    const step = () => {
      transaction.again(response);
      interval = Math.min(interval * 2, most);
      timer = this.after(interval, step);
    };
    timer = this.after(interval, step);
    const end = this.after(TIMEOUT, () => timer.cancel());
    return {
      cancel() {
        timer.cancel();
        end.cancel();
      },
    };
  }
}

export function metaOf(inbound: InboundMessage): Meta {
  const { protocol, address, port } = inbound.peer;
  return { source: "network", bytes: inbound.bytes, protocol, address, port };
}

export function metaOfArrival(arrival: Arrival): Meta {
  const { protocol, address, port } = arrival.peer;
  return { source: "network", bytes: arrival.bytes, protocol, address, port };
}

const FABRICATED = { timeout: 408, transport: 503, flow: 480 } as const;

/** A response nobody sent: 408 or 503 in the peer's place (RFC 3261 §8.1.3.1), 480 for a device that has hung off. */
export function fabricate(
  chance: Chance,
  request: SipRequest,
  cause: keyof typeof FABRICATED,
  why = "",
): SipResponse {
  const status = FABRICATED[cause];
  const response = replyTo(request, status, reasonPhrase(status), newTag(chance));
  // The app learns what went wrong as from a proxy (RFC 3261 §20.43, "399 Miscellaneous warning").
  const words = why.replace(/[^\x20-\x7e]+/g, " ").slice(0, 200);
  if (words !== "") response.headers.push({ name: "Warning", value: `399 localhost ${quote(words)}` });
  return response;
}

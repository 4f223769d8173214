/** The parts of drachtio-srf 5.0.29 in use, typed as they behave (its own types say otherwise in places). */
import type { Socket } from "node:net";

export interface VendorMessage {
  readonly body?: string;
  get(name: string): string | undefined;
  has(name: string): boolean;
}

export interface VendorRequest extends VendorMessage {
  readonly method: string;
  readonly uri: string;
  /** "network", or "application" when the engine made it (unsolicited BYE). */
  readonly source: string;
  readonly source_address: string;
  readonly source_port: number;
  readonly protocol: string;
  readonly stackDialogId: string | undefined;
  on(event: "response", listener: (response: VendorReply, ack: VendorAck) => void): void;
  on(event: "cancel", listener: (message: VendorMessage) => void): void;
  on(event: "update", listener: (request: VendorRequest, response: VendorResponse) => void): void;
  cancel(options: { headers: Record<string, string> }, callback: (error?: unknown) => void): void;
}

/** ACK for a 2xx, PRACK for a reliable 1xx; does nothing otherwise. */
export type VendorAck = (options?: { body?: string; headers?: Record<string, string> }) => void;

/** A response that reached us. */
export interface VendorReply extends VendorMessage {
  readonly status: number;
  readonly reason: string;
  readonly source_address: string;
  readonly source_port: number;
  readonly protocol: string;
  readonly stackDialogId: string | undefined;
}

/** A response of ours to be sent. */
export interface VendorResponse {
  readonly stackDialogId: string | undefined;
  readonly finalResponseSent: boolean;
  send(
    status: number,
    reason: string,
    options: { headers: Record<string, string>; body?: string },
    callback: (error: unknown, sent?: VendorMessage) => void,
  ): void;
}

export interface VendorRequestOptions {
  method: string;
  uri: string;
  proxy?: string;
  stackDialogId?: string;
  headers: Record<string, string>;
  body?: string;
}

/** The connection under it. */
export interface VendorWire {
  closing?: boolean;
  reconnectVars?: { retryTimer?: unknown };
  /** Frames a command and writes it; gives its id. */
  send(socket: Socket, text: string): string;
  on(event: "connect" | "close", listener: (socket: Socket) => void): void;
  emit(event: "msg", socket: Socket, payload: string): boolean;
}

export interface VendorSrf {
  connect(options: {
    host: string;
    port: number;
    secret: string;
    enablePing: boolean;
    reconnect: { retryMaxDelay: number };
  }): void;
  disconnect(): void;
  use(method: string, handler: (request: VendorRequest, response: VendorResponse) => void): void;
  on(event: "connect", listener: (error: Error | null, hostports?: string) => void): void;
  on(event: "error", listener: (error: Error, socket?: Socket) => void): void;
  on(event: "close", listener: () => void): void;
  readonly app: {
    readonly client?: {
      /** With all its arguments; the shorter forms of it and of `Srf#request` move them about, and do it wrong at times. */
      request(
        socket: Socket,
        uri: string,
        options: VendorRequestOptions,
        callback: (error: unknown, sent?: VendorRequest) => void,
      ): void;
      readonly wp?: VendorWire;
    };
  };
}

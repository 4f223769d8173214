/** The library has no types of its own; only what rtpengine.ts uses is declared. */
declare module "rtpengine-client" {
  type Value = string | number | readonly Value[] | { readonly [key: string]: Value };
  type Dictionary = { readonly [key: string]: Value };
  type Command = (port: number, host: string, dict: Dictionary) => Promise<Dictionary>;

  export class Client {
    constructor(options: { timeout: number; localAddress: string; rejectOnError: boolean });
    readonly socket: {
      send(message: Uint8Array, port: number, host: string, done: (error: Error | null) => void): void;
      removeAllListeners(event: "message"): void;
      on(event: "message", listener: (message: Uint8Array) => void): void;
    };
    readonly timers: Map<string, ReturnType<typeof setTimeout>>;
    readonly ping: Command;
    readonly offer: Command;
    readonly answer: Command;
    readonly delete: Command;
    readonly list: Command;
    readonly query: Command;
    readonly statistics: Command;
    _onMessage(message: Uint8Array): void;
    on(event: "error", listener: (error: unknown) => void): void;
    close(): void;
  }
}

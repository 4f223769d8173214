/** Why a message could not leave. */
export type TransportErrorCode =
  | "no-listener"
  | "bind-failed"
  | "flow-gone"
  | "connect-failed"
  | "congested"
  | "too-large"
  | "closed";

export class TransportError extends Error {
  readonly code: TransportErrorCode;
  constructor(code: TransportErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "TransportError";
    this.code = code;
  }
}

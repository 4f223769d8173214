/** What the other layers of the engine may use of the transports. */
export { createTransport, type Transport } from "./layer.ts";
export type { ListenPoint, SendTarget, TlsIdentity, TransportLayer } from "./model.ts";
export type { TransportOptions } from "./options.ts";
export type { WebFlow, WebPeer, WebSink } from "./web.ts";

/** The agent protocol as the core uses it. */
export {
  type AppContent,
  type AppMessage,
  type AppRequest,
  type AppResponse,
  parseAppMessage,
} from "./app-message.ts";
export { type Meta, metaText } from "./meta.ts";
export { type AgentHandler, AgentServer, type AgentServerOptions } from "./server.ts";

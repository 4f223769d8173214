/** The agent protocol as the core uses it. */
export {
  type AppContent,
  type AppMessage,
  type AppRequest,
  type AppResponse,
  parseAppMessage,
} from "./app-message.ts";
export { AgentClient } from "./client.ts";
export { type Meta, metaText, timeOfDay } from "./meta.ts";
export { type AgentHandler, AgentServer, type AgentServerOptions, ENGINE_VERSION } from "./server.ts";

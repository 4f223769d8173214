export { masked, type TraceEntry, TraceRing } from "./ring.ts";

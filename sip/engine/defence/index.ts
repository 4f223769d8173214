export { isNetwork } from "./address.ts";
export { Detector } from "./detector.ts";
export { factsOf } from "./facts.ts";
export {
  type Ban,
  type BanList,
  type BanReason,
  DEFENCE_DEFAULTS,
  type DefenceCounters,
  type DefenceOptions,
  type Evidence,
} from "./model.ts";

export { type Ban, DEFENCE_DEFAULTS, type DefenceOptions, Detector } from "./detector.ts";

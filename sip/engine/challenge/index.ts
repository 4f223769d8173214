export { type ChallengeAlgorithm, type ChallengedAgent, Challenger } from "./challenger.ts";
export { Door, type DoorConfig } from "./door.ts";
export { makeNonce, nonceTime } from "./nonce.ts";

import type { TransportProtocol } from "../message/model.ts";

/** The facts of a message that the leader of a frame carries. */
export interface Meta {
  readonly source: "network" | "application";
  readonly bytes: number;
  readonly protocol: TransportProtocol;
  readonly address: string;
  readonly port: number | "";
}

let secondOfCache = -1;
let textOfCache = "";
let momentOfCache = -1;
let textOfMoment = "";

/** UTC time of day as `HH:MM:SS.uuuuuu`. */
export function timeOfDay(at = Date.now()): string {
  if (at === momentOfCache) return textOfMoment;
  const second = Math.floor(at / 1000);
  if (second !== secondOfCache) {
    secondOfCache = second;
    textOfCache = new Date(second * 1000).toISOString().slice(11, 19);
  }
  momentOfCache = at;
  textOfMoment = `${textOfCache}.${String(at % 1000).padStart(3, "0")}000`;
  return textOfMoment;
}

/** `SOURCE|BYTES|PROTO|ADDR|PORT|TIME`. */
export function metaText(meta: Meta): string {
  return `${meta.source}|${meta.bytes}|${meta.protocol}|${meta.address}|${meta.port}|${timeOfDay()}`;
}

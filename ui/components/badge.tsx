/** Small marks: a word in a tone, an agent's state with its shape. */
import { Html } from "@kitajs/html";
import type { AgentState } from "../../appliance/calls/events.ts";
import type { Translate } from "../locale/index.ts";

export type Tone = "plain" | "ok" | "warn" | "danger" | "info";

export function Badge(props: { tone?: Tone; text: string }): JSX.Element {
  return (
    <span class={`badge ${props.tone ?? "plain"}`} safe>
      {props.text}
    </span>
  );
}

const SHAPES: Readonly<Record<AgentState, readonly [shape: string, css: string]>> = {
  idle: ["●", "idle"],
  ringing: ["◐", "ringing"],
  talking: ["■", "talking"],
  "on-hold": ["❚❚", "hold"],
  acw: ["◆", "acw"],
  paused: ["▲", "paused"],
  busy: ["■", "busy"],
  "signed-out": ["○", "out"],
  offline: ["✕", "offline"],
};

/** An agent's state: shape, colour and word; the reason of a pause after it. */
export function State(props: { t: Translate; state: AgentState; reason?: string }): JSX.Element {
  const [shape, css] = SHAPES[props.state];
  const word = props.t(`state.${props.state}`);
  return (
    <span class={`state ${css}`}>
      <i aria-hidden="true" safe>
        {shape}
      </i>
      <span safe>{props.reason ? `${word} · ${props.reason}` : word}</span>
    </span>
  );
}

/** Yes or no in words. */
export function Enabled(props: { t: Translate; on: boolean }): JSX.Element {
  return <Badge tone={props.on ? "ok" : "plain"} text={props.t(props.on ? "enabled" : "disabled")} />;
}

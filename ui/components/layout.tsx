/** Building blocks of pages: buttons, notices, empty lists, side panels, tabs. */
import { type Children, Html } from "@kitajs/html";
import type { Visit } from "../http/context.ts";

export function LinkButton(props: {
  href: string;
  label: string;
  kind?: "primary" | "danger" | "quiet";
  small?: boolean;
}): JSX.Element {
  return (
    <a class={`btn ${props.kind ?? ""} ${props.small ? "small" : ""}`} href={props.href} safe>
      {props.label}
    </a>
  );
}

export function Button(props: {
  label: string;
  kind?: "primary" | "danger" | "danger solid" | "quiet";
  type?: "submit" | "button";
  name?: string;
  value?: string;
  small?: boolean;
  /** The whole name, where several buttons of a list have the same label; begins with the label. */
  about?: string;
}): JSX.Element {
  return (
    <button
      class={`btn ${props.kind ?? ""} ${props.small ? "small" : ""}`}
      type={props.type ?? "submit"}
      name={props.name}
      value={props.value}
      aria-label={props.about}
      title={props.about}
      safe
    >
      {props.label}
    </button>
  );
}

export function Notice(props: {
  tone: "danger" | "warn" | "ok" | "info";
  text: string;
  action?: Children;
}): JSX.Element {
  const shape = { danger: "✕", warn: "▲", ok: "✓", info: "ℹ" }[props.tone];
  return (
    <div class={`notice ${props.tone}`} role={props.tone === "danger" ? "alert" : "status"}>
      <span aria-hidden="true" safe>
        {shape}
      </span>
      <span safe>{props.text}</span>
      {props.action ?? ""}
    </div>
  );
}

/** An empty list says what belongs here and offers the first step. */
export function Empty(props: { title: string; text: string; action?: Children }): JSX.Element {
  return (
    <div class="empty">
      <h3 safe>{props.title}</h3>
      <p safe>{props.text}</p>
      {props.action ?? ""}
    </div>
  );
}

/** Details beside the list, with an address of their own; `closeHref` is the list's. */
export function SidePanel(props: {
  visit: Visit;
  title: string;
  closeHref: string;
  children: Children;
}): JSX.Element {
  return (
    <aside class="panel" aria-label={props.title}>
      <div class="panel-head">
        <h2 safe>{props.title}</h2>
        <a class="btn quiet" href={props.closeHref} aria-label={props.visit.t("action.close")}>
          ✕
        </a>
      </div>
      {props.children}
    </aside>
  );
}

export interface TabPane {
  readonly id: string;
  readonly label: string;
  readonly body: JSX.Element;
  /** A field inside has a complaint. */
  readonly failed?: boolean;
}

/** Tabs within one form or page; all panes are in the document. */
export function Tabs(props: { panes: readonly TabPane[] }): JSX.Element {
  if (props.panes.length === 1) return props.panes[0]?.body ?? "";
  return (
    <>
      <div class="tabs" role="tablist">
        {props.panes.map((pane, index) => (
          <button
            type="button"
            role="tab"
            id={`tab-${pane.id}`}
            aria-controls={`pane-${pane.id}`}
            aria-selected={index === 0 ? "true" : "false"}
            tabindex={index === 0 ? 0 : -1}
            class={pane.failed ? "has-error" : ""}
            safe
          >
            {pane.label}
          </button>
        ))}
      </div>
      {props.panes.map(({ id, body }, index) => (
        <div role="tabpanel" id={`pane-${id}`} aria-labelledby={`tab-${id}`} hidden={index !== 0}>
          {body}
        </div>
      ))}
    </>
  );
}

/** Name and value pairs. */
export function Facts(props: {
  facts: readonly (readonly [label: string, body: JSX.Element])[];
}): JSX.Element {
  return (
    <dl class="dl">
      {props.facts.map(([label, body]) => (
        <>
          <dt safe>{label}</dt>
          <dd>{body}</dd>
        </>
      ))}
    </dl>
  );
}

/** A short word that something was done; chosen by the page's address (?done=saved). */
import { Html } from "@kitajs/html";
import type { Visit } from "../http/context.ts";
import type { Key } from "../locale/index.ts";

const WORDS: Readonly<Record<string, Key>> = {
  saved: "toast.saved",
  deleted: "toast.deleted",
  password: "toast.password",
  "rolled-back": "toast.rolled-back",
  lifted: "toast.lifted",
  banned: "toast.banned",
};

export function Toasts(props: { visit: Visit }): JSX.Element {
  const word = WORDS[props.visit.url.searchParams.get("done") ?? ""];
  return (
    <div class="toasts" id="toasts" role="status" aria-live="polite">
      {word ? <Toast text={props.visit.t(word)} /> : ""}
    </div>
  );
}

export function Toast(props: { text: string }): JSX.Element {
  return (
    <div class="toast" safe>
      {props.text}
    </div>
  );
}

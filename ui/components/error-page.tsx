/** A readable page for a refusal or a fault; for htmx a notice in place. */
import { Html } from "@kitajs/html";
import type { Visit } from "../http/context.ts";
import { html } from "../http/reply.ts";
import { LinkButton, Notice } from "./layout.tsx";
import { Plain } from "./shell.tsx";

export function errorPage(visit: Visit, status: number, title: string, text: string): Promise<Response> {
  if (visit.partial) return html(visit, <Notice tone="danger" text={text} />, status);
  return html(
    visit,
    <Plain visit={visit} title={title}>
      <h1 safe>{title}</h1>
      <p safe>{text}</p>
      <LinkButton href="/" label={visit.t("page.home")} kind="primary" />
    </Plain>,
    status,
  );
}

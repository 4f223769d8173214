/** The piece of a page that connects it to the hub. One a page: the top bar's strip comes over the same stream. */
import { Html } from "@kitajs/html";
import { addAsset } from "../assets/assets.ts";
import { Notice } from "../components/layout.tsx";
import type { Visit } from "../http/context.ts";
import client from "./live.client.js" with { type: "text" };

/** Pages with regions of their own; "strip" has only the top bar's. */
export type LivePage = "strip" | "dashboard" | "desk";

/** Address of the island; pass it to Shell's `scripts`. */
export const LIVE_SCRIPT = addAsset("live.js", client);

export function LiveStream(props: { visit: Visit; page: LivePage }): JSX.Element {
  return (
    <>
      <div
        id="live"
        hx-sse:connect={`/live?page=${props.page}`}
        hx-swap="none"
        hx-config="sse.pauseOnBackground:false"
      />
      <div id="live-stale" hidden>
        <Notice tone="warn" text={props.visit.t("live.stale")} />
      </div>
    </>
  );
}

import { getHeader, hasToken, setHeader } from "../message/headers.ts";
import type { SipHeader, SipRequest, SipResponse } from "../message/model.ts";
import { parameter } from "../transaction/index.ts";
import type { CoreContext } from "./context.ts";
import type { DialogLife } from "./life.ts";
import type { Dialog } from "./model.ts";

/** Smallest session interval of RFC 4028 §5, s. */
export const MIN_SE = 90;

export interface SessionExpires {
  readonly seconds: number;
  readonly refresher?: "uac" | "uas";
}

/** Reads Session-Expires; undefined when missing or no number. */
export function sessionExpires(message: { headers: SipHeader[] }): SessionExpires | undefined {
  const value = getHeader(message, "Session-Expires");
  const match = value === undefined ? null : /^\s*(\d{1,9})/.exec(value);
  if (value === undefined || !match) return undefined;
  const refresher = parameter(value, "refresher")?.toLowerCase();
  const seconds = Number(match[1]);
  return refresher === "uac" || refresher === "uas" ? { seconds, refresher } : { seconds };
}

/** Min-SE of a 422, s; 0 when it has none. */
export function minSe(message: { headers: SipHeader[] }): number {
  return Number(/^\s*(\d{1,9})/.exec(getHeader(message, "Min-SE") ?? "")?.[1] ?? 0);
}

/** The last moment to release is min(32 s, a third) before the end (RFC 4028 §10), s. */
function lastMoment(expires: number): number {
  return expires - Math.min(32, expires / 3);
}

/** RFC 4028: refresh at half time when it is ours to do, release at the end when the peer did not. */
export class SessionTimers {
  /** Sends the refresh re-INVITE; set by the core. */
  refresh: ((dialog: Dialog) => void) | undefined;

  constructor(
    private readonly context: CoreContext,
    private readonly life: DialogLife,
  ) {}

  /** Our Min-SE when the request asks for less (answer: 422), else undefined. */
  tooShort(request: SipRequest): number | undefined {
    const asked = sessionExpires(request);
    return asked && asked.seconds < MIN_SE ? MIN_SE : undefined;
  }

  /**
   * Completes a 2xx of ours: the app's Session-Expires stands, else the peer's is taken when it names who refreshes.
   */
  accept(dialog: Dialog, request: SipRequest, response: SipResponse): void {
    const asked = sessionExpires(request);
    let agreed = sessionExpires(response);
    if (agreed && agreed.refresher === undefined) {
      // The 2xx must say who refreshes (RFC 4028 §9); who does not know timers cannot be the one.
      agreed = { seconds: agreed.seconds, refresher: asked?.refresher ?? "uas" };
      setHeader(response, "Session-Expires", `${agreed.seconds};refresher=${agreed.refresher}`);
    }
    if (!agreed && asked?.refresher !== undefined) {
      agreed = asked;
      response.headers.push({
        name: "Session-Expires",
        value: `${asked.seconds};refresher=${asked.refresher}`,
      });
    }
    if (agreed?.refresher === "uac" && !hasToken(response, "Require", "timer")) {
      response.headers.push({ name: "Require", value: "timer" });
    }
    this.set(dialog, agreed, (agreed?.refresher ?? "uas") === "uas");
  }

  /** A 2xx to a request of ours. */
  answered(dialog: Dialog, response: SipResponse): void {
    const agreed = sessionExpires(response);
    this.set(dialog, agreed, (agreed?.refresher ?? "uac") === "uac");
  }

  /** 422 to our refresh: the interval the peer asks for, twice at most; false when it asks for nothing we can do. */
  raise(dialog: Dialog, response: SipResponse): boolean {
    const session = dialog.session;
    const least = minSe(response);
    const raised = (session?.raised ?? 0) + 1;
    if (!session || raised > 2 || least <= session.expires) return false;
    dialog.session = { ...session, expires: least, raised };
    return true;
  }

  /** Headers a re-INVITE or UPDATE of the app must carry while a session runs, else the peer takes it for ended. */
  keep(dialog: Dialog, headers: readonly SipHeader[]): SipHeader[] {
    const session = dialog.session;
    if (!session || headers.some((entry) => entry.name === "Session-Expires")) return [];
    const value = `${session.expires};refresher=${session.weRefresh ? "uac" : "uas"}`;
    const lines = [{ name: "Session-Expires", value }];
    const able = hasToken({ headers: [...headers] }, "Supported", "timer");
    return able ? lines : [...lines, { name: "Supported", value: "timer" }];
  }

  /** Our refresh was refused: the call has until the end of its session, if nothing else refreshes it (RFC 4028 §10). */
  refused(dialog: Dialog): void {
    const session = dialog.session;
    if (!session) return;
    session.timer?.cancel();
    const end = session.since + lastMoment(session.expires) * 1_000;
    session.timer = this.context.after(Math.max(0, end - this.context.layer.wheel.now()), () =>
      this.life.bye(dialog, "Session timer expired"),
    );
  }

  /** Tries again soon (the refresh met one of theirs: 491). */
  rearm(dialog: Dialog, ms: number): void {
    const session = dialog.session;
    if (!session) return;
    session.timer?.cancel();
    session.timer = this.context.after(ms, () => this.refresh?.(dialog));
  }

  private set(dialog: Dialog, agreed: SessionExpires | undefined, weRefresh: boolean): void {
    dialog.session?.timer?.cancel();
    dialog.session = undefined;
    if (!agreed || dialog.state === "ended") return;
    const expires = Math.max(agreed.seconds, MIN_SE);
    const wait = weRefresh ? expires / 2 + this.context.chance.number() * 10 - 5 : lastMoment(expires);
    const timer = this.context.after(wait * 1000, () => {
      if (weRefresh) this.refresh?.(dialog);
      else this.life.bye(dialog, "Session timer expired");
    });
    dialog.session = { expires, weRefresh, timer, since: this.context.layer.wheel.now() };
  }
}

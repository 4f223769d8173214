import type { AppPort, Dialog } from "./model.ts";

/** Ended dialogs kept in mind. */
const MAX_OVER = 500;

/** All dialogs, found by what messages carry (RFC 3261 §12.2) and by the app's name. */
export class DialogStore {
  private readonly byTags = new Map<string, Dialog>();
  private readonly byName = new Map<string, Dialog>();
  private readonly all = new Set<Dialog>();
  /** Call-IDs of live dialogs, and how many each. */
  private readonly calls = new Map<string, number>();
  /** Dialogs that ended not long ago, in order. */
  private readonly over = new Set<string>();

  get size(): number {
    return this.all.size;
  }

  add(dialog: Dialog): void {
    this.all.add(dialog);
    this.calls.set(dialog.callId, (this.calls.get(dialog.callId) ?? 0) + 1);
    this.byTags.set(tagKey(dialog.callId, dialog.localTag, dialog.remoteTag), dialog);
    const named = this.byName.get(dialog.dlg);
    // Of several early peers the first keeps the name until another one answers.
    if (!named || named.state === "ended" || dialog.state === "confirmed")
      this.byName.set(dialog.dlg, dialog);
  }

  /** The dialog answered: from now on the app's name means this one. */
  promote(dialog: Dialog): void {
    this.byName.set(dialog.dlg, dialog);
  }

  remove(dialog: Dialog): void {
    if (!this.all.delete(dialog)) return;
    const key = tagKey(dialog.callId, dialog.localTag, dialog.remoteTag);
    const others = (this.calls.get(dialog.callId) ?? 1) - 1;
    if (others > 0) this.calls.set(dialog.callId, others);
    else this.calls.delete(dialog.callId);
    this.over.add(key);
    if (this.over.size > MAX_OVER)
      for (const oldest of this.over) {
        this.over.delete(oldest);
        break;
      }
    if (this.byTags.get(key) === dialog) this.byTags.delete(key);
    if (this.byName.get(dialog.dlg) === dialog) this.byName.delete(dialog.dlg);
  }

  find(callId: string, localTag: string, remoteTag: string): Dialog | undefined {
    return this.byTags.get(tagKey(callId, localTag, remoteTag));
  }

  /** Whether a live dialog has that Call-ID. */
  knows(callId: string): boolean {
    return this.calls.has(callId);
  }

  /** Whether those tags, in either order, name a dialog among the last that ended. */
  wasEnded(callId: string, one: string, other: string): boolean {
    return this.over.has(tagKey(callId, one, other)) || this.over.has(tagKey(callId, other, one));
  }

  named(dlg: string): Dialog | undefined {
    return this.byName.get(dlg);
  }

  /** Dialogs of the apps for which `theirs` holds. */
  of(theirs: (client: AppPort) => boolean): Dialog[] {
    return [...this.all].filter((dialog) => theirs(dialog.client));
  }

  values(): Iterable<Dialog> {
    return this.all;
  }
}

function tagKey(callId: string, localTag: string, remoteTag: string): string {
  return `${callId} ${localTag} ${remoteTag}`;
}

/** The app's name of a dialog: the From tag of the request that made it. */
export function dialogName(callId: string, fromTag: string): string {
  return `${callId};from-tag=${fromTag}`;
}

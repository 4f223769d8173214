import type { AppPort, Dialog } from "./model.ts";

/** All dialogs, found by what messages carry (RFC 3261 §12.2) and by the app's name. */
export class DialogStore {
  private readonly byTags = new Map<string, Dialog>();
  private readonly byName = new Map<string, Dialog>();
  private readonly all = new Set<Dialog>();

  get size(): number {
    return this.all.size;
  }

  add(dialog: Dialog): void {
    this.all.add(dialog);
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
    if (this.byTags.get(key) === dialog) this.byTags.delete(key);
    if (this.byName.get(dialog.dlg) === dialog) this.byName.delete(dialog.dlg);
  }

  find(callId: string, localTag: string, remoteTag: string): Dialog | undefined {
    return this.byTags.get(tagKey(callId, localTag, remoteTag));
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

/** The usual tab of a form. */
import { type Children, Html } from "@kitajs/html";
import type { FormState, TabPane } from "../../components/index.ts";
import type { Key } from "../../locale/index.ts";

type PaneId = Key extends infer K ? (K extends `tab.${infer Id}` ? Id : never) : never;

/** A tab with fields one below the other; it is called by the word "tab.<id>". */
export function fieldsPane(form: FormState, id: PaneId, fields: Children): TabPane {
  return { id, label: form.t(`tab.${id}`), body: <div class="fields">{fields}</div> };
}

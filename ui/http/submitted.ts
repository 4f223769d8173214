/** Forms that were sent: done, or shown again with what was typed. */
import { ValidationError } from "../../appliance/kernel.ts";
import type { Visit } from "./context.ts";
import { type Complaints, FORM_LIMIT, FormReader, readForm, type Values } from "./forms.ts";
import { html } from "./reply.ts";

/**
 * Reads the form of a request and does `work` with it, which answers. What is refused with a ValidationError (by the
 * reader's `check` or the use case) is answered 422 with the page that `again` makes of what was typed.
 *
 * @throws TooLargeError and whatever else `work` throws
 */
export async function submitted<Answer extends Response | JSX.Element>(
  visit: Visit,
  work: (r: FormReader, files: Readonly<Record<string, File>>) => Promise<Answer>,
  again: (values: Values, complaints: Complaints) => JSX.Element | Promise<JSX.Element>,
  limit = FORM_LIMIT,
): Promise<Answer | Response> {
  const { values, files } = await readForm(visit.request, limit);
  try {
    return await work(new FormReader(values), files);
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    return html(visit, await again(values, error.fields), 422);
  }
}

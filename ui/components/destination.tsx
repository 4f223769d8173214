/** The destination picker: first what kind, then which one. Field names: N.type, N.flow, N.group … N.number. */
import { Html } from "@kitajs/html";
import type { Destination, DestinationOption } from "../../appliance/routing/index.ts";
import { type FormReader, type Values, value } from "../http/forms.ts";
import type { Key } from "../locale/index.ts";
import { Field, type FormState } from "./form.tsx";

const KINDS = ["flow", "condition", "group", "agent", "extension"] as const;

/** The picker's fields for a stored destination. */
export function destinationValues(name: string, destination: Destination | null): Values {
  if (!destination) return {};
  const values: Record<string, readonly string[]> = { [`${name}.type`]: [destination.type] };
  if (destination.type === "external") values[`${name}.number`] = [destination.number];
  else if (destination.type !== "hangup") values[`${name}.${destination.type}`] = [String(destination.id)];
  return values;
}

/** What was picked; null = nothing. Picking a kind without one of it is complained about under `name`. */
export function readDestination(reader: FormReader, name: string): Destination | null {
  const type = reader.text(`${name}.type`);
  if (type === "") return null;
  if (type === "hangup") return { type: "hangup" };
  if (type === "external") {
    const number = reader.text(`${name}.number`);
    if (number === "") reader.complaints[name] = { code: "error.required" };
    return { type: "external", number };
  }
  const kind = KINDS.find((item) => item === type);
  const id = reader.id(`${name}.${type}`);
  if (!kind) return null;
  if (id === null) reader.complaints[name] = { code: "error.required" };
  return { type: kind, id: id ?? 0 };
}

/** As readDestination, but something must be picked. */
export function mustReadDestination(reader: FormReader, name: string): Destination {
  const picked = readDestination(reader, name);
  if (!picked) reader.complaints[name] = { code: "error.required" };
  return picked ?? { type: "hangup" };
}

export function DestinationControl(props: {
  form: FormState;
  name: string;
  options: readonly DestinationOption[];
  none: string;
}): JSX.Element {
  const { form, name } = props;
  const { t, values } = form;
  const type = value(values, `${name}.type`);
  const of = (kind: (typeof KINDS)[number]) => props.options.filter((item) => item.destination.type === kind);
  // A stored choice that the list no longer offers stays chosen, so that saving does not lose it.
  const unlisted = (kind: (typeof KINDS)[number], offered: readonly DestinationOption[]) => {
    const id = value(values, `${name}.${kind}`);
    return (
      id !== "" && !offered.some((item) => "id" in item.destination && String(item.destination.id) === id)
    );
  };
  const wrong = form.complaints[name] ? { "aria-invalid": "true", "aria-describedby": `e-${name}` } : {};
  const word = (kind: string) => t(`destination.${kind}` as Key);
  return (
    <div class="dest">
      <select id={`f-${name}`} name={`${name}.type`} disabled={form.locked === true} {...wrong}>
        <option value="" safe>
          {props.none}
        </option>
        {[...KINDS, "external", "hangup"].map((kind) => (
          <option value={kind} selected={kind === type} safe>
            {word(kind)}
          </option>
        ))}
      </select>
      {KINDS.map((kind) => (
        <select
          class={`d-${kind}`}
          name={`${name}.${kind}`}
          aria-label={word(kind)}
          disabled={form.locked === true}
        >
          <option value="" safe>
            {t("form.choose")}
          </option>
          {unlisted(kind, of(kind)) ? (
            <option value={value(values, `${name}.${kind}`)} selected safe>
              {`#${value(values, `${name}.${kind}`)}`}
            </option>
          ) : (
            ""
          )}
          {of(kind).map((item) => {
            const id = "id" in item.destination ? String(item.destination.id) : "";
            return (
              <option value={id} selected={id === value(values, `${name}.${kind}`)} safe>
                {item.label}
              </option>
            );
          })}
        </select>
      ))}
      <input
        class="d-external"
        type="text"
        name={`${name}.number`}
        value={value(values, `${name}.number`)}
        placeholder={t("destination.number")}
        aria-label={t("destination.number")}
        disabled={form.locked === true}
      />
    </div>
  );
}

export function DestinationField(props: {
  form: FormState;
  name: string;
  label: string;
  help?: string;
  required?: boolean;
  none?: string;
  options: readonly DestinationOption[];
}): JSX.Element {
  return (
    <Field {...props}>
      <DestinationControl
        form={props.form}
        name={props.name}
        options={props.options}
        none={props.none ?? props.form.t("form.choose")}
      />
    </Field>
  );
}

/** A destination in words: its kind and its name. */
export function destinationText(
  form: Pick<FormState, "t">,
  destination: Destination | null,
  options: readonly DestinationOption[],
): string {
  if (!destination) return form.t("form.none");
  const kind = form.t.code(`destination.${destination.type}`);
  if (destination.type === "hangup") return kind;
  if (destination.type === "external") return `${kind} ${destination.number}`;
  const found = options.find(
    (item) =>
      item.destination.type === destination.type &&
      "id" in item.destination &&
      item.destination.id === destination.id,
  );
  return `${kind} · ${found?.label ?? `#${destination.id}`}`;
}

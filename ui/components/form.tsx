/** Form parts: each field shows its label, help, what was typed and, beside it, what is wrong with it. */
import { type Children, Html } from "@kitajs/html";
import { type Complaints, type Values, value } from "../http/forms.ts";
import type { Translate } from "../locale/index.ts";
import { Notice } from "./layout.tsx";

/** What a form shows: values as typed, complaints by field name. */
export interface FormState {
  readonly t: Translate;
  readonly values: Values;
  readonly complaints: Complaints;
  /** Only to look at. */
  readonly locked?: boolean;
}

export interface FieldProps {
  readonly form: FormState;
  readonly name: string;
  readonly label: string;
  readonly help?: string;
  readonly required?: boolean;
}

/** Above a form: how many fields are to be mended; nothing when none is. */
export function Mend(props: { form: FormState }): JSX.Element {
  const { t, complaints } = props.form;
  const count = Object.keys(complaints).length;
  return count > 0 ? <Notice tone="danger" text={t("form.fix", { count })} /> : "";
}

/** Label, control, complaint, help; for controls of one's own give `children`. */
export function Field(props: {
  form: FormState;
  name: string;
  label: string;
  help?: string;
  required?: boolean;
  wide?: boolean;
  unit?: string;
  children: Children;
}): JSX.Element {
  const { form, name } = props;
  return (
    <div
      class={`field ${props.wide ? "wide" : ""} ${props.unit ? "unit" : ""}`}
      data-label={props.label}
      data-field={name}
    >
      <label for={`f-${name}`}>
        <span safe>{props.label}</span>
        {props.required ? (
          <span class="req" title={form.t("form.required")}>
            *
          </span>
        ) : (
          ""
        )}
      </label>
      {props.unit ? (
        <div class="control">
          {props.children}
          <span class="muted" safe>
            {props.unit}
          </span>
        </div>
      ) : (
        props.children
      )}
      <Wrong form={form} name={name} />
      {props.help ? (
        <span class="help" safe>
          {props.help}
        </span>
      ) : (
        ""
      )}
    </div>
  );
}

/** The complaint about a field, or nothing. */
export function Wrong(props: { form: FormState; name: string }): JSX.Element {
  const complaint = props.form.complaints[props.name];
  if (!complaint) return "";
  return (
    <span class="error" id={`e-${props.name}`} safe>
      {props.form.t.code(complaint.code, complaint.params)}
    </span>
  );
}

/** Attributes that every control shares. */
export function controlOf(form: FormState, name: string): Record<string, string | boolean | undefined> {
  const wrong = form.complaints[name] !== undefined;
  return {
    id: `f-${name}`,
    name,
    disabled: form.locked === true,
    ...(wrong ? { "aria-invalid": "true", "aria-describedby": `e-${name}` } : {}),
  };
}

export function TextField(
  props: FieldProps & {
    type?: "text" | "password" | "number" | "tel" | "date" | "time" | "datetime-local";
    placeholder?: string;
    unit?: string;
    autocomplete?: string;
    readonly?: boolean;
    autofocus?: boolean;
    min?: number;
    max?: number;
  },
): JSX.Element {
  return (
    <Field {...props}>
      <input
        {...controlOf(props.form, props.name)}
        type={props.type === "number" ? "text" : (props.type ?? "text")}
        inputmode={props.type === "number" ? "numeric" : undefined}
        value={value(props.form.values, props.name)}
        placeholder={props.placeholder}
        autocomplete={props.autocomplete ?? (props.type === "password" ? "new-password" : "off")}
        readonly={props.readonly}
        autofocus={props.autofocus}
      />
    </Field>
  );
}

export function TextArea(props: FieldProps & { rows?: number; placeholder?: string }): JSX.Element {
  return (
    <Field {...props}>
      <textarea
        {...controlOf(props.form, props.name)}
        rows={String(props.rows ?? 3)}
        placeholder={props.placeholder}
        safe
      >
        {value(props.form.values, props.name)}
      </textarea>
    </Field>
  );
}

export interface Choice {
  readonly value: string;
  readonly label: string;
}

/** A drop-down; `none` is the label of the empty choice (left out when undefined). */
export function SelectField(
  props: FieldProps & { options: readonly Choice[]; none?: string; shows?: string },
): JSX.Element {
  const chosen = value(props.form.values, props.name);
  return (
    <Field {...props}>
      <select {...controlOf(props.form, props.name)} {...(props.shows ? { "data-shows": props.shows } : {})}>
        {props.none === undefined ? (
          ""
        ) : (
          <option value="" safe>
            {props.none}
          </option>
        )}
        {props.options.map((option) => (
          <option value={option.value} selected={option.value === chosen} safe>
            {option.label}
          </option>
        ))}
      </select>
    </Field>
  );
}

export function CheckField(props: FieldProps): JSX.Element {
  return (
    <div class="field" data-label={props.label} data-field={props.name}>
      <label class="check">
        <input
          {...controlOf(props.form, props.name)}
          type="checkbox"
          value="1"
          checked={value(props.form.values, props.name) !== ""}
        />
        <span safe>{props.label}</span>
      </label>
      <Wrong form={props.form} name={props.name} />
      {props.help ? (
        <span class="help" safe>
          {props.help}
        </span>
      ) : (
        ""
      )}
    </div>
  );
}

/** Sticky bar that says what will change. */
export function SaveBar(props: { t: Translate; backHref: string; label?: string }): JSX.Element {
  const { t } = props;
  return (
    <div class="savebar">
      <span
        class="changes"
        data-clean={t("form.clean")}
        data-changed={t("form.changed")}
        data-separator={t("form.separator")}
        aria-live="polite"
        safe
      >
        {t("form.clean")}
      </span>
      <a class="btn" href={props.backHref} safe>
        {t("action.cancel")}
      </a>
      <button type="submit" class="btn primary" safe>
        {props.label ?? t("action.save")}
      </button>
    </div>
  );
}

/** A guarded form: posts by htmx, a 422 answer replaces it and keeps what was typed. */
export function GuardedForm(props: {
  id: string;
  action: string;
  dirty?: boolean;
  upload?: boolean;
  children: Children;
}): JSX.Element {
  const htmx = {
    "hx-post": props.action,
    "hx-target": "this",
    "hx-swap": "none",
    "hx-status:422": "swap:outerHTML",
    "hx-status:200": "swap:outerHTML",
  };
  return (
    <form
      id={props.id}
      method="post"
      action={props.action}
      data-guard
      {...(props.dirty ? { "data-dirty": "1" } : {})}
      enctype={props.upload ? "multipart/form-data" : undefined}
      {...htmx}
      novalidate
    >
      {props.children}
    </form>
  );
}

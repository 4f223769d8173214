/** One-level IVR menus: prompts, key rows, what happens on silence and on a wrong key. */
import { type Children, Html } from "@kitajs/html";
import type { DestinationOption, FlowInput, FlowRow } from "../../../appliance/routing/index.ts";
import {
  CheckField,
  type Choice,
  DestinationControl,
  DestinationField,
  destinationValues,
  type FormState,
  mustReadDestination,
  readDestination,
  SelectField,
  TextField,
  Wrong,
} from "../../components/index.ts";
import { type FormReader, type Values, value, valuesOf } from "../../http/index.ts";
import {
  choicesOf,
  type EntityPage,
  fieldsPane,
  linkColumn,
  stampColumns,
  textColumn,
  visibleOr,
} from "../entity/index.ts";

interface FlowChoices {
  readonly media: readonly Choice[];
  readonly destinations: readonly DestinationOption[];
}

/** Row numbers of "prefix.N.field" names, in document order. */
function rowNumbers(values: Values, prefix: string, field: string): readonly string[] {
  const shape = new RegExp(`^${prefix}\\.(\\d{1,4})\\.${field}$`);
  return Object.keys(values).flatMap((name) => shape.exec(name)?.[1] ?? []);
}

function KeyRow(props: { form: FormState; n: string; options: readonly DestinationOption[] }): JSX.Element {
  const { form, n } = props;
  return (
    <div class="keyrow" data-row data-field={`keys.${n}`}>
      <input
        type="text"
        name={`keys.${n}.input`}
        value={value(form.values, `keys.${n}.input`)}
        aria-label={form.t("f.key")}
        placeholder="1"
        maxlength="8"
        disabled={form.locked === true}
      />
      <DestinationControl
        form={form}
        name={`keys.${n}.to`}
        options={props.options}
        none={form.t("form.choose")}
      />
      <button type="button" class="btn quiet small" data-remove-row safe>
        {form.t("action.remove-row")}
      </button>
      <Wrong form={form} name={`keys.${n}.to`} />
    </div>
  );
}

function PromptRow(props: { form: FormState; n: string; media: readonly Choice[] }): JSX.Element {
  const { form, n } = props;
  const chosen = value(form.values, `prompts.${n}.media`);
  return (
    <div class="row" data-row data-field={`prompts.${n}`}>
      <select name={`prompts.${n}.media`} aria-label={form.t("f.prompts")} disabled={form.locked === true}>
        <option value="" safe>
          {form.t("form.choose")}
        </option>
        {props.media.map((item) => (
          <option value={item.value} selected={item.value === chosen} safe>
            {item.label}
          </option>
        ))}
      </select>
      <label class="gap">
        <span class="muted" safe>
          {form.t("f.gap")}
        </span>
        <input
          type="text"
          inputmode="numeric"
          name={`prompts.${n}.gap`}
          value={value(form.values, `prompts.${n}.gap`)}
          placeholder="0"
          disabled={form.locked === true}
        />
        <span class="muted" safe>
          {form.t("form.seconds")}
        </span>
      </label>
      <button type="button" class="btn quiet small" data-remove-row safe>
        {form.t("action.remove-row")}
      </button>
      <Wrong form={form} name={`prompts.${n}`} />
    </div>
  );
}

function Rows(props: {
  form: FormState;
  id: string;
  label: string;
  add: string;
  rows: Children;
  next: number;
  template: Children;
}): JSX.Element {
  return (
    <div class="field wide" data-label={props.label} data-field={props.id}>
      <span class="label" safe>
        {props.label}
      </span>
      <Wrong form={props.form} name={props.id} />
      <div id={props.id} data-next={String(props.next)}>
        {props.rows}
      </div>
      <template id={`${props.id}-template`}>{props.template}</template>
      <div>
        <button type="button" class="btn small" data-add-row={props.id} safe>
          {`+ ${props.add}`}
        </button>
      </div>
    </div>
  );
}

const nextOf = (numbers: readonly string[]) => Math.max(-1, ...numbers.map(Number)) + 1;

function read(r: FormReader): FlowInput {
  const keys = rowNumbers(r.values, "keys", "input")
    .filter((n) => r.text(`keys.${n}.input`) !== "" || r.text(`keys.${n}.to.type`) !== "")
    .map((n) => ({ input: r.text(`keys.${n}.input`), destination: mustReadDestination(r, `keys.${n}.to`) }));
  return {
    name: r.text("name"),
    internalNumber: r.text("internalNumber") || null,
    prompts: rowNumbers(r.values, "prompts", "media").flatMap((n) => {
      const mediaId = r.id(`prompts.${n}.media`);
      return mediaId === null ? [] : [{ mediaId, gapS: r.int(`prompts.${n}.gap`, 0) }];
    }),
    replayCount: r.int("replayCount", 2),
    inputTimeoutS: r.int("inputTimeoutS", 5),
    keyTimeoutS: r.int("keyTimeoutS", 3),
    maxInput: r.int("maxInput", 1),
    delayS: r.int("delayS", 0),
    directDial: r.flag("directDial"),
    timeoutPromptId: r.id("timeoutPromptId"),
    timeoutDestination: readDestination(r, "timeoutDestination"),
    noMatchPromptId: r.id("noMatchPromptId"),
    noMatchDestination: readDestination(r, "noMatchDestination"),
    keys,
    callerNumberPrefix: r.text("callerNumberPrefix"),
    callerNamePrefix: r.text("callerNamePrefix"),
  };
}

function values(row: FlowRow): Values {
  const { keys, prompts, timeoutDestination, noMatchDestination, ...plain } = row;
  let all: Values = {
    ...valuesOf(plain),
    ...destinationValues("timeoutDestination", timeoutDestination),
    ...destinationValues("noMatchDestination", noMatchDestination),
  };
  for (const [n, key] of keys.entries())
    all = { ...all, [`keys.${n}.input`]: [key.input], ...destinationValues(`keys.${n}.to`, key.destination) };
  for (const [n, prompt] of prompts.entries())
    all = {
      ...all,
      [`prompts.${n}.media`]: [String(prompt.mediaId)],
      [`prompts.${n}.gap`]: [String(prompt.gapS)],
    };
  return all;
}

export const flowsPage: EntityPage<FlowRow, FlowInput, FlowChoices> = {
  name: "flows",
  title: "nav.flows",
  noun: "noun.flow",
  empty: "empty.flows",
  entity: (app) => app.routing.flows,
  load: async (ctx) => ({
    media: await choicesOf(ctx.app.routing.mediaFiles.options(ctx.actor)),
    destinations: await visibleOr(ctx.app.routing.destinations(ctx.actor), []),
  }),
  label: (row) => row.name,
  columns: (ctx) => [
    linkColumn("/flows", "name", ctx.t("f.name"), (row) => row.name),
    textColumn("internalNumber", ctx.t("f.internal-number"), (row) => row.internalNumber ?? ""),
    textColumn("keys", ctx.t("f.keys"), (row) => row.keys.map((key) => key.input).join(" "), {}),
    textColumn("directDial", ctx.t("f.direct-dial"), (row) => ctx.t(row.directDial ? "yes" : "no")),
    ...stampColumns<FlowRow>(ctx),
  ],
  blank: () => ({
    ...valuesOf({ replayCount: 2, inputTimeoutS: 5, keyTimeoutS: 3, maxInput: 1, delayS: 0 }),
    "keys.0.input": ["1"],
    "prompts.0.media": [""],
  }),
  values,
  read: (r) => read(r),
  panes: (form, { media, destinations }) => {
    const { t } = form;
    const keys = rowNumbers(form.values, "keys", "input");
    const prompts = rowNumbers(form.values, "prompts", "media");
    const bare = { ...form, values: {}, complaints: {} };
    const seconds = t("form.seconds");
    return [
      fieldsPane(
        form,
        "general",
        <>
          <TextField form={form} name="name" label={t("f.name")} required />
          <Rows
            form={form}
            id="prompts"
            label={t("f.prompts")}
            add={t("f.add-prompt")}
            next={nextOf(prompts)}
            rows={prompts.map((n) => <PromptRow form={form} n={n} media={media} />)}
            template={<PromptRow form={bare} n="__n__" media={media} />}
          />
          <Rows
            form={form}
            id="keys"
            label={t("f.keys")}
            add={t("f.add-key")}
            next={nextOf(keys)}
            rows={keys.map((n) => <KeyRow form={form} n={n} options={destinations} />)}
            template={<KeyRow form={bare} n="__n__" options={destinations} />}
          />
          <CheckField form={form} name="directDial" label={t("f.direct-dial")} />
          <DestinationField
            form={form}
            name="timeoutDestination"
            label={t("f.timeout-to")}
            none={t("f.replay-menu")}
            options={destinations}
          />
          <DestinationField
            form={form}
            name="noMatchDestination"
            label={t("f.no-match-to-key")}
            none={t("f.replay-menu")}
            options={destinations}
          />
        </>,
      ),
      fieldsPane(
        form,
        "advanced",
        <>
          <TextField
            form={form}
            name="internalNumber"
            label={t("f.internal-number")}
            help={t("f.internal-number-help")}
          />
          <TextField form={form} name="replayCount" type="number" label={t("f.replay")} />
          <TextField
            form={form}
            name="inputTimeoutS"
            type="number"
            label={t("f.input-timeout")}
            unit={seconds}
          />
          <TextField form={form} name="keyTimeoutS" type="number" label={t("f.key-timeout")} unit={seconds} />
          <TextField form={form} name="maxInput" type="number" label={t("f.max-input")} />
          <TextField form={form} name="delayS" type="number" label={t("f.delay")} unit={seconds} />
          <SelectField
            form={form}
            name="timeoutPromptId"
            label={t("f.timeout-prompt")}
            options={media}
            none={t("form.none")}
          />
          <SelectField
            form={form}
            name="noMatchPromptId"
            label={t("f.no-match-prompt")}
            options={media}
            none={t("form.none")}
          />
          <TextField form={form} name="callerNumberPrefix" label={t("f.caller-number-prefix")} />
          <TextField form={form} name="callerNamePrefix" label={t("f.caller-name-prefix")} />
        </>,
      ),
    ];
  },
};

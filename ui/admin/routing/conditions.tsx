/** Conditions: weekly grid, times, dates. */
import { Html } from "@kitajs/html";
import type {
  ConditionInput,
  ConditionRow,
  ConditionRule,
  DestinationOption,
  WeeklySlot,
} from "../../../appliance/routing/index.ts";
import {
  DestinationField,
  destinationText,
  destinationValues,
  Field,
  type FormState,
  mustReadDestination,
  SelectField,
  TextArea,
  TextField,
} from "../../components/index.ts";
import { type FormReader, type Values, valuesOf } from "../../http/index.ts";
import {
  type EntityPage,
  fieldsPane,
  linkColumn,
  stampColumns,
  textColumn,
  visibleOr,
} from "../entity/index.ts";

const DAYS = [1, 2, 3, 4, 5, 6, 7] as const;
const HOURS = Array.from({ length: 24 }, (_, hour) => hour);
const clock = (minutes: number) =>
  `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;

/** Whole hours go to the grid, other slots to lines of text. */
export function weekValues(slots: readonly WeeklySlot[]): Values {
  const whole = slots.filter((slot) => slot.from % 60 === 0 && slot.to % 60 === 0);
  const cells = whole.flatMap((slot) =>
    HOURS.filter((hour) => hour * 60 >= slot.from && hour * 60 < slot.to).map(
      (hour) => `${slot.day}-${hour}`,
    ),
  );
  const lines = slots
    .filter((slot) => !whole.includes(slot))
    .map((slot) => `${slot.day} ${clock(slot.from)}-${clock(slot.to)}`);
  return { week: cells, weekLines: [lines.join("\n")] };
}

/** The grid's neighbouring cells joined, then the lines. */
export function readWeek(reader: FormReader): readonly WeeklySlot[] {
  const cells = new Set(reader.all("week"));
  const slots: WeeklySlot[] = [];
  for (const day of DAYS) {
    let from = -1;
    for (let hour = 0; hour <= 24; hour++) {
      const on = hour < 24 && cells.has(`${day}-${hour}`);
      if (on && from < 0) from = hour;
      if (!on && from >= 0) {
        slots.push({ day, from: from * 60, to: hour * 60 });
        from = -1;
      }
    }
  }
  for (const line of lines(reader, "weekLines")) {
    const found = /^([1-7])\s+(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})$/.exec(line);
    if (!found) reader.complaints["weekLines"] = { code: "error.time" };
    else
      slots.push({
        day: Number(found[1]),
        from: Number(found[2]) * 60 + Number(found[3]),
        to: Number(found[4]) * 60 + Number(found[5]),
      });
  }
  return slots;
}

function lines(reader: FormReader, name: string): readonly string[] {
  return reader
    .raw(name)
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

function ranges(reader: FormReader, name: string, separator: string) {
  return lines(reader, name).map((line) => {
    const [from = "", to = ""] = line.split(separator).map((part) => part.trim());
    return { from, to };
  });
}

function ruleValues(rule: ConditionRule): Values {
  const kind = { ruleType: [rule.type] };
  if (rule.type === "weekly") return { ...kind, ...weekValues(rule.slots) };
  if (rule.type === "time")
    return { ...kind, times: [rule.ranges.map((r) => `${r.from}-${r.to}`).join("\n")] };
  if (rule.type === "date") return { ...kind, dates: [rule.dates.join("\n")] };
  return { ...kind, dateRanges: [rule.ranges.map((r) => `${r.from}~${r.to}`).join("\n")] };
}

function readRule(r: FormReader): ConditionRule {
  const type = r.pick("ruleType", ["weekly", "time", "date", "date-range"]);
  if (type === "weekly") return { type, slots: readWeek(r) };
  if (type === "time") return { type, ranges: ranges(r, "times", "-") };
  if (type === "date") return { type, dates: lines(r, "dates") };
  return { type, ranges: ranges(r, "dateRanges", "~") };
}

function Week(props: { form: FormState }): JSX.Element {
  const { form } = props;
  const { t } = form;
  const chosen = new Set(form.values["week"] ?? []);
  return (
    <div class="fields">
      <div class="row">
        <button type="button" class="btn small" data-week-fill="9-18" safe>
          {t("week.office")}
        </button>
        <button type="button" class="btn small" data-week-fill="0-24" safe>
          {t("week.all")}
        </button>
        <span class="muted" safe>
          {t("week.help")}
        </span>
      </div>
      <div>
        <table class="week">
          <thead>
            <tr>
              <th />
              {HOURS.map((hour) => (
                <th>{hour}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {DAYS.map((day) => (
              <tr>
                <th class="day" safe>
                  {t(`day.${day}`)}
                </th>
                {HOURS.map((hour) => (
                  <td>
                    <label>
                      <input
                        type="checkbox"
                        name="week"
                        value={`${day}-${hour}`}
                        checked={chosen.has(`${day}-${hour}`)}
                        disabled={form.locked === true}
                        aria-label={`${t(`day.${day}`)} ${hour}:00–${hour + 1}:00`}
                      />
                    </label>
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

export const conditionsPage: EntityPage<ConditionRow, ConditionInput, readonly DestinationOption[]> = {
  name: "conditions",
  title: "nav.conditions",
  noun: "noun.condition",
  empty: "empty.conditions",
  entity: (app) => app.routing.conditions,
  load: (ctx) => visibleOr(ctx.app.routing.destinations(ctx.actor), []),
  label: (row) => row.name,
  columns: (ctx, options) => [
    linkColumn("/conditions", "name", ctx.t("f.name"), (row) => row.name),
    textColumn("rule", ctx.t("f.rule-type"), (row) => ctx.t(`rule.${row.rule.type}`), {}),
    textColumn("match", ctx.t("f.match-to"), (row) => destinationText(ctx, row.match, options), {}),
    textColumn("noMatch", ctx.t("f.no-match-to"), (row) => destinationText(ctx, row.noMatch, options), {}),
    ...stampColumns<ConditionRow>(ctx),
  ],
  blank: () => valuesOf({ ruleType: "weekly" }),
  values: (row) => ({
    ...valuesOf({ name: row.name }),
    ...ruleValues(row.rule),
    ...destinationValues("match", row.match),
    ...destinationValues("noMatch", row.noMatch),
  }),
  read: (r) => ({
    name: r.text("name"),
    rule: readRule(r),
    match: mustReadDestination(r, "match"),
    noMatch: mustReadDestination(r, "noMatch"),
  }),
  panes: (form, options) => {
    const { t } = form;
    return [
      fieldsPane(
        form,
        "general",
        <>
          <TextField form={form} name="name" label={t("f.name")} required />
          <SelectField
            form={form}
            name="ruleType"
            label={t("f.rule-type")}
            shows="rule"
            options={(["weekly", "time", "date", "date-range"] as const).map((item) => ({
              value: item,
              label: t(`rule.${item}`),
            }))}
          />
          <div data-when="rule:weekly" class="fields">
            <Field form={form} name="week" label={t("rule.weekly")} wide>
              <Week form={form} />
            </Field>
            <TextArea form={form} name="weekLines" label={t("week.precise")} help={t("week.precise-help")} />
          </div>
          <div data-when="rule:time">
            <TextArea form={form} name="times" label={t("f.time-ranges")} help={t("f.time-ranges-help")} />
          </div>
          <div data-when="rule:date">
            <TextArea form={form} name="dates" label={t("f.dates")} help={t("f.dates-help")} />
          </div>
          <div data-when="rule:date-range">
            <TextArea
              form={form}
              name="dateRanges"
              label={t("f.date-ranges")}
              help={t("f.date-ranges-help")}
            />
          </div>
          <DestinationField form={form} name="match" label={t("f.match-to")} options={options} required />
          <DestinationField
            form={form}
            name="noMatch"
            label={t("f.no-match-to")}
            options={options}
            required
          />
        </>,
      ),
    ];
  },
};

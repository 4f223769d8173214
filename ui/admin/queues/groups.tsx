/** Agent groups: members in order, queue, after-call work, prompts. */
import { Html } from "@kitajs/html";
import { GROUP_DEFAULTS, type GroupInput, type GroupRow } from "../../../appliance/queueing/index.ts";
import { type DestinationOption, RING_STRATEGIES } from "../../../appliance/routing/index.ts";
import {
  CheckField,
  type Choice,
  DestinationField,
  destinationValues,
  Field,
  type FormState,
  readDestination,
  SelectField,
  TextField,
  Wrong,
} from "../../components/index.ts";
import { valuesOf } from "../../http/index.ts";
import {
  choicesOf,
  type EntityPage,
  fieldsPane,
  linkColumn,
  stampColumns,
  textColumn,
  visibleOr,
} from "../entity/index.ts";

interface GroupChoices {
  readonly agents: readonly Choice[];
  readonly media: readonly Choice[];
  readonly destinations: readonly DestinationOption[];
}

function Member(props: {
  form: FormState;
  agents: readonly Choice[];
  agent: string;
  kind: string;
  priority: string;
}): JSX.Element {
  const { form } = props;
  const { t } = form;
  const off = form.locked === true;
  return (
    <div class="row" data-row>
      <select name="memberAgent" aria-label={t("f.agent")} disabled={off}>
        <option value="" safe>
          {t("form.choose")}
        </option>
        {props.agents.map((item) => (
          <option value={item.value} selected={item.value === props.agent} safe>
            {item.label}
          </option>
        ))}
      </select>
      <select name="memberKind" aria-label={t("f.member-kind")} disabled={off}>
        {(["dynamic", "static"] as const).map((kind) => (
          <option value={kind} selected={kind === props.kind} safe>
            {t(`member.${kind}`)}
          </option>
        ))}
      </select>
      <input
        type="text"
        inputmode="numeric"
        name="memberPriority"
        value={props.priority}
        aria-label={t("f.priority")}
        title={t("f.priority")}
        disabled={off}
      />
      <button type="button" class="btn quiet small" data-move-row="up" aria-label={t("action.up")}>
        ↑
      </button>
      <button type="button" class="btn quiet small" data-move-row="down" aria-label={t("action.down")}>
        ↓
      </button>
      <button type="button" class="btn quiet small" data-remove-row safe>
        {t("action.remove-row")}
      </button>
    </div>
  );
}

function Members(props: { form: FormState; agents: readonly Choice[] }): JSX.Element {
  const { form, agents } = props;
  const chosen = form.values["memberAgent"] ?? [];
  const kinds = form.values["memberKind"] ?? [];
  const priorities = form.values["memberPriority"] ?? [];
  const leaders = form.values["leaderIds"] ?? [];
  return (
    <div class="fields">
      <div class="field wide" data-label={form.t("f.members-list")} data-field="members">
        <span class="label" safe>
          {form.t("f.members-list")}
        </span>
        <Wrong form={form} name="members" />
        <div id="members" class="fields">
          {chosen.map((agent, i) => (
            <Member
              form={form}
              agents={agents}
              agent={agent}
              kind={kinds[i] ?? ""}
              priority={priorities[i] ?? "1"}
            />
          ))}
        </div>
        <template id="members-template">
          <Member form={form} agents={agents} agent="" kind="dynamic" priority="1" />
        </template>
        <div>
          <button type="button" class="btn small" data-add-row="members" safe>
            {`+ ${form.t("f.add-member")}`}
          </button>
        </div>
      </div>
      <Field form={form} name="leaderIds" label={form.t("f.leaders")} help={form.t("f.leaders-help")}>
        <select
          id="f-leaderIds"
          name="leaderIds"
          multiple="multiple"
          disabled={form.locked === true}
          class="tall"
        >
          {agents.map((item) => (
            <option value={item.value} selected={leaders.includes(item.value)} safe>
              {item.label}
            </option>
          ))}
        </select>
      </Field>
    </div>
  );
}

export const groupsPage: EntityPage<GroupRow, GroupInput, GroupChoices> = {
  name: "groups",
  title: "nav.groups",
  noun: "noun.group",
  empty: "empty.groups",
  entity: (app) => app.queueing.groups,
  load: async (ctx) => ({
    agents: await choicesOf(ctx.app.people.agents.options(ctx.actor)),
    media: await choicesOf(ctx.app.routing.mediaFiles.options(ctx.actor)),
    destinations: await visibleOr(ctx.app.routing.destinations(ctx.actor), []),
  }),
  label: (row) => `${row.number} ${row.name}`,
  columns: (ctx) => [
    linkColumn("/groups", "name", ctx.t("f.name"), (row) => row.name),
    textColumn("number", ctx.t("f.number"), (row) => row.number),
    textColumn("strategy", ctx.t("f.strategy"), (row) => ctx.t(`strategy.${row.strategy}`)),
    textColumn("members", ctx.t("f.members"), (row) => row.members.length, { numeric: true }),
    textColumn("acwMode", ctx.t("f.acw-mode"), (row) => ctx.t(`acw.${row.acwMode}`)),
    textColumn("queueEnabled", ctx.t("f.queue-enabled"), (row) => ctx.t(row.queueEnabled ? "yes" : "no")),
    ...stampColumns<GroupRow>(ctx),
  ],
  blank: () => {
    const { overflow, ...plain } = GROUP_DEFAULTS;
    return { ...valuesOf(plain), ...destinationValues("overflow", overflow) };
  },
  values: ({ members, overflow, ...row }) => ({
    ...valuesOf(row),
    ...destinationValues("overflow", overflow),
    memberAgent: members.map((m) => String(m.agentId)),
    memberKind: members.map((m) => m.kind),
    memberPriority: members.map((m) => String(m.priority)),
  }),
  read: (r) => ({
    name: r.text("name"),
    number: r.text("number"),
    queueEnabled: r.flag("queueEnabled"),
    strategy: r.pick("strategy", RING_STRATEGIES),
    agentTimeoutS: r.int("agentTimeoutS", 20),
    maxWaitS: r.int("maxWaitS", 0),
    retryS: r.int("retryS", 2),
    capacity: r.int("capacity", 0),
    joinEmpty: r.flag("joinEmpty"),
    leaveWhenEmpty: r.flag("leaveWhenEmpty"),
    noAgentOverflow: r.flag("noAgentOverflow"),
    overflow: readDestination(r, "overflow"),
    autoPause: r.flag("autoPause"),
    acwMode: r.pick("acwMode", ["disabled", "after-answer", "after-ring"]),
    acwSeconds: r.int("acwSeconds", 0),
    autoAnswerQueue: r.flag("autoAnswerQueue"),
    holdMusicId: r.id("holdMusicId"),
    waitingMusicId: r.id("waitingMusicId"),
    playWaitingMusic: r.flag("playWaitingMusic"),
    announceAgentNumber: r.flag("announceAgentNumber"),
    beforeNumberPromptId: r.id("beforeNumberPromptId"),
    afterNumberPromptId: r.id("afterNumberPromptId"),
    queueAnnouncementId: r.id("queueAnnouncementId"),
    agentAnnouncementId: r.id("agentAnnouncementId"),
    periodicPromptId: r.id("periodicPromptId"),
    periodicS: r.int("periodicS", 0),
    announcePosition: r.flag("announcePosition"),
    positionIntervalS: r.int("positionIntervalS", 30),
    callerNumberPrefix: r.text("callerNumberPrefix"),
    callerNamePrefix: r.text("callerNamePrefix"),
    record: r.flag("record"),
    members: r.all("memberAgent").flatMap((agent, i) => {
      const kind: "static" | "dynamic" = r.all("memberKind")[i] === "static" ? "static" : "dynamic";
      const priority = Number.parseInt(r.all("memberPriority")[i] ?? "1", 10) || 1;
      return /^\d+$/.test(agent) ? [{ agentId: Number(agent), kind, priority }] : [];
    }),
    leaderIds: r.all("leaderIds").map(Number),
  }),
  panes: (form, { agents, media, destinations }) => {
    const { t } = form;
    const s = t("form.seconds");
    const music = (name: string, label: string) => (
      <SelectField form={form} name={name} label={label} options={media} none={t("f.system-default")} />
    );
    const check = (name: string, label: string) => <CheckField form={form} name={name} label={label} />;
    const number = (name: string, label: string, help?: string, unit?: string) => (
      <TextField form={form} name={name} type="number" label={label} help={help} unit={unit} />
    );
    return [
      fieldsPane(
        form,
        "general",
        <>
          <TextField form={form} name="name" label={t("f.name")} required />
          <TextField form={form} name="number" type="tel" label={t("f.number")} required />
          <SelectField
            form={form}
            name="strategy"
            label={t("f.strategy")}
            options={RING_STRATEGIES.map((item) => ({ value: item, label: t(`strategy.${item}`) }))}
          />
          {check("record", t("f.record"))}
          <Members form={form} agents={agents} />
        </>,
      ),
      fieldsPane(
        form,
        "queue",
        <>
          {check("queueEnabled", t("f.queue-enabled"))}
          {number("agentTimeoutS", t("f.agent-timeout"), undefined, s)}
          {number("maxWaitS", t("f.max-wait"), t("f.zero-no-limit"), s)}
          {number("retryS", t("f.retry"), undefined, s)}
          {number("capacity", t("f.capacity"), t("f.zero-no-limit"))}
          {check("joinEmpty", t("f.join-empty"))}
          {check("leaveWhenEmpty", t("f.leave-empty"))}
          {check("noAgentOverflow", t("f.no-agent-overflow"))}
          <DestinationField
            form={form}
            name="overflow"
            label={t("f.overflow")}
            none={t("f.overflow-none")}
            options={destinations}
          />
        </>,
      ),
      fieldsPane(
        form,
        "prompts",
        <>
          {check("playWaitingMusic", t("f.play-waiting"))}
          {music("waitingMusicId", t("f.waiting-music"))}
          {music("holdMusicId", t("f.hold-music"))}
          {music("queueAnnouncementId", t("f.queue-announcement"))}
          {music("agentAnnouncementId", t("f.agent-announcement"))}
          {check("announcePosition", t("f.announce-position"))}
          {number("positionIntervalS", t("f.position-interval"), undefined, s)}
          {music("periodicPromptId", t("f.periodic-prompt"))}
          {number("periodicS", t("f.periodic"), t("f.zero-off"), s)}
          {check("announceAgentNumber", t("f.announce-agent"))}
          {music("beforeNumberPromptId", t("f.before-number"))}
          {music("afterNumberPromptId", t("f.after-number"))}
        </>,
      ),
      fieldsPane(
        form,
        "advanced",
        <>
          <SelectField
            form={form}
            name="acwMode"
            label={t("f.acw-mode")}
            options={(["disabled", "after-answer", "after-ring"] as const).map((item) => ({
              value: item,
              label: t(`acw.${item}`),
            }))}
          />
          {number("acwSeconds", t("f.acw-seconds"), t("f.acw-help"), s)}
          {check("autoPause", t("f.auto-pause"))}
          {check("autoAnswerQueue", t("f.auto-answer"))}
          <TextField form={form} name="callerNumberPrefix" label={t("f.caller-number-prefix")} />
          <TextField form={form} name="callerNamePrefix" label={t("f.caller-name-prefix")} />
        </>,
      ),
    ];
  },
};

/** The office's preferences. */
import { Html } from "@kitajs/html";
import { Elysia } from "elysia";
import type { App } from "../../../appliance/app.ts";

import {
  CheckField,
  type Choice,
  type FormState,
  GuardedForm,
  Mend,
  SaveBar,
  SelectField,
  Shell,
  Tabs,
  TextField,
} from "../../components/index.ts";
import {
  type Complaints,
  type Ctx,
  handle,
  RAW,
  redirect,
  submitted,
  type Values,
  valuesOf,
} from "../../http/index.ts";
import { choicesOf } from "../entity/index.ts";

async function settingsPage(ctx: Ctx, values: Values, complaints: Complaints): Promise<JSX.Element> {
  const { t } = ctx;
  const form: FormState = { t, values, complaints, locked: !ctx.can("settings.edit") };
  const numbers = await choicesOf(ctx.app.routing.displayedNumbers.options(ctx.actor));
  const media = await choicesOf(ctx.app.routing.mediaFiles.options(ctx.actor));
  const languages: readonly Choice[] = [
    { value: "zh-CN", label: "简体中文" },
    { value: "en", label: "English" },
  ];
  const zones = Intl.supportedValuesOf("timeZone").map((zone) => ({ value: zone, label: zone }));
  const s = t("form.seconds");
  const body = (
    <GuardedForm id="settings-form" action="/settings" dirty={Object.keys(complaints).length > 0}>
      <Mend form={form} />
      <div class="card">
        <Tabs
          panes={[
            {
              id: "office",
              label: t("setup.office"),
              body: (
                <div class="fields">
                  <TextField form={form} name="officeName" label={t("setup.office-name")} required />
                  <SelectField form={form} name="language" label={t("f.language")} options={languages} />
                  <SelectField form={form} name="timeZone" label={t("setup.time-zone")} options={zones} />
                  <TextField form={form} name="country" label={t("setup.country")} />
                  <TextField
                    form={form}
                    name="areaCode"
                    label={t("setup.area-code")}
                    help={t("setup.area-code-help")}
                  />
                  <TextField
                    form={form}
                    name="emergencyNumbers"
                    label={t("setup.emergency")}
                    help={t("setup.emergency-help")}
                  />
                  <TextField
                    form={form}
                    name="numberingLength"
                    type="number"
                    label={t("set.numbering-length")}
                    help={t("set.numbering-length-help")}
                  />
                </div>
              ),
            },
            {
              id: "calls",
              label: t("nav.calls"),
              body: (
                <div class="fields">
                  <TextField
                    form={form}
                    name="outboundRingS"
                    type="number"
                    label={t("set.outbound-ring")}
                    unit={s}
                  />
                  <TextField
                    form={form}
                    name="extensionRingS"
                    type="number"
                    label={t("set.extension-ring")}
                    unit={s}
                  />
                  <SelectField
                    form={form}
                    name="systemDisplayedNumberId"
                    label={t("f.displayed-number")}
                    options={numbers}
                    none={t("form.none")}
                  />
                  <TextField
                    form={form}
                    name="maxInboundCalls"
                    type="number"
                    label={t("set.max-inbound")}
                    help={t("f.zero-no-limit")}
                  />
                  <SelectField
                    form={form}
                    name="holdMusicId"
                    label={t("f.hold-music")}
                    options={media}
                    none={t("form.none")}
                  />
                  <SelectField
                    form={form}
                    name="waitingMusicId"
                    label={t("f.waiting-music")}
                    options={media}
                    none={t("form.none")}
                  />
                </div>
              ),
            },
            {
              id: "transfer",
              label: t("set.transfer"),
              body: (
                <div class="fields">
                  <TextField
                    form={form}
                    name="blindTransferRingS"
                    type="number"
                    label={t("set.blind-ring")}
                    unit={s}
                  />
                  <CheckField form={form} name="blindTransferCallBack" label={t("set.blind-call-back")} />
                  <TextField form={form} name="blindTransferCallBackPrefix" label={t("set.blind-prefix")} />
                </div>
              ),
            },
            {
              id: "recording",
              label: t("f.record"),
              body: (
                <div class="fields">
                  <CheckField form={form} name="recordInbound" label={t("set.record-inbound")} />
                  <CheckField form={form} name="recordOutbound" label={t("set.record-outbound")} />
                  <CheckField form={form} name="recordInternal" label={t("set.record-internal")} />
                  <TextField
                    form={form}
                    name="recordingDays"
                    type="number"
                    label={t("set.recording-days")}
                    help={t("set.recording-days-help")}
                  />
                </div>
              ),
            },
          ]}
        />
      </div>
      {form.locked ? "" : <SaveBar t={t} backHref="/" />}
    </GuardedForm>
  );
  if (ctx.partial) return body;
  return (
    <Shell ctx={ctx} title={t("nav.settings")}>
      {body}
    </Shell>
  );
}

export function settingsRoutes(app: App) {
  return new Elysia()
    .get(
      "/settings",
      handle(app, "settings.view", (ctx) => {
        const { defaultRoute: _, emergencyNumbers, ...rest } = app.system.settings.get();
        return settingsPage(ctx, valuesOf({ ...rest, emergencyNumbers: emergencyNumbers.join(" ") }), {});
      }),
    )
    .post(
      "/settings",
      handle(app, "settings.edit", (ctx) =>
        submitted(
          ctx,
          async (r) => {
            const old = app.system.settings.get();
            const input = {
              officeName: r.text("officeName"),
              language: r.pick("language", ["zh-CN", "en"]),
              timeZone: r.text("timeZone"),
              country: r.text("country"),
              areaCode: r.text("areaCode"),
              emergencyNumbers: r.list("emergencyNumbers"),
              outboundRingS: r.int("outboundRingS", old.outboundRingS),
              extensionRingS: r.int("extensionRingS", old.extensionRingS),
              numberingLength: r.int("numberingLength", old.numberingLength),
              blindTransferRingS: r.int("blindTransferRingS", old.blindTransferRingS),
              blindTransferCallBack: r.flag("blindTransferCallBack"),
              blindTransferCallBackPrefix: r.text("blindTransferCallBackPrefix"),
              systemDisplayedNumberId: r.id("systemDisplayedNumberId"),
              maxInboundCalls: r.int("maxInboundCalls", 0),
              holdMusicId: r.id("holdMusicId"),
              waitingMusicId: r.id("waitingMusicId"),
              recordInbound: r.flag("recordInbound"),
              recordOutbound: r.flag("recordOutbound"),
              recordInternal: r.flag("recordInternal"),
              recordingDays: r.int("recordingDays", 0),
            };
            r.check();
            await app.system.settings.save(ctx.actor, input);
            return redirect(ctx, "/settings?done=saved");
          },
          (values, complaints) => settingsPage(ctx, values, complaints),
        ),
      ),
      RAW,
    );
}

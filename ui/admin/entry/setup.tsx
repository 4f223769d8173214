/** The first-boot wizard: one page, from the set-up code to the signed-in administrator. */
import { Html } from "@kitajs/html";
import { Elysia } from "elysia";
import type { App } from "../../../appliance/app.ts";
import { ValidationError } from "../../../appliance/kernel.ts";
import { Button, type FormState, Mend, Plain, SelectField, TextField } from "../../components/index.ts";
import {
  type Complaints,
  open,
  RAW,
  redirect,
  submitted,
  type Values,
  type Visit,
  valuesOf,
} from "../../http/index.ts";
import { enter, LanguageLinks } from "./sign-in.tsx";

/** Zones offered first; the machine's list follows. */
const ZONES: readonly string[] = [
  ...new Set([
    "Asia/Shanghai",
    "Asia/Hong_Kong",
    "Asia/Taipei",
    "Asia/Singapore",
    ...Intl.supportedValuesOf("timeZone"),
    "UTC",
  ]),
];
const COUNTRIES = [
  "CN",
  "HK",
  "MO",
  "TW",
  "SG",
  "MY",
  "JP",
  "KR",
  "US",
  "GB",
  "DE",
  "FR",
  "AU",
  "CA",
] as const;

function countryOptions(visit: Visit) {
  const names = new Intl.DisplayNames([visit.lang], { type: "region" });
  return COUNTRIES.map((code) => ({ value: code, label: names.of(code) ?? code }));
}

function SetupPage(props: { visit: Visit; values: Values; complaints: Complaints }): JSX.Element {
  const { visit } = props;
  const { t } = visit;
  const form: FormState = { t, values: props.values, complaints: props.complaints };
  return (
    <Plain visit={visit} title={t("setup.title")} wide foot={<LanguageLinks visit={visit} />}>
      <form method="post" action="/setup" class="fields" novalidate>
        <h1 safe>{t("setup.title")}</h1>
        <p class="muted" safe>
          {t("setup.lead")}
        </p>
        <Mend form={form} />
        <TextField form={form} name="code" label={t("setup.code")} required autofocus />
        <h2 safe>{t("setup.person")}</h2>
        <div class="fields two">
          <TextField form={form} name="username" label={t("f.username")} autocomplete="username" required />
          <TextField form={form} name="displayName" label={t("f.display-name")} autocomplete="name" />
          <TextField
            form={form}
            name="password"
            type="password"
            label={t("f.password")}
            help={t("f.password-help")}
            required
          />
          <TextField form={form} name="repeat" type="password" label={t("password.repeat")} required />
        </div>
        <h2 safe>{t("setup.office")}</h2>
        <div class="fields two">
          <TextField form={form} name="officeName" label={t("setup.office-name")} required />
          <SelectField
            form={form}
            name="timeZone"
            label={t("setup.time-zone")}
            options={ZONES.map((zone) => ({ value: zone, label: zone }))}
          />
          <SelectField
            form={form}
            name="country"
            label={t("setup.country")}
            options={countryOptions(visit)}
          />
          <TextField
            form={form}
            name="areaCode"
            label={t("setup.area-code")}
            help={t("setup.area-code-help")}
          />
        </div>
        <h2 safe>{t("setup.numbers")}</h2>
        <div class="fields two">
          <TextField
            form={form}
            name="emergencyNumbers"
            label={t("setup.emergency")}
            help={t("setup.emergency-help")}
          />
          <SelectField
            form={form}
            name="numberingLength"
            label={t("setup.length")}
            options={[2, 3, 4, 5, 6].map((count) => ({
              value: String(count),
              label: t("setup.length-digits", { count, example: `${10 ** (count - 1) + 1}` }),
            }))}
          />
        </div>
        <Button label={t("setup.button")} kind="primary" />
      </form>
    </Plain>
  );
}

export function setup(app: App) {
  return new Elysia()
    .get(
      "/setup",
      open(app, (visit) => {
        if (!app.system.setup.needed()) return redirect(visit, "/sign-in");
        const values = valuesOf({
          code: visit.url.searchParams.get("code") ?? "",
          username: "admin",
          timeZone: "Asia/Shanghai",
          country: "CN",
          emergencyNumbers: "110 119 120 122",
          numberingLength: 4,
        });
        return <SetupPage visit={visit} values={values} complaints={{}} />;
      }),
    )
    .post(
      "/setup",
      open(app, (visit) => {
        if (!app.system.setup.needed()) return redirect(visit, "/sign-in");
        return submitted(
          visit,
          async (r) => {
            if (r.raw("password") !== r.raw("repeat"))
              throw new ValidationError({ repeat: { code: "error.repeat" } });
            await app.system.setup.complete(
              {
                code: r.text("code"),
                language: visit.lang,
                username: r.text("username"),
                displayName: r.text("displayName"),
                password: r.raw("password"),
                officeName: r.text("officeName"),
                timeZone: r.text("timeZone"),
                country: r.text("country"),
                areaCode: r.text("areaCode"),
                emergencyNumbers: r.list("emergencyNumbers"),
                numberingLength: r.int("numberingLength", 4),
              },
              visit.address,
            );
            return enter(visit, r.text("username"), r.raw("password"), "/");
          },
          (values, complaints) => <SetupPage visit={visit} values={values} complaints={complaints} />,
        );
      }),
      RAW,
    );
}

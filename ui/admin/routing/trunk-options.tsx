/** The tabs of a trunk's form about numbers, voice, limits. */
import { Html } from "@kitajs/html";
import { COUNTRIES, type TrunkInput, type TrunkRow } from "../../../appliance/routing/index.ts";
import {
  CheckField,
  type Choice,
  type FormState,
  SelectField,
  type TabPane,
  TextField,
} from "../../components/index.ts";
import type { FormReader } from "../../http/index.ts";
import type { Translate } from "../../locale/index.ts";
import { fieldsPane } from "../entity/index.ts";

const FORMATS = ["dialled", "national", "e164", "idd"] as const;
const USERS = ["account", "caller", "fixed"] as const;
const DTMF = ["rfc4733", "info", "inband"] as const;

/** A new trunk. */
export const TRUNK_START = {
  srtp: "off",
  dtmf: "rfc4733",
  earlyMedia: true,
  callsPerSecond: 0,
  numberFormat: "dialled",
  callerFormat: "dialled",
  numberPrefix: "",
  fromUser: "account",
  contactUser: "account",
} as const;

export function readOptions(r: FormReader) {
  return {
    srtp: r.pick("srtp", ["off", "required"]),
    dtmf: r.pick("dtmf", DTMF),
    earlyMedia: r.flag("earlyMedia"),
    callsPerSecond: r.int("callsPerSecond", 0),
    numberFormat: r.pick("numberFormat", FORMATS),
    callerFormat: r.pick("callerFormat", FORMATS),
    country: r.text("country"),
    areaCode: r.text("areaCode"),
    numberPrefix: r.text("numberPrefix"),
    fromUser: r.pick("fromUser", USERS),
    fromText: r.text("fromText"),
    contactUser: r.pick("contactUser", USERS),
    contactText: r.text("contactText"),
    diversion: r.flag("diversion"),
    hideNumber: r.flag("hideNumber"),
    nextTrunkId: r.id("nextTrunkId"),
  } satisfies Partial<TrunkInput>;
}

function countries(t: Translate): readonly Choice[] {
  const names = new Intl.DisplayNames(t.lang, { type: "region" });
  return COUNTRIES.map((code) => ({ value: code, label: `${names.of(code) ?? code} (${code})` })).sort(
    (a, b) => a.label.localeCompare(b.label, t.lang),
  );
}

export function optionPanes(
  form: FormState,
  trunks: readonly Choice[],
  row: TrunkRow | undefined,
): readonly TabPane[] {
  return [numbers(form), media(form), limits(form, trunks, row)];
}

function numbers(form: FormState): TabPane {
  const { t } = form;
  const formats = FORMATS.map((value) => ({ value, label: t(`number-format.${value}`) }));
  const users = USERS.map((value) => ({ value, label: t(`user-part.${value}`) }));
  return fieldsPane(
    form,
    "numbers",
    <>
      <SelectField
        form={form}
        name="numberFormat"
        label={t("f.number-format")}
        help={t("f.number-format-help")}
        options={formats}
      />
      <SelectField form={form} name="callerFormat" label={t("f.caller-format")} options={formats} />
      <SelectField
        form={form}
        name="country"
        label={t("f.country")}
        help={t("f.country-help")}
        options={countries(t)}
      />
      <TextField form={form} name="areaCode" label={t("f.area-code")} help={t("f.area-code-help")} />
      <TextField
        form={form}
        name="numberPrefix"
        label={t("f.number-prefix")}
        help={t("f.number-prefix-help")}
      />
      <SelectField
        form={form}
        name="identityHeader"
        label={t("f.identity")}
        options={[
          { value: "none", label: t("form.none") },
          { value: "pai", label: "P-Asserted-Identity" },
          { value: "ppi", label: "P-Preferred-Identity" },
          { value: "rpid", label: "Remote-Party-ID" },
        ]}
      />
      <SelectField
        form={form}
        name="fromUser"
        label={t("f.from-user")}
        help={t("f.from-user-help")}
        options={users}
      />
      <TextField form={form} name="fromText" label={t("f.from-text")} />
      <SelectField
        form={form}
        name="contactUser"
        label={t("f.contact-user")}
        help={t("f.contact-user-help")}
        options={users}
      />
      <TextField form={form} name="contactText" label={t("f.contact-text")} />
      <CheckField form={form} name="diversion" label={t("f.diversion")} help={t("f.diversion-help")} />
      <CheckField form={form} name="hideNumber" label={t("f.hide-number")} help={t("f.hide-number-help")} />
    </>,
  );
}

function media(form: FormState): TabPane {
  const { t } = form;
  return fieldsPane(
    form,
    "media",
    <>
      <TextField form={form} name="codecs" label={t("f.codecs")} help={t("f.codecs-help")} />
      <SelectField
        form={form}
        name="srtp"
        label={t("f.srtp")}
        help={t("f.srtp-help")}
        options={(["off", "required"] as const).map((value) => ({ value, label: t(`srtp.${value}`) }))}
      />
      <SelectField
        form={form}
        name="dtmf"
        label={t("f.dtmf")}
        help={t("f.dtmf-help")}
        options={DTMF.map((value) => ({ value, label: t(`dtmf.${value}`) }))}
      />
      <CheckField form={form} name="earlyMedia" label={t("f.early-media")} help={t("f.early-media-help")} />
    </>,
  );
}

function limits(form: FormState, trunks: readonly Choice[], row: TrunkRow | undefined): TabPane {
  const { t } = form;
  return fieldsPane(
    form,
    "limits",
    <>
      <TextField
        form={form}
        name="maxCalls"
        type="number"
        label={t("f.max-calls")}
        help={t("f.zero-no-limit")}
      />
      <TextField
        form={form}
        name="callsPerSecond"
        type="number"
        label={t("f.calls-per-second")}
        help={t("f.zero-no-limit")}
      />
      <SelectField
        form={form}
        name="nextTrunkId"
        label={t("f.next-trunk")}
        help={t("f.next-trunk-help")}
        options={trunks.filter((trunk) => trunk.value !== String(row?.id ?? ""))}
        none={t("f.next-trunk-none")}
      />
    </>,
  );
}

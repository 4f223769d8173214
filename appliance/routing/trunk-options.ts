/** What may be set about a trunk beyond its address, checked and as columns. */
import { getCountries, isSupportedCountry } from "libphonenumber-js/max";
import { TRUNK_DEFAULTS, type TrunkOptions } from "../../sip/index.ts";
import type { Tx } from "../../storage/database.ts";
import type { Checks } from "../checks.ts";
import type { TrunkInput } from "./model.ts";

const FORMATS = ["dialled", "national", "e164", "idd"] as const;
const USERS = ["account", "caller", "fixed"] as const;

/** Countries whose numbering plans are known, ISO 3166. */
export const COUNTRIES: readonly string[] = getCountries();

/** Complains field by field; options left out are the defaults. */
export function optionColumns(checks: Checks, input: TrunkInput) {
  const given: TrunkOptions = { ...TRUNK_DEFAULTS, ...definedOf(input) };
  const country = checks.text("country", given.country, { required: true, max: 2 }).toUpperCase();
  if (country !== "" && !isSupportedCountry(country)) checks.fail("country", "error.unknown-choice");
  const areaCode = checks.digits("areaCode", given.areaCode, { max: 6 });
  const numberPrefix = checks.text("numberPrefix", given.numberPrefix, { max: 16 });
  if (!/^[+\d*#]*$/.test(numberPrefix)) checks.fail("numberPrefix", "error.phone-number");
  const fixed = (field: "fromText" | "contactText", user: TrunkOptions["fromUser"]) => {
    const text = checks.text(field, given[field], { max: 64, required: user === "fixed" });
    // What a user part of a SIP URI can carry without surprises (RFC 3261 §25.1).
    if (!/^[\w.!~*'()&=+$,;?/-]*$/.test(text)) checks.fail(field, "error.characters");
    return text;
  };
  return {
    srtp: checks.oneOf("srtp", given.srtp, ["off", "required"]),
    dtmf: checks.oneOf("dtmf", given.dtmf, ["rfc4733", "info", "inband"]),
    early_media: given.earlyMedia ? 1 : 0,
    calls_per_second: checks.int("callsPerSecond", given.callsPerSecond, 0, 1000),
    number_format: checks.oneOf("numberFormat", given.numberFormat, FORMATS),
    caller_format: checks.oneOf("callerFormat", given.callerFormat, FORMATS),
    country,
    area_code: areaCode,
    number_prefix: numberPrefix,
    from_user: checks.oneOf("fromUser", given.fromUser, USERS),
    from_text: fixed("fromText", given.fromUser),
    contact_user: checks.oneOf("contactUser", given.contactUser, USERS),
    contact_text: fixed("contactText", given.contactUser),
    diversion: given.diversion ? 1 : 0,
    hide_number: given.hideNumber ? 1 : 0,
  };
}

function definedOf(input: TrunkInput): Partial<TrunkOptions> {
  const entries = Object.keys(TRUNK_DEFAULTS).flatMap((key) => {
    const value = input[key as keyof TrunkOptions];
    return value === undefined ? [] : [[key, value] as const];
  });
  return Object.fromEntries(entries);
}

/** The next trunk, which must exist and not lead back here. */
export async function nextTrunk(
  tx: Tx,
  checks: Checks,
  id: number | undefined,
  next: number | null,
): Promise<number | null> {
  const rows = await tx.selectFrom("trunk").select(["id", "next_trunk_id"]).execute();
  const after = new Map(rows.map((row) => [row.id, row.next_trunk_id]));
  checks.known("nextTrunkId", next, after);
  const seen = new Set<number>();
  for (let at: number | null = next; at !== null && !seen.has(at); at = after.get(at) ?? null) {
    if (at === id) checks.fail("nextTrunkId", "error.trunk-loop");
    seen.add(at);
  }
  return next;
}

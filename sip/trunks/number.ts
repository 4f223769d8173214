/**
 * How carriers want numbers: national, E.164 or with the international prefix. Only complete subscriber numbers of a
 * known numbering plan are rewritten; emergency, service and hotline numbers go out as they were dialled.
 */
import {
  type CountryCode,
  isSupportedCountry,
  type PhoneNumber,
  parsePhoneNumberFromString,
} from "libphonenumber-js/max";
import type { TrunkConfig, TrunkNumberFormat } from "../directory.ts";

export type NumberRules = Pick<TrunkConfig, "country" | "areaCode">;

/** Numbers reached only inside one country, under the one form everybody knows: 400, 800, 95xxx, 968xx. */
const DOMESTIC = new Set(["SHARED_COST", "TOLL_FREE", "PREMIUM_RATE", "UAN", "VOICEMAIL"]);

/** Service numbers longer than six digits, by country; without formatting and without prefixes. */
const SERVICE: Readonly<Record<string, RegExp>> = {
  // 1xx–1xxxxxxx (110, 10086, 1008611, 12345678) and the hotlines 95xxx–95xxxxxx, 96xxx–96xxxxxx.
  CN: /^(?:1\d{2,7}|9[56]\d{3,6})$/,
};

/** Emergency and service numbers: short, or known as such in the country. */
export function isServiceNumber(number: string, country: string): boolean {
  if (!/^\d+$/.test(number)) return false;
  return number.length <= 6 || SERVICE[country]?.test(number) === true;
}

/**
 * The number in the form wanted; unchanged when it is none that can be written otherwise (extensions, service numbers,
 * feature codes, incomplete numbers, anything that is not only digits with an optional plus).
 */
export function formatNumber(number: string, format: TrunkNumberFormat, rules: NumberRules): string {
  if (format === "dialled" || !/^\+?\d{3,20}$/.test(number) || isServiceNumber(number, rules.country))
    return number;
  const parsed = subscriber(number, rules);
  if (parsed === undefined) return number;
  const own = parsed.countryCallingCode === callingCode(rules.country);
  // A hotline has one form at home.
  if (own && DOMESTIC.has(parsed.getType() ?? "")) return isInternational(number) ? home(parsed) : number;
  const digits = parsed.number.slice(1);
  switch (format) {
    case "e164":
      return parsed.number;
    case "idd":
      return internationalPrefix(rules.country) + digits;
    case "national":
      return own ? home(parsed) : internationalPrefix(rules.country) + digits;
  }
}

/** The number called as a trunk sends it: formatted, then the trunk's own prefix. */
export function calledNumber(
  number: string,
  trunk: NumberRules & Pick<TrunkConfig, "numberFormat" | "numberPrefix">,
): string {
  if (isServiceNumber(number, trunk.country)) return number;
  return trunk.numberPrefix + formatNumber(number, trunk.numberFormat, trunk);
}

function isInternational(number: string): boolean {
  return number.startsWith("+") || number.startsWith("00");
}

function home(parsed: PhoneNumber): string {
  return parsed.formatNational().replace(/\D/g, "");
}

/** A valid number of the plan; one without area code is read as a local one when the trunk knows its area. */
function subscriber(number: string, rules: NumberRules): PhoneNumber | undefined {
  if (!isSupportedCountry(rules.country)) return undefined;
  const country: CountryCode = rules.country;
  const whole = parsePhoneNumberFromString(number, country);
  if (whole?.isValid()) return whole;
  if (rules.areaCode === "" || number.startsWith("+") || number.startsWith("0")) return undefined;
  const local = parsePhoneNumberFromString(rules.areaCode + number, country);
  return local?.isValid() ? local : undefined;
}

function callingCode(country: string): string | undefined {
  if (!isSupportedCountry(country)) return undefined;
  return parsePhoneNumberFromString("100000000", country)?.countryCallingCode;
}

const PREFIXES = new Map<string, string>();

/** What one dials before a country code ("00", "011"). */
export function internationalPrefix(country: string): string {
  const known = PREFIXES.get(country);
  if (known !== undefined) return known;
  // The plan's data is reached through a number abroad.
  const abroad = callingCode(country) === "44" ? "+33123456789" : "+442079460958";
  const parsed = isSupportedCountry(country) ? parsePhoneNumberFromString(abroad) : undefined;
  const dialled = (isSupportedCountry(country) ? parsed?.format("IDD", { fromCountry: country }) : "") ?? "";
  const prefix = dialled.replace(/\D/g, "").slice(0, -(abroad.length - 1)) || "00";
  PREFIXES.set(country, prefix);
  return prefix;
}

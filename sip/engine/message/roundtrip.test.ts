import { expect, test } from "bun:test";
import fc from "fast-check";
import { formatAddress, parseAddress, tagOf, withTag } from "./address.ts";
import { formatParams, type Params, parseParams, quote } from "./tokens.ts";
import { decodeUser, escapeUser, formatUri, parseUri, type SipUri, sameUri, type TelUri } from "./uri.ts";

const chars = (text: string, bounds: { minLength?: number; maxLength: number }) =>
  fc.string({ unit: fc.constantFrom(...text), ...bounds });
const TOKEN = "abcXYZ019-.!%*_+`'~";
const token = chars(TOKEN, { minLength: 1, maxLength: 12 });
const lowerToken = token.map((text) => text.toLowerCase());
const label = chars("abz019", { minLength: 1, maxLength: 8 });
const host = fc.oneof(
  fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => `${labels.join(".")}.example`),
  fc.ipV4(),
  fc.ipV6().map((address) => `[${address}]`),
);
const params: fc.Arbitrary<Params> = fc
  .uniqueArray(fc.tuple(lowerToken, fc.option(token, { nil: undefined })), {
    selector: ([name]) => name,
    maxLength: 4,
  })
  .map((entries) => new Map(entries));
/** Any text, Chinese names and emoji too. */
const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 });

const sipUri: fc.Arbitrary<SipUri> = fc
  .record({
    scheme: fc.constantFrom<"sip" | "sips">("sip", "sips"),
    user: fc.option(text, { nil: undefined }),
    host,
    port: fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined }),
    params,
  })
  .map(({ scheme, user, host: place, port, params: given }) => ({
    kind: "sip",
    scheme,
    host: place,
    params: given,
    ...(user === undefined ? {} : { user: escapeUser(user) }),
    ...(port === undefined ? {} : { port }),
  }));

const telUri: fc.Arbitrary<TelUri> = fc
  .record({ plus: fc.boolean(), digits: chars("0123456789-.()", { minLength: 1, maxLength: 15 }), params })
  .map(({ plus, digits, params: given }) => ({
    kind: "tel",
    number: `${plus ? "+" : ""}${digits}`,
    params: given,
  }));

test("a URI written and read again is the same, its user any text", () => {
  fc.assert(
    fc.property(fc.oneof(sipUri, telUri), (uri) => {
      const again = parseUri(formatUri(uri));
      expect(again).toEqual(uri);
      expect(again !== undefined && sameUri(uri, again)).toBe(true);
    }),
    { numRuns: 400 },
  );
  fc.assert(
    fc.property(text, (user) => {
      const uri = parseUri(`sip:${escapeUser(user)}@office.example`);
      expect(uri && decodeUser(uri)).toBe(user);
    }),
    { numRuns: 300 },
  );
});

test("an address with any display name survives writing and reading; its tag is found and replaced", () => {
  // Line breaks cannot be written in a display name and become spaces.
  const display = text.filter((name) => !/[\r\n]/.test(name));
  fc.assert(
    fc.property(fc.option(display, { nil: undefined }), sipUri, params, token, (name, uri, given, tag) => {
      const address = {
        ...(name === undefined ? {} : { display: name }),
        uri: formatUri(uri),
        params: given,
      };
      const written = formatAddress(address);
      expect(parseAddress(written)).toEqual(address);
      expect(tagOf(withTag(written, tag))).toBe(tag);
    }),
    { numRuns: 400 },
  );
});

test("parameters keep their order and quoted values", () => {
  fc.assert(
    fc.property(params, text, (given, value) => {
      const quoted = quote(value);
      const all: Params = new Map([...given, ["zz-quoted", quoted]]);
      expect([...(parseParams(formatParams(all)) ?? [])]).toEqual([...all]);
    }),
    { numRuns: 300 },
  );
});

import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseAddress, parseAddressList } from "./address.ts";
import { parseUri, uriScheme } from "./uri.ts";
import { isPlainAddress, isPlainUri } from "./validate.ts";

const piece = fc.oneof(
  fc.constantFrom(
    "sip:",
    "sips:",
    "<",
    ">",
    "@",
    ":",
    ";tag=",
    ";transport=",
    "udp",
    "5060",
    "65536",
    "59999",
    ".",
  ),
  fc.constantFrom(
    "a",
    "alice",
    "10.0.0.1",
    "-",
    " ",
    '"',
    ",",
    "?",
    ";",
    "=",
    "[::1]",
    "%41",
    "\t",
    "总",
    "_",
    "*",
  ),
);
const near = fc
  .record({
    display: fc.constantFrom("", "A ", "A", " ", '"A" ', "a.b "),
    open: fc.constantFrom("<", "<", "<", ""),
    scheme: fc.constantFrom("sip:", "sips:", "sip:", "SIP:", "tel:"),
    user: fc.constantFrom("a@", "+861@", "b.c@", "@", "", "a:b@"),
    host: fc.constantFrom("h", "10.0.0.1", "a..b", "-", "a-.b", ".", "h_"),
    port: fc.constantFrom("", ":5060", ":0", ":59999", ":60000", ":", ":123456"),
    param: fc.constantFrom("", "", ";transport=udp", ";transport=", ";lr", ";"),
    close: fc.constantFrom(">", ">", ">", ""),
    tag: fc.constantFrom("", "", ";tag=x", ";tag=y", ";tag=", ";tag", ";;tag=x", ";tag=x;y"),
  })
  .map((parts) => Object.values(parts).join(""));
const nearUri = fc
  .tuple(
    fc.constantFrom("sip:", "sips:"),
    fc.constantFrom("a@", "+861@", "a*_.+-@", "@", "a:b@", "a@b@"),
    fc.constantFrom("h", "10.0.0.1", "a..b", "-", "a-.b", "a.", "h_"),
    fc.constantFrom("", ":5060", ":0", ":59999", ":60000", ":65536"),
    fc.constantFrom("", ";transport=udp", ";lr", "?a=b"),
  )
  .map((parts) => parts.join(""));
const text = fc.oneof(
  near,
  nearUri,
  near,
  nearUri,
  fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join("")),
);

test("what the short check lets through the grammar lets through too", () => {
  let [addresses, uris] = [0, 0];
  fc.assert(
    fc.property(text, (value) => {
      if (isPlainAddress(value)) {
        addresses++;
        const address = parseAddress(value);
        expect(address && uriScheme(address.uri)).toMatch(/^sips?$/);
        expect(address && parseUri(address.uri)?.kind).toBe("sip");
        expect(address?.params.get("tag")).not.toBe("");
        expect(parseAddressList(value)).toHaveLength(1);
      }
      if (isPlainUri(value)) {
        uris++;
        const uri = parseUri(value);
        expect(uri?.kind === "sip" && uri.headers === undefined).toBe(true);
        expect(parseAddressList(value)).toHaveLength(1);
      }
    }),
    { numRuns: 20_000 },
  );
  // It has to have seen both kinds often, or it has proved nothing.
  expect(Math.min(addresses, uris)).toBeGreaterThan(15);
});

test("a long text takes no long time", () => {
  const started = performance.now();
  for (const value of [`${"a".repeat(16_000)}`, `<sip:${"a".repeat(16_000)}`, `<sip:a@${"1.".repeat(8_000)}`])
    for (let n = 0; n < 100; n++) expect([isPlainAddress(value), isPlainUri(value)]).toEqual([false, false]);
  expect(performance.now() - started).toBeLessThan(1_000);
});

/** RFC 5118: IPv6 in SIP messages. */
import { expect, test } from "bun:test";
import { parseAddress, parseMessage, parseUri, parseVia, sameUri, topVia, validateMessage } from "./index.ts";

const register = (uri: string, via: string, contact: string) =>
  parseMessage(
    Buffer.from(
      [
        `REGISTER ${uri} SIP/2.0`,
        "To: sip:user@example.com",
        "From: sip:user@example.com;tag=81x2",
        `Via: ${via}`,
        "Call-ID: SSG9559905523997077@hlau_4100",
        "Max-Forwards: 70",
        `Contact: ${contact}`,
        "CSeq: 98176 REGISTER",
        "Content-Length: 0",
        "",
        "",
      ].join("\r\n"),
    ),
  );

function verdict(...parts: Parameters<typeof register>): string | number {
  const parsed = register(...parts);
  if (!parsed.ok) return parsed.status;
  const judged = validateMessage(parsed.message);
  return judged.action === "answer" ? judged.status : judged.action;
}

const VIA = "SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111";
const CONTACT = '"Caller" <sip:caller@[2001:db8::1]>';

test("§4.1 valid reference, §4.2 missing brackets in the Request-URI is 400", () => {
  expect(verdict("sip:[2001:db8::10]", VIA, CONTACT)).toBe("accept");
  expect(verdict("sip:2001:db8::10", VIA, CONTACT)).toBe(400);
});

test("§4.3 port ambiguous inside brackets, §4.4 unambiguous outside", () => {
  const ambiguous = parseUri("sip:[2001:db8::10:5070]");
  expect(ambiguous?.kind === "sip" && ambiguous.port).toBeUndefined();
  expect(ambiguous?.kind === "sip" && ambiguous.host).toBe("[2001:db8::10:5070]");
  const clear = parseUri("sip:[2001:db8::10]:5070");
  expect(clear?.kind === "sip" && [clear.host, clear.port]).toEqual(["[2001:db8::10]", 5070]);
});

test("§4.5 received with and without brackets is read", () => {
  for (const received of ["[2001:db8::9:255]", "2001:db8::9:255"]) {
    const parsed = register("sip:[2001:db8::10]", `${VIA};received=${received}`, CONTACT);
    expect(parsed.ok && topVia(parsed.message)?.params.get("received")).toBe(received);
  }
  expect(parseVia("SIP/2.0/UDP 2001:db8::9:1;branch=z9hG4bK1")?.host).toBe("[2001:db8::9:1]");
});

test("§4.6 mixed IPv4 and IPv6, §4.10 IPv4-mapped addresses", () => {
  expect(verdict("sip:user@example.com", VIA, "<sip:caller@192.0.2.1>")).toBe("accept");
  expect(parseUri("sip:[::ffff:192.0.2.2]")).toMatchObject({ host: "[::ffff:192.0.2.2]" });
  expect(parseAddress("<sip:a@[::ffff:192.0.2.2]:5060>;tag=1")?.uri).toBe("sip:a@[::ffff:192.0.2.2]:5060");
});

test("§4.8, §4.9 different spellings of one address are equal; three colons are not an address to compare", () => {
  const [left, right] = [parseUri("sip:a@[2001:db8::9:1]"), parseUri("sip:a@[2001:0DB8:0:0::9:1]")];
  expect(left && right && sameUri(left, right)).toBe(true);
  const other = parseUri("sip:a@[2001:db8::9:2]");
  expect(left && other && sameUri(left, other)).toBe(false);
});

/** RFC 4475 torture messages: every one with the treatment its text asks for, as far as this layer decides it. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  decodeUser,
  getHeader,
  getHeaders,
  getList,
  parseAddress,
  parseAuth,
  parseCSeq,
  parseMaxForwards,
  parseMessage,
  parseSeconds,
  parseUri,
  parseVia,
  type SipMessage,
  serializeMessage,
  topVia,
  uniqueBranch,
  unsupportedExtensions,
  validateMessage,
} from "./index.ts";

const FOLDER = join(import.meta.dir, "../../../test/fixtures/rfc4475");
const load = (name: string) => readFileSync(join(FOLDER, `${name}.dat`));

/** "accept", "drop", or the status the layer answers with. */
function treatment(name: string): string | number {
  const parsed = parseMessage(load(name));
  if (!parsed.ok) return parsed.partial ? parsed.status : "drop";
  const verdict = validateMessage(parsed.message);
  return verdict.action === "answer" ? verdict.status : verdict.action;
}

function accepted(name: string): SipMessage {
  const parsed = parseMessage(load(name));
  if (!parsed.ok) throw new Error(`${name}: ${parsed.reason}`);
  return parsed.message;
}

const value = (message: SipMessage, name: string) => getHeader(message, name) ?? "";
const uriOf = (text: string) => parseUri(parseAddress(text)?.uri ?? "");

const EXPECTED: Record<string, string | number> = {
  // §3.1.1 valid
  wsinv: "accept",
  intmeth: "accept",
  esc01: "accept",
  escnull: "accept",
  esc02: "accept",
  lwsdisp: "accept",
  longreq: "accept",
  dblreq: "accept",
  semiuri: "accept",
  transports: "accept",
  mpart01: "accept",
  unreason: "accept",
  noreason: "accept",
  // §3.1.2 invalid; where the text allows a liberal reading without ambiguity, it is taken
  badinv01: 400,
  clerr: 400,
  ncl: 400,
  scalar02: 400,
  scalarlg: "drop",
  quotbal: 400,
  ltgtruri: 400,
  lwsruri: 400,
  lwsstart: "accept",
  trws: "accept",
  escruri: 400,
  baddate: "accept",
  regbadct: 400,
  badaspec: "accept",
  baddn: "accept",
  badvers: 505,
  mismatch01: 400,
  mismatch02: 400,
  bigcode: "drop",
  // §3.2 transaction layer
  badbranch: "accept",
  // §3.3 application layer: what is left to upper layers is accepted here
  insuf: 400,
  unkscm: 416,
  novelsc: 416,
  unksm2: "accept",
  bext01: "accept",
  invut: "accept",
  regaut01: "accept",
  multi01: 400,
  mcl01: 400,
  bcast: "accept",
  zeromf: "accept",
  cparam01: "accept",
  cparam02: "accept",
  regescrt: "accept",
  sdp01: "accept",
  // §3.4 backward compatibility
  inv2543: "accept",
  // No version in the request line and no Via: nothing to answer to
  test: "drop",
};

test("every message of the fixtures has its expected treatment", () => {
  const found = readdirSync(FOLDER).filter((file) => file.endsWith(".dat"));
  expect(found.map((file) => file.slice(0, -4)).sort()).toEqual(Object.keys(EXPECTED).sort());
});

for (const [name, expected] of Object.entries(EXPECTED)) {
  test(`${name}: ${expected}`, () => {
    expect(treatment(name)).toBe(expected);
    if (expected !== "accept") return;
    const once = serializeMessage(accepted(name));
    const again = parseMessage(once);
    expect(again.ok && serializeMessage(again.message).equals(once)).toBe(true);
  });
}

describe("values of the valid messages", () => {
  test("wsinv: folding, white space, compact names, leading zeroes", () => {
    const message = accepted("wsinv");
    expect(parseAddress(value(message, "To"))?.params.get("tag")).toBe("1918181833n");
    expect(parseAddress(value(message, "From"))?.display).toBe('J Rosenberg \\"');
    expect(parseCSeq(value(message, "CSeq"))).toEqual({ sequence: 9, method: "INVITE" });
    expect(parseMaxForwards(value(message, "Max-Forwards"))).toBe(68);
    const vias = getList(message, "Via").map((text) => parseVia(text));
    expect(vias.map((via) => `${via?.transport} ${via?.host} ${via?.params.get("branch")}`)).toEqual([
      "UDP 192.0.2.2 390skdjuw",
      "TCP spindle.example.com z9hG4bK9ikj8",
      "UDP 192.168.255.111 z9hG4bK30239",
    ]);
    expect(getHeader(message, "s")).toBe("");
    expect(value(message, "newfangledheader")).toBe("newfangled value continued newfangled value");
    const contact = parseAddress(value(message, "Contact"));
    expect(contact?.display).toBe('Quoted string ""');
    expect([...(contact?.params ?? [])]).toEqual([
      ["newparam", "newvalue"],
      ["secondparam", undefined],
      ["q", "0.33"],
    ]);
    expect(message.body.length).toBe(150);
  });

  test("intmeth: unusual method, user, display and tag", () => {
    const message = accepted("intmeth");
    expect(message.kind === "request" && message.method).toBe("!interesting-Method0123456789_*+`.%indeed'~");
    expect(parseAddress(value(message, "To"))?.display).toBe("BEL:\u0007 NUL:\u0000 DEL:\u007f");
    expect(parseAddress(value(message, "From"))?.params.get("tag")).toBe("_token~1'+`*%!-.");
    const uri = message.kind === "request" ? parseUri(message.uri) : undefined;
    expect(uri?.kind === "sip" && uri.host).toBe("example.com");
  });

  test("esc01, escnull, esc02: escapes belong to the user part only", () => {
    const escaped = accepted("esc01");
    const uri = escaped.kind === "request" ? parseUri(escaped.uri) : undefined;
    expect(uri && decodeUser(uri)).toBe("sips:user@example.com");
    expect(uri?.kind === "sip" && uri.host).toBe("example.net");
    const to = uriOf(value(escaped, "To"));
    expect(to && decodeUser(to)).toBe("user");
    const users = getHeaders(accepted("escnull"), "Contact").map((text) => {
      const contact = uriOf(text);
      return contact && decodeUser(contact);
    });
    expect(users).toEqual(["\u0000", "\u0000\u0000"]);
    const literal = accepted("esc02");
    expect(literal.kind === "request" && literal.method).toBe("RE%47IST%45R");
    expect(getHeaders(literal, "Contact")).toHaveLength(2);
    expect(parseAddress(value(literal, "To"))?.display).toBe("%Z%45");
  });

  test("lwsdisp, longreq, semiuri, transports, dblreq, mpart01", () => {
    expect(parseAddress(value(accepted("lwsdisp"), "From"))?.display).toBe("caller");
    const long = accepted("longreq");
    expect(getList(long, "Via").length).toBeGreaterThan(30);
    expect(parseAddress(value(long, "From"))?.params.get("tag")).toStartWith("12982982982982");
    const semi = accepted("semiuri");
    const uri = semi.kind === "request" ? parseUri(semi.uri) : undefined;
    expect(uri && decodeUser(uri)).toBe("user;par=u@example.net");
    const kinds = getHeaders(accepted("transports"), "Via").map((text) => parseVia(text)?.transport);
    expect(kinds).toEqual(["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]);
    const first = accepted("dblreq");
    expect(first.kind === "request" && first.method).toBe("REGISTER");
    expect(first.body.length).toBe(0);
    expect(accepted("mpart01").body.length).toBe(553);
  });

  test("unreason, noreason: reason phrases", () => {
    const unusual = accepted("unreason");
    expect(unusual.kind === "response" && unusual.reason).toStartWith("= 2**3 * 5**2 но сто");
    const none = accepted("noreason");
    expect(none.kind === "response" && [none.status, none.reason]).toEqual([100, ""]);
  });

  test("what upper layers read: branch, extensions, scheme, credentials, contacts", () => {
    const bare = topVia(accepted("badbranch"));
    expect(bare && uniqueBranch(bare)).toBeUndefined();
    const extended = accepted("bext01");
    if (extended.kind !== "request") throw new Error("request expected");
    expect(unsupportedExtensions(extended, new Set())).toEqual([
      "nothingSupportsThis",
      "nothingSupportsThisEither",
    ]);
    expect(unsupportedExtensions(extended, new Set(), "Proxy-Require")).toHaveLength(2);
    expect(uriOf(value(accepted("unksm2"), "To"))).toMatchObject({ kind: "other", scheme: "isbn" });
    expect(parseAuth(value(accepted("regaut01"), "Authorization"))?.scheme).toBe("NoOneKnowsThisScheme");
    expect(parseMaxForwards(value(accepted("zeromf"), "Max-Forwards"))).toBe(0);
    expect(parseAddress(value(accepted("cparam01"), "Contact"))?.params.has("unknownparam")).toBe(true);
    expect(parseAddress(value(accepted("cparam02"), "Contact"))?.params.has("unknownparam")).toBe(false);
    const route = uriOf(value(accepted("regescrt"), "Contact"));
    expect(route?.kind === "sip" && route.headers).toBe("Route=%3Csip:sip.example.com%3E");
    expect(parseSeconds("1".padEnd(101, "0"))).toBe(4294967295);
    expect(parseAddress(value(accepted("badaspec"), "To"))?.uri).toBe("sip:t.watson@example.org");
    expect(parseAddress(value(accepted("baddn"), "From"))?.display).toBe("Bell, Alexander");
  });
});

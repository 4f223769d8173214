/** RFC 5118: every message of the RFC (test/fixtures/rfc5118) with the treatment its text asks for. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { literalHop } from "../dialog/routing.ts";
import { markReceived } from "../transport/received.ts";
import {
  getHeaders,
  normalIpv6,
  parseAddress,
  parseMessage,
  parseUri,
  parseVia,
  type SipRequest,
  sameUri,
  serializeMessage,
  topVia,
  validateMessage,
} from "./index.ts";

const FOLDER = join(import.meta.dir, "../../../test/fixtures/rfc5118");
const load = (name: string) => readFileSync(join(FOLDER, `${name}.dat`));

function verdict(name: string): string | number {
  const parsed = parseMessage(load(name));
  if (!parsed.ok) return parsed.partial ? parsed.status : "drop";
  const judged = validateMessage(parsed.message);
  return judged.action === "answer" ? judged.status : judged.action;
}

function message(name: string): SipRequest {
  const parsed = parseMessage(load(name));
  if (!parsed.ok || parsed.message.kind !== "request") throw new Error(name);
  return parsed.message;
}

const uriOf = (name: string) => {
  const uri = parseUri(message(name).uri);
  if (uri?.kind !== "sip") throw new Error(name);
  return uri;
};
const body = (name: string) => Buffer.from(message(name).body).toString();

const EXPECTED: Record<string, string | number> = {
  "ipv6-good": "accept",
  // Not delimited: host and port cannot be told apart.
  "ipv6-bad": 400,
  "port-ambiguous": "accept",
  "port-unambiguous": "accept",
  "via-received-param-with-delim": "accept",
  "via-received-param-no-delim": "accept",
  "ipv6-in-sdp": "accept",
  "mult-ip-in-header": "accept",
  "mult-ip-in-sdp": "accept",
  "ipv4-mapped-ipv6": "accept",
  "ipv6-bug-abnf-3-colons": "accept",
  "ipv6-correct-abnf-2-colons": "accept",
};

test("the fixtures are all the messages of the RFC", () => {
  const found = readdirSync(FOLDER)
    .filter((file) => file.endsWith(".dat"))
    .map((file) => file.slice(0, -4));
  expect(found.sort()).toEqual(Object.keys(EXPECTED).sort());
});

for (const [name, expected] of Object.entries(EXPECTED)) {
  test(`${name}: ${expected}`, () => {
    expect(verdict(name)).toBe(expected);
    if (expected !== "accept") return;
    const once = serializeMessage(message(name));
    const again = parseMessage(once);
    expect(again.ok && serializeMessage(again.message).equals(once)).toBe(true);
  });
}

describe("what is read from them", () => {
  test("§4.1 the reference in Request-URI, Via and Contact", () => {
    expect(uriOf("ipv6-good")).toMatchObject({ host: "[2001:db8::10]" });
    expect(uriOf("ipv6-good").port).toBeUndefined();
    expect(topVia(message("ipv6-good"))).toMatchObject({ host: "[2001:db8::9:1]" });
    expect(parseAddress(getHeaders(message("ipv6-good"), "Contact")[0] ?? "")?.uri).toBe(
      "sip:caller@[2001:db8::1]",
    );
  });

  test("§4.3 inside the brackets 5070 belongs to the address, §4.4 outside it is the port", () => {
    const ambiguous = uriOf("port-ambiguous");
    expect([ambiguous.host, ambiguous.port]).toEqual(["[2001:db8::10:5070]", undefined]);
    expect(literalHop(message("port-ambiguous").uri)?.destination).toMatchObject({
      address: "2001:db8::10:5070",
      port: 5060,
    });
    const clear = uriOf("port-unambiguous");
    expect([clear.host, clear.port]).toEqual(["[2001:db8::10]", 5070]);
    expect(literalHop(message("port-unambiguous").uri)?.destination).toMatchObject({
      address: "2001:db8::10",
      port: 5070,
    });
  });

  test("§4.5 received with and without brackets means the same; ours is written without", () => {
    const received = (name: string) => topVia(message(name))?.params.get("received") ?? "";
    expect(received("via-received-param-with-delim")).toBe("[2001:db8::9:255]");
    expect(received("via-received-param-no-delim")).toBe("2001:db8::9:255");
    expect(normalIpv6(received("via-received-param-with-delim"))).toBe(
      normalIpv6(received("via-received-param-no-delim")),
    );
    const request = message("ipv6-good");
    markReceived(request, "2001:db8::9:255", 5060);
    expect(getHeaders(request, "Via")[0]).toContain(";received=2001:db8::9:255");
    expect(parseVia("SIP/2.0/UDP 2001:db8::9:1;branch=z9hG4bK1")?.host).toBe("[2001:db8::9:1]");
  });

  test("a source that is only spelt differently needs no received", () => {
    const request = message("ipv6-good");
    markReceived(request, "2001:0DB8:0:0:0:0:9:1", 5060);
    expect(getHeaders(request, "Via")[0]).not.toContain("received");
  });

  test("§4.6, §4.8, §4.9 bodies come through to the last byte", () => {
    expect(body("ipv6-in-sdp")).toContain("c=IN IP6 2001:db8::20\r\n");
    expect(body("ipv6-in-sdp")).toEndWith("a=rtpmap:107 H263-1998/90000\r\n");
    expect(body("mult-ip-in-sdp").match(/^c=.*$/gm)).toEqual(["c=IN IP4 192.0.2.1", "c=IN IP6 2001:db8::1"]);
    expect(body("ipv4-mapped-ipv6")).toContain("c=IN IP6 ::ffff:192.0.2.2\r\n");
  });

  test("§4.7 Vias of both families in one message", () => {
    const vias = getHeaders(message("mult-ip-in-header"), "Via").map((text) => parseVia(text));
    expect(vias.map((via) => [via?.transport, via?.host, via?.port, via?.params.get("received")])).toEqual([
      ["UDP", "[2001:db8::9:1]", 6050, undefined],
      ["UDP", "192.0.2.1", undefined, undefined],
      ["TCP", "[2001:db8::9:255]", undefined, "192.0.2.200"],
    ]);
  });

  test("§4.9 an IPv4-mapped address is one", () => {
    expect(topVia(message("ipv4-mapped-ipv6"))).toMatchObject({ host: "[::ffff:192.0.2.10]", port: 19823 });
    const contact = parseAddress(getHeaders(message("ipv4-mapped-ipv6"), "Contact")[0] ?? "");
    expect(contact).toMatchObject({ display: "T. desk phone", uri: "sip:ted@[::ffff:192.0.2.2]" });
  });

  test("§4.10 three colons mean what two mean: the same URI, the same way", () => {
    const [slip, right] = [uriOf("ipv6-bug-abnf-3-colons"), uriOf("ipv6-correct-abnf-2-colons")];
    expect(sameUri(slip, right)).toBe(true);
    expect(literalHop(message("ipv6-bug-abnf-3-colons").uri)).toEqual(
      literalHop(message("ipv6-correct-abnf-2-colons").uri),
    );
    expect(literalHop("sip:user@[2001:db8:::10]")).toBeUndefined();
  });

  test("different spellings of one address are equal (RFC 5954 §4)", () => {
    const [left, right] = [parseUri("sip:a@[2001:db8::9:1]"), parseUri("sip:a@[2001:0DB8:0:0::9:1]")];
    expect(left && right && sameUri(left, right)).toBe(true);
    const other = parseUri("sip:a@[2001:db8::9:2]");
    expect(left && other && sameUri(left, other)).toBe(false);
  });
});

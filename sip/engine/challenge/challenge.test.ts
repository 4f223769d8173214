import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { parseMessage, type SipPeer, type SipRequest } from "../message/index.ts";
import { Challenger, Door, makeNonce, nonceTime } from "./index.ts";

const PEER: SipPeer = { protocol: "udp", address: "192.168.1.9", port: 5060, flow: "u" };
const SECRET = randomBytes(32);

function request(method: string, extra = "", to = "<sip:1001@z>"): SipRequest {
  const text = `${method} sip:z SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.1.9;branch=z9hG4bK1\r\nFrom: <sip:1001@z>;tag=f\r\nTo: ${to}\r\nCall-ID: c\r\nCSeq: 1 ${method}\r\n${extra}\r\n`;
  const parsed = parseMessage(Buffer.from(text));
  if (!parsed.ok || parsed.message.kind !== "request") throw new Error("no request");
  return parsed.message;
}

function door() {
  return new Door({ realm: "zongji", algorithms: ["MD5", "SHA-256"], secret: SECRET.toString("hex") });
}

test("a nonce tells its age to those who know the secret, for the address it was made for", () => {
  const nonce = makeNonce(SECRET, 1_700_000_000_123, "192.168.1.9");
  expect(nonceTime(SECRET, nonce, "192.168.1.9")).toBe(1_700_000_000_123);
  expect(nonceTime(SECRET, nonce, "192.168.1.8")).toBeUndefined();
  expect(nonceTime(randomBytes(32), nonce, "192.168.1.9")).toBeUndefined();
  for (const forged of ["", ".", "a.b", `x${nonce}`, nonce.slice(0, -1)]) {
    expect(nonceTime(SECRET, forged, "192.168.1.9")).toBeUndefined();
  }
  const many = new Set(Array.from({ length: 1000 }, () => makeNonce(SECRET, 1, "a")));
  expect(many.size).toBe(1000);
});

test("the door asks whoever brings no credentials, and leaves all else to the application", () => {
  const answer = door().answer(request("REGISTER"), PEER, 5);
  const lines = answer?.headers.filter((line) => line.name === "WWW-Authenticate") ?? [];
  expect([answer?.status, lines.length]).toEqual([401, 2]);
  expect(lines[0]?.value).toMatch(/^Digest realm="zongji", nonce="[^"]+", algorithm=MD5, qop="auth"$/);
  expect(answer?.headers.find((line) => line.name === "To")?.value).toMatch(/^<sip:1001@z>;tag=\w+$/);
  expect(door().answer(request("REGISTER", "Authorization: Digest a=b\r\n"), PEER, 5)).toBeUndefined();
  expect(door().answer(request("REGISTER", "Route: <sip:other;lr>\r\n"), PEER, 5)).toBeUndefined();
  expect(door().answer(request("REGISTER", "", "<sip:1001@z>;tag=t"), PEER, 5)).toBeUndefined();
  expect(door().answer(request("INVITE"), PEER, 5)).toBeUndefined();
});

test("an agent that comes back without credentials is offered MD5 alone, until it brings some", () => {
  const one = door();
  const offered = () =>
    one.answer(request("REGISTER"), PEER, 5)?.headers.filter((line) => line.name === "WWW-Authenticate")
      .length;
  expect([offered(), offered()]).toEqual([2, 1]);
  one.answer(request("REGISTER", "Authorization: Digest a=b\r\n"), PEER, 6);
  expect(offered()).toBe(2);
});

test("engine and application ask in the same words", () => {
  const challenger = new Challenger({ realm: "zongji", algorithms: ["MD5", "SHA-256"], secret: SECRET });
  const agent = { method: "REGISTER", sourceAddress: PEER.address, userAgent: undefined };
  const shape = (lines: readonly string[]) => lines.map((line) => line.replace(/nonce="[^"]+"/, "nonce"));
  const asked = door()
    .answer(request("REGISTER"), PEER, 5)
    ?.headers.filter((line) => line.name === "WWW-Authenticate")
    .map((line) => line.value);
  expect(shape(asked ?? [])).toEqual(shape(challenger.first(agent, 5)));
  expect(challenger.stale(agent, 5)[1]).toEndWith(', algorithm=SHA-256, qop="auth", stale=true');
});

import { expect, test } from "bun:test";
import { parseMessage } from "../message/index.ts";
import { Detector } from "./detector.ts";
import { factsOf } from "./facts.ts";
import { DEFENCE_DEFAULTS, MOST_USER } from "./model.ts";

/** The user that is counted for a REGISTER with these lines. */
function userOf(...lines: readonly string[]): string | undefined {
  const text = [
    "REGISTER sip:z SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1",
    "From: <sip:1001@z>;tag=f",
    "To: <sip:1001@z>",
    "Call-ID: c",
    "CSeq: 1 REGISTER",
    ...lines,
    "",
    "",
  ].join("\r\n");
  const parsed = parseMessage(Buffer.from(text));
  if (!parsed.ok || parsed.message.kind !== "request") throw new Error("no request");
  return factsOf(parsed.message).user;
}

const REST = 'realm="z", nonce="n", uri="sip:z", response="0"';

test("the user of ordinary credentials, however they are written", () => {
  expect(userOf()).toBeUndefined();
  expect(userOf(`Authorization: Digest username="1001", ${REST}`)).toBe("1001");
  expect(userOf(`Authorization: Digest realm=z,username="1001",${REST}`)).toBe("1001");
  expect(userOf(`Authorization: Digest ${REST}, username="1001"`)).toBe("1001");
  expect(userOf(`Authorization: Digest username=1001, ${REST}`)).toBe("1001");
  expect(userOf(`Authorization: Digest USERNAME = "1001" , ${REST}`)).toBe("1001");
  expect(userOf(`Proxy-Authorization: Digest username="1001", ${REST}`)).toBe("1001");
});

test("a made-up name beside the real one does not hide who is tried", () => {
  const real = `username="1001", ${REST}`;
  for (const decoy of ["r1", "r2"]) {
    expect(userOf(`Authorization: Digest xusername="${decoy}", ${real}`)).toBe("1001");
    expect(userOf(`Authorization: Digest opaque="a, username=${decoy}", ${real}`)).toBe("1001");
    expect(userOf(`Authorization: Digest username="${decoy}", ${real}`)).toBe("1001");
    expect(userOf(`Authorization: Digest username="10\\01", ${REST}`)).toBe("1001");
    const other = `Digest username="${decoy}", realm="elsewhere", nonce="n", uri="sip:z", response="0"`;
    expect(userOf(`Authorization: ${other}`, `Authorization: Digest ${real}`)).toBe("");
    expect(userOf(`Authorization: ${other}, Digest ${real}`)).toBe("");
    expect(userOf(`Authorization: ${other}`, `Proxy-Authorization: Digest ${real}`)).toBe("");
  }
});

test("names of thousands of characters are not kept", () => {
  const subject = new Detector({ ...DEFENCE_DEFAULTS, told: true });
  Bun.gc(true);
  const before = process.memoryUsage().heapUsed;
  for (let index = 0; index < 1_000; index++) {
    const user = `${index}`.padEnd(15_000, String.fromCharCode(97 + (index % 26)));
    subject.evidence({ kind: "failed", address: `198.51.${index >> 8}.${index & 255}`, port: 5060, user });
  }
  Bun.gc(true);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(8 * 1024 * 1024);
  expect(userOf(`Authorization: Digest username="${"a".repeat(9_000)}", ${REST}`)).toHaveLength(MOST_USER);
});

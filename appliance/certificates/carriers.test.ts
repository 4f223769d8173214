import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testCertificate } from "../../test/kit/tls.ts";
import { readCarrierAuthorities } from "./carriers.ts";

const folder = mkdtempSync(join(tmpdir(), "zongji-carriers-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("certificates are gathered; what is none is named and left out", () => {
  const { cert, key } = testCertificate(["127.0.0.2"]);
  writeFileSync(join(folder, "a.pem"), `${cert}\n${key}`);
  writeFileSync(join(folder, "b.crt"), "not a certificate");
  writeFileSync(join(folder, "c.pem"), cert.replace(/[A-Za-z0-9]{40}/, "A".repeat(40)));
  writeFileSync(join(folder, "readme.txt"), "nothing");
  const log: string[] = [];
  const text = readCarrierAuthorities(folder, (line) => log.push(line));
  expect(text.match(/BEGIN CERTIFICATE/g)).toHaveLength(1);
  expect(text).not.toContain("PRIVATE");
  expect(log.map((line) => line.replace(folder, "").slice(0, 6))).toEqual(["/b.crt", "/c.pem"]);
  expect(readCarrierAuthorities(join(folder, "none"), () => {})).toBe("");
});

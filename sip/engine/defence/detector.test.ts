import { expect, test } from "bun:test";
import { DEFENCE_DEFAULTS, Detector } from "./detector.ts";

function detector() {
  const time = { now: 1_000_000 };
  const subject = new Detector({ ...DEFENCE_DEFAULTS, allow: ["10.1.0.0/16"] }, () => time.now);
  return { subject, time };
}

test("a phone that only answers its challenges is never banned", () => {
  const { subject, time } = detector();
  for (let turn = 0; turn < 1_000; turn++) {
    time.now += 1_000;
    expect(subject.admit("192.0.2.1", "udp")).toBe(true);
    subject.outcome("192.0.2.1", "REGISTER", 401, false);
    subject.outcome("192.0.2.1", "REGISTER", 200, true);
  }
  expect(subject.list()).toEqual([]);
});

test("guessing passwords ends in a ban that can be lifted and that ends by itself", () => {
  const { subject, time } = detector();
  for (let turn = 0; turn < 20; turn++) subject.outcome("192.0.2.2", "REGISTER", 401, true);
  expect(subject.list()[0]).toMatchObject({ address: "192.0.2.2", reason: "guessing" });
  expect(subject.admit("192.0.2.2", "udp")).toBe(false);
  expect(subject.admit("192.0.2.3", "udp")).toBe(true);
  expect(subject.lift("192.0.2.2")).toBe(true);
  expect(subject.admit("192.0.2.2", "udp")).toBe(true);
  for (let turn = 0; turn < 20; turn++) subject.outcome("192.0.2.2", "REGISTER", 403, true);
  time.now += 86_400_000;
  expect(subject.admit("192.0.2.2", "udp")).toBe(true);
});

test("one wrong password does not lock out an office with working phones", () => {
  const { subject } = detector();
  subject.outcome("192.0.2.4", "REGISTER", 200, true);
  for (let turn = 0; turn < 40; turn++) subject.outcome("192.0.2.4", "REGISTER", 401, true);
  expect(subject.list()).toEqual([]);
});

test("a sweep over names is a scan", () => {
  const { subject } = detector();
  for (let turn = 0; turn < 20; turn++) subject.outcome("192.0.2.5", "INVITE", 404, false);
  expect(subject.list()[0]?.reason).toBe("scanning");
});

test("a sweep of challenges nobody answers is a scan", () => {
  const { subject } = detector();
  for (let turn = 0; turn < 40; turn++) subject.outcome("192.0.2.6", "REGISTER", 401, false);
  expect(subject.list()[0]?.reason).toBe("scanning");
});

test("a flood is thinned out first, then banned; allowed networks never", () => {
  const { subject } = detector();
  let admitted = 0;
  for (let turn = 0; turn < 2_000; turn++) if (subject.admit("192.0.2.7", "udp")) admitted++;
  expect(admitted).toBe(DEFENCE_DEFAULTS.burst);
  expect(subject.list()).toEqual([]);
  for (let turn = 0; turn < 8_000; turn++) subject.admit("192.0.2.7", "udp");
  expect(subject.list()[0]?.reason).toBe("flood");
  for (let turn = 0; turn < 20_000; turn++) expect(subject.admit("10.1.2.3", "udp")).toBe(true);
});

import { expect, test } from "bun:test";
import { isNetwork, Networks, sourceKey } from "./address.ts";

test("networks of both families", () => {
  const set = new Networks([
    "127.0.0.0/8",
    "::1",
    "192.0.2.7",
    "2001:db8::/33",
    "fd00:1::/16",
    "nonsense",
    "1.2.3.4/40",
  ]);
  for (const inside of [
    "127.9.9.9",
    "::ffff:127.0.0.1",
    "::1",
    "192.0.2.7",
    "2001:db8:7fff::1",
    "fd00:ffff::2",
  ])
    expect([inside, set.has(inside)]).toEqual([inside, true]);
  for (const outside of [
    "128.0.0.1",
    "::2",
    "192.0.2.8",
    "2001:db8:8000::1",
    "fd01::1",
    "",
    "nonsense",
    "1.2.3.4",
  ])
    expect([outside, set.has(outside)]).toEqual([outside, false]);
  expect(new Networks(["0.0.0.0/0"]).has("203.0.113.9")).toBe(true);
  expect(["10.0.0.0/8", "10.0.0.1", "::/0", "fe80::1%eth0"].every(isNetwork)).toBe(true);
  expect(
    ["", "10.0.0.0/33", "10.0.0/8", "::/129", "a.b.c.d", "1.2.3.4/8/9", "1.2.3.4/"].some(isNetwork),
  ).toBe(false);
});

test("a global IPv6 address counts as its /64, everything else as itself", () => {
  expect(sourceKey("2001:db8:0:1:aaaa::1")).toBe("2001:db8:0:1::/64");
  expect(sourceKey("2001:DB8:0:1::")).toBe("2001:db8:0:1::/64");
  expect(sourceKey("::ffff:192.0.2.1")).toBe("192.0.2.1");
  expect(sourceKey("fe80::1%eth0")).toBe("fe80::1");
  expect(sourceKey("fd00::1")).toBe("fd00::1");
  expect(sourceKey("192.0.2.1")).toBe("192.0.2.1");
});

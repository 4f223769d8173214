import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { nextCallMs, planAgent, planCaller } from "./plan.ts";

const dice = (seed: number) => () => {
  seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
  return seed / 2_147_483_648;
};

describe("the demo's dice", () => {
  test("every outcome occurs, answered calls prevail, every call ends by itself", () => {
    const roll = dice(7);
    const plans = Array.from({ length: 500 }, () => planCaller(roll));
    expect(new Set(plans.map((plan) => plan.outcome)).size).toBe(7);
    expect(plans.filter((plan) => plan.outcome.startsWith("talks")).length).toBeGreaterThan(200);
    for (const plan of plans) {
      const length = plan.leaveAfterMs + plan.keys.reduce((sum, key) => sum + key.afterMs, 0);
      expect(length).toBeGreaterThan(1_000);
      expect(length).toBeLessThan(120_000);
    }
    const agents = Array.from({ length: 300 }, () => planAgent(roll));
    expect(new Set(agents.map((plan) => plan.kind))).toEqual(new Set(["answer", "ring", "refuse"]));
  });

  test("any dice give sane plans", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.999_999, noNaN: true }), (value) => {
        const plan = planCaller(() => value);
        expect(plan.keys.every((key) => /^\d$/.test(key.digit) && key.afterMs > 0)).toBe(true);
        expect(plan.caller.number).toMatch(/^\d+$/);
        expect(nextCallMs(() => value, 9)).toBeGreaterThanOrEqual(4_000);
      }),
    );
  });
});

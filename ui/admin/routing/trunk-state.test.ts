import { expect, test } from "bun:test";
import type { TrunkProblem, TrunkState } from "../../../sip/directory.ts";
import { t } from "../../locale/index.ts";
import { trunkWords } from "./trunk-state.tsx";

const state = (over: Partial<TrunkState>): TrunkState => ({
  trunkId: 1,
  state: "up",
  reason: "",
  problem: null,
  since: 0,
  registeredUntil: null,
  callsNow: 0,
  latencyMs: null,
  ...over,
});
const when = { minute: String, second: (at: number | null) => `<${at}>` };
const words = (lang: "en" | "zh-CN", over: Partial<TrunkState>) =>
  trunkWords({ t: t(lang), when }, state(over));

test("states as sentences in both languages", () => {
  expect(words("en", { state: "registered", registeredUntil: 5 })).toBe("Registered until <5>");
  expect(words("zh-CN", { state: "registered", registeredUntil: 5 })).toBe("已注册，有效至 <5>");
  const problem: TrunkProblem = { code: "forbidden", detail: "403 Forbidden" };
  expect(words("en", { state: "refused", problem })).toBe("Refused: 403 Forbidden, wrong password?");
  expect(words("zh-CN", { state: "refused", problem })).toBe("被拒绝：403 Forbidden，密码错误？");
});

test("every problem has words of its own, and none is left unfilled", () => {
  const codes: readonly TrunkProblem["code"][] = [
    "not-checked",
    "untried",
    "no-answer",
    "host-unknown",
    "no-connection",
    "certificate",
    "no-transport",
    "engine",
    "wrong-password",
    "forbidden",
    "user-unknown",
    "rejected",
    "ran-out",
  ];
  for (const lang of ["en", "zh-CN"] as const) {
    const all = codes.map((code) =>
      words(lang, { state: "unreachable", problem: { code, detail: `4${code}` } }),
    );
    expect(new Set(all).size).toBe(codes.length);
    for (const text of all) expect(text).not.toMatch(/[{}]|trunk\./);
    // Nothing said: no loose colon at the end.
    expect(words(lang, { state: "refused", problem: { code: "rejected", detail: "" } })).not.toMatch(
      /[:：]\s*$/,
    );
  }
});

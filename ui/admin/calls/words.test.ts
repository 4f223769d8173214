import { describe, expect, test } from "bun:test";
import type { CallEvent } from "../../../appliance/calls/index.ts";
import { WHY_CODES } from "../../../appliance/routing/index.ts";
import { LEG_END_CAUSES } from "../../../sip/index.ts";
import { t } from "../../locale/index.ts";
import { duration, eventWords, whyWords } from "./words.ts";

const event = (kind: string, data: Record<string, unknown>) =>
  ({ seq: 1, at: 0, journey: "j", leg: null, kind, data }) as unknown as CallEvent;
const names = { agents: new Map([[7, "1001"]]), media: new Map([[3, "欢迎语"]]) };

describe("events in words", () => {
  test("numbers, reasons and times are put in words of the language", () => {
    const left = event("queue.left", { groupId: 1, reason: "abandoned", waitedMs: 12_340 });
    expect(eventWords(t("en"), left, names)).toBe("Leaves the queue: caller gave up, waited 12.3 s");
    expect(eventWords(t("zh-CN"), left, names)).toBe("离开队列：主叫放弃，等待 12.3 秒");
    const missed = event("offer.missed", { agentId: 7, groupId: 1, reason: "no-answer" });
    expect(eventWords(t("en"), missed, names)).toBe("Agent 1001 missed it: no answer");
    const ended = event("journey.ended", { cause: "queue-timeout", by: "system" });
    expect(eventWords(t("en"), ended, names)).toBe("Call ends: Queue time-out (system)");
  });

  test("why a call goes where it goes: each code has words in both languages; old sentences stay readable", () => {
    for (const language of ["zh-CN", "en"] as const)
      for (const code of WHY_CODES) expect(t(language).has(`because.${code}`)).toBe(true);
    const to = { type: "hangup" };
    const why = { code: "inbound-route", params: { name: "上海" } };
    const routed = event("route.decided", { by: "inbound-route", destination: to, why });
    expect(eventWords(t("zh-CN"), routed, names)).toBe("选择去向：符合呼入路由“上海”");
    expect(eventWords(t("en"), routed, names)).toBe("Route: inbound route “上海” fits");
    const feature = { code: "feature-code", params: { number: "*83", feature: "pause" } } as const;
    expect(whyWords(t("zh-CN"), feature)).toBe("*83 是功能代码：示忙");
    const old = event("route.decided", { by: "default", destination: to, why: "default route" });
    expect(eventWords(t("zh-CN"), old, names)).toBe("选择去向：default route");
    const offer = event("offer.made", {
      agentId: 7,
      groupId: 1,
      strategy: "random",
      why: { code: "by-lot" },
    });
    expect(eventWords(t("zh-CN"), offer, names)).toBe("分配给坐席 1001：随机选中");
  });

  test("prompts by their names, transfers by who made them and how, causes of legs in words", () => {
    const heard = event("prompt.played", { play: "p", media: "3", outcome: "interrupted", ms: 2_000 });
    expect(eventWords(t("zh-CN"), heard, names)).toBe("播放语音“欢迎语”（2 秒，被按键打断）");
    expect(eventWords(t("en"), heard, names)).toBe("Hears “欢迎语” (2 s, cut short by a key)");
    const gone = event("prompt.played", { play: "p", media: "9", outcome: "completed", ms: 2_000 });
    expect(eventWords(t("en"), gone, names)).toBe("Hears “9” (2 s, to the end)");
    const blind = event("transfer.requested", { kind: "blind", to: "1002", byAgentId: 7 });
    expect(eventWords(t("zh-CN"), blind, names)).toBe("直接转接到 1002（坐席 1001）");
    const attended = event("transfer.requested", { kind: "attended", to: "1002" });
    expect(eventWords(t("en"), attended, names)).toBe("Transfer to 1002 after asking there");
    const recalled = event("transfer.recalled", { to: "1001", byAgentId: 7 });
    expect(eventWords(t("zh-CN"), recalled, names)).toBe("转接没有接通，重新呼叫转接人 1001（坐席 1001）");
    for (const language of ["zh-CN", "en"] as const)
      for (const cause of LEG_END_CAUSES)
        expect([cause, ["cause", "reason"].some((list) => t(language).has(`${list}.${cause}`))]).toEqual([
          cause,
          true,
        ]);
  });

  test("durations", () => {
    expect([0, 400, 7_000, 187_000, 3_723_000].map(duration)).toEqual([
      "",
      "0:00",
      "0:07",
      "3:07",
      "1:02:03",
    ]);
  });
});

import { describe, expect, test } from "bun:test";
import type { CallEvent } from "../../../appliance/calls/index.ts";
import { t } from "../../locale/index.ts";
import { duration, eventWords } from "./words.ts";

const event = (kind: string, data: Record<string, unknown>) =>
  ({ seq: 1, at: 0, journey: "j", leg: null, kind, data }) as unknown as CallEvent;
const agents = new Map([[7, "1001"]]);

describe("events in words", () => {
  test("numbers, reasons and times are put in words of the language", () => {
    const left = event("queue.left", { groupId: 1, reason: "abandoned", waitedMs: 12_340 });
    expect(eventWords(t("en"), left, agents)).toBe("Leaves the queue: caller gave up, waited 12.3 s");
    expect(eventWords(t("zh-CN"), left, agents)).toBe("离开队列：主叫放弃，等待 12.3 秒");
    const missed = event("offer.missed", { agentId: 7, groupId: 1, reason: "no-answer" });
    expect(eventWords(t("en"), missed, agents)).toBe("Agent 1001 missed it: no answer");
    const ended = event("journey.ended", { cause: "queue-timeout", by: "system" });
    expect(eventWords(t("en"), ended, agents)).toBe("Call ends: Queue time-out (system)");
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

import { describe, expect, test } from "bun:test";
import { causeOfStatus, mostTelling } from "./causes.ts";
import { DigitMerge, infoDigit } from "./dtmf.ts";
import { parseReferTo } from "./transfer.ts";

describe("small decisions", () => {
  test("causes of statuses", () => {
    const of = (status: number, silent = false, reasonHeader?: string) =>
      causeOfStatus({ status, silent, reasonHeader });
    expect([403, 404, 486, 503, 408, 480, 488, 603, 500, 402].map((status) => of(status))).toEqual([
      "forbidden",
      "not-found",
      "busy",
      "congestion",
      "no-answer",
      "unreachable",
      "unsupported-media",
      "declined",
      "error",
      "rejected",
    ]);
    expect([of(408, true), of(503, true), of(503, false, "Q.850;cause=17")]).toEqual([
      "timeout",
      "unreachable",
      "busy",
    ]);
    expect(mostTelling(["unreachable", "busy", "timeout"])).toBe(1);
  });

  test("keys in INFO", () => {
    expect(infoDigit("application/dtmf-relay", "Signal= 5\r\nDuration=160\r\n")).toBe("5");
    expect(infoDigit("application/dtmf", "11")).toBe("#");
    expect(infoDigit("application/dtmf-relay", "Signal=55")).toBeUndefined();
    expect(infoDigit("text/plain", "5")).toBeUndefined();
  });

  test("a key sent both ways counts once, pressed twice counts twice", () => {
    const merge = new DigitMerge();
    const taken = (
      [
        ["5", "rfc4733", 0],
        ["5", "info", 100],
        ["5", "rfc4733", 300],
        ["5", "rfc4733", 500],
        ["5", "info", 550],
        ["5", "info", 600],
        ["5", "info", 9000],
      ] as const
    ).map(([digit, via, at]) => merge.accept(digit, via, at));
    expect(taken).toEqual([true, false, true, true, false, false, true]);
  });

  test("Refer-To, blind and attended", () => {
    expect(parseReferTo("<sip:%2B8610@zongji;user=phone>")).toEqual({ to: "+8610" });
    expect(parseReferTo("<sip:1002@h?Replaces=abc%40h%3Bto-tag%3D1%3Bfrom-tag%3D2&X=1>")).toEqual({
      to: "1002",
      replaces: { callId: "abc@h", toTag: "1", fromTag: "2" },
    });
    expect(parseReferTo("<mailto:a@b>")).toBeUndefined();
  });
});

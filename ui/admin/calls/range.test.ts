import { describe, expect, test } from "bun:test";
import { audioResponse, parseRange } from "./range.ts";

describe("seeking in a recording", () => {
  test.each([
    [null, null],
    ["bytes=0-", { from: 0, to: 99 }],
    ["bytes=10-19", { from: 10, to: 19 }],
    ["bytes=90-500", { from: 90, to: 99 }],
    ["bytes=-10", { from: 90, to: 99 }],
    ["bytes=-500", { from: 0, to: 99 }],
    ["bytes=100-", "unsatisfiable"],
    ["bytes=-0", "unsatisfiable"],
    ["bytes=20-10", null],
    ["bytes=-", null],
    ["bytes=0-1,5-6", null],
    ["lines=0-1", null],
  ])("%p of 100 bytes is %p", (header, range) => {
    expect(parseRange(header, 100)).toEqual(range as never);
  });

  const file = new Blob(["0123456789"]);
  const options = { name: 'a"b\r\n.wav', download: false };
  test("a part is answered with 206 and exactly its bytes", async () => {
    const part = audioResponse(file, "bytes=2-4", options);
    expect([part.status, part.headers.get("content-range"), await part.text()]).toEqual([
      206,
      "bytes 2-4/10",
      "234",
    ]);
  });

  test("whole and impossible requests; a name cannot break the header", async () => {
    const whole = audioResponse(file, null, { ...options, download: true });
    expect([whole.status, await whole.text()]).toEqual([200, "0123456789"]);
    expect(whole.headers.get("content-disposition")).toBe('attachment; filename="a_b__.wav"');
    const none = audioResponse(file, "bytes=10-", options);
    expect([none.status, none.headers.get("content-range")]).toEqual([416, "bytes */10"]);
  });
});

import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { callControl, controlPath, isRunning, openControl } from "./control.ts";
import { AlreadyRunningError, CommandError, NotRunningError } from "./errors.ts";

const clean: (() => unknown)[] = [];
afterEach(async () => {
  for (const work of clean.splice(0).reverse()) await work();
});
function folder(name = "zongji-control-") {
  const path = mkdtempSync(join(tmpdir(), name));
  clean.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

describe("local door", () => {
  test("answers, tells errors by code, and only its owner may open it", async () => {
    const data = folder();
    const door = await openControl(data, {
      sum: async ({ a, b }) => Number(a) + Number(b),
      fail: async () => {
        throw Object.assign(new Error("the disk is full"), { code: "disk-full" });
      },
    });
    clean.push(() => door.stop());
    expect(await callControl(data, "sum", { a: 2, b: 3 })).toBe(5);
    expect(statSync(controlPath(data)).mode & 0o777).toBe(0o600);
    const failure = (await callControl(data, "fail").catch((error: unknown) => error)) as CommandError;
    expect(failure).toBeInstanceOf(CommandError);
    expect([failure.code, failure.message]).toEqual(["disk-full", "the disk is full"]);
    await expect(callControl(data, "nothing")).rejects.toMatchObject({ code: "unknown-command" });
  });

  test("a second exchange on the folder is refused; a door left by a crash is not in the way", async () => {
    const data = folder();
    writeFileSync(controlPath(data), "left behind");
    const door = await openControl(data, {});
    clean.push(() => door.stop());
    expect(await openControl(data, {}).catch((error) => error)).toBeInstanceOf(AlreadyRunningError);
    await door.stop();
    expect(await isRunning(data)).toBe(false);
    expect(await callControl(data, "ping").catch((error) => error)).toBeInstanceOf(NotRunningError);
  });

  test("a folder name too long for a socket address works too", async () => {
    const data = folder(`zongji-${"long".repeat(30)}-`);
    const door = await openControl(data, { hello: async () => "hello" });
    clean.push(() => door.stop());
    expect(await callControl(data, "hello")).toBe("hello");
  });
});

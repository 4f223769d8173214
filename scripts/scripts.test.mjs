import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { lockIsInstalled, missingPackages, RUNTIME_ENV, root } from "./setup.mjs";
import { countsOf, groupsOf } from "./test.mjs";

describe("set-up", () => {
  test("a package half removed or absent counts as missing", () => {
    const status =
      "ffmpeg install ok installed\nespeak-ng deinstall ok config-files\nsox unknown ok not-installed\nrtpengine-daemon:amd64 install ok installed\n";
    expect(missingPackages(["rtpengine-daemon", "ffmpeg", "espeak-ng", "sox", "baresip"], status)).toEqual([
      "espeak-ng",
      "sox",
      "baresip",
    ]);
  });

  test("node_modules fits the lock file only at equal versions; packages of other platforms may be absent", () => {
    const lock = {
      packages: {
        "": {},
        "node_modules/a": { version: "1.0.0" },
        "node_modules/mac": { version: "2.0.0", optional: true },
      },
    };
    expect(lockIsInstalled(lock, { packages: { "node_modules/a": { version: "1.0.0" } } })).toBe(true);
    expect(lockIsInstalled(lock, { packages: { "node_modules/a": { version: "1.0.1" } } })).toBe(false);
    expect(lockIsInstalled(lock, { packages: {} })).toBe(false);
  });
});

test("the service, the container and these tests run with the same settings of the runtime", () => {
  for (const [name, value] of Object.entries(RUNTIME_ENV)) {
    expect(process.env[name]).toBe(value);
    expect(readFileSync(join(root, "systemd", "zongji.service"), "utf8")).toContain(
      `Environment=${name}=${value}\n`,
    );
    expect(readFileSync(join(root, "Dockerfile"), "utf8")).toContain(`ENV ${name}=${value}\n`);
  }
});

describe("test runner", () => {
  test("counts come from the summary of bun test", () => {
    expect(countsOf("(pass) x\n\n 12 pass\n 2 skip\n 1 fail\n 40 expect() calls\n", 1)).toEqual({
      passed: 12,
      failed: 1,
      skipped: 2,
    });
  });

  test("a run that dies, or fails outside a test, is a failure", () => {
    expect(countsOf("Segmentation fault", 139)).toEqual({ passed: 0, failed: 1, skipped: 0 });
    expect(countsOf(" 3 pass\n 0 fail\n 1 error\n", 1)).toEqual({ passed: 3, failed: 1, skipped: 0 });
  });

  test("groups are the two upper folders; end-to-end files stand alone", () => {
    const groups = groupsOf([
      "sip/engine/a/x.test.ts",
      "sip/engine/y.test.ts",
      "test/call.test.ts",
      "scripts/z.test.mjs",
    ]);
    expect([...groups.keys()]).toEqual(["sip/engine", "test/call.test.ts", "scripts"]);
    expect(groups.get("sip/engine")).toHaveLength(2);
  });
});

test("the lock file names every optional package, else `npm ci` of a clean clone refuses it", () => {
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  const missing = Object.entries(packages).flatMap(([path, entry]) =>
    Object.keys(entry.optionalDependencies ?? {}).filter(
      (name) => !packages[`node_modules/${name}`] && !packages[`${path}/node_modules/${name}`],
    ),
  );
  expect(missing).toEqual([]);
});

/** The program as its user meets it: real processes, real ports, real files. */
import { afterEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const MAIN = new URL("../main.ts", import.meta.url).pathname;
const ROOT = new URL("../..", import.meta.url).pathname;
const clean: (() => unknown)[] = [];
afterEach(async () => {
  for (const work of clean.splice(0).reverse()) await work();
});

function temp() {
  const folder = mkdtempSync(join(tmpdir(), "zongji-program-"));
  clean.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function spawn(args: readonly string[], env: Record<string, string> = {}) {
  const child = Bun.spawn([process.execPath, MAIN, ...args], {
    // Bun takes the settings of JSX from the folder it is started in.
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  clean.push(() => child.kill(9));
  return child;
}

/** How long the main thread of a process waited for a processor that others held, ms (proc(5), schedstat). */
function kept(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[1]) / 1e6;
}

async function run(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(args, env);
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { out, err, code };
}

/** A TCP port that somebody else holds. */
async function takenPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  clean.push(() => server.close());
  return (server.address() as { port: number }).port;
}

/** Voice ports of this run; two exchanges of one test run must not share them. */
let voice = 44_600;
const place = (data: string, web = "127.0.0.1:0", sip = "sip:127.0.0.1:0;transport=udp,tcp") => {
  voice = voice > 44_850 ? 44_600 : voice + 100;
  const ports = `${voice}-${voice + 99}`;
  return ["--data", data, "--web", web, "--sip", sip, "--address", "127.0.0.1", "--media-ports", ports];
};

/** Waits for a line of the running program. */
async function started(child: ReturnType<typeof spawn>, words: RegExp): Promise<string> {
  let text = "";
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const end = Date.now() + 20_000;
  while (Date.now() < end) {
    const { value, done } = await reader.read();
    text += value ?? "";
    if (words.test(text)) {
      reader.releaseLock();
      return text;
    }
    if (done) break;
  }
  throw new Error(`not seen: ${words}; seen: ${text} ${await new Response(child.stderr).text()}`);
}

describe("the command line", () => {
  test("help lists every command; each command has help; version tells", async () => {
    const help = await run(["--help"]);
    expect(help.code).toBe(0);
    for (const command of [
      "serve",
      "sip-engine",
      "doctor",
      "backup",
      "restore",
      "migrate",
      "user",
      "version",
    ])
      expect(help.out).toContain(`  ${command}`);
    const serve = await run(["serve", "--help"]);
    expect([serve.code, serve.out.includes("--media-ports")]).toEqual([0, true]);
    const version = await run(["version"]);
    expect(version.out).toMatch(/^zongji \d+\.\d+\.\d+ /);
  });

  test.each([
    [["dance"], 2, "Unknown command dance"],
    [["serve", "--colour"], 2, "--colour"],
    [["user", "add"], 2, "Which user"],
    [["restore"], 2, "Which backup"],
    [["serve", "--sip", "nonsense"], 6, "nonsense"],
    [["serve", "--config", "nowhere.toml"], 6, "nowhere.toml"],
    [["serve", "--media-ports", "1-2"], 6, "voice ports"],
  ] as const)("%j is refused with code %d in one line", async (args, code, words) => {
    const result = await run(args);
    expect(result.code).toBe(code);
    expect(result.err).toContain(words);
    expect(result.err.trim().split("\n")).toHaveLength(1);
    expect(result.out).toBe("");
  });
});

describe("a start that cannot be", () => {
  test("a port in use is named with its option (code 3)", async () => {
    const port = await takenPort();
    const web = await run(["serve", ...place(temp(), `127.0.0.1:${port}`)]);
    expect([web.code, web.err.includes(`TCP port ${port}`), web.err.includes("--web")]).toEqual([
      3,
      true,
      true,
    ]);
    const sip = await run(["serve", ...place(temp(), "127.0.0.1:0", `sip:127.0.0.1:${port};transport=tcp`)]);
    expect([sip.code, sip.err.includes("(SIP)"), sip.err.trim().split("\n").length]).toEqual([3, true, 1]);
  });

  test("an address that is not this machine's is told (code 3)", async () => {
    const result = await run(["serve", ...place(temp(), "203.0.113.7:0", "sip:203.0.113.7:5060")]);
    expect([result.code, result.err.includes("does not have that address")]).toEqual([3, true]);
  });

  test("a missing package is told with the command (code 4)", async () => {
    const empty = temp();
    const result = await run(["serve", ...place(temp())], { PATH: empty, ZONGJI_PROGRAM_PATH: empty });
    expect(result.code).toBe(4);
    expect(result.err).toContain("sudo apt-get install -y rtpengine-daemon ffmpeg espeak-ng");
  });

  test("a data folder that cannot be is told (code 5)", async () => {
    const file = join(temp(), "file");
    writeFileSync(file, "");
    const blocked = await run(["serve", ...place(file)]);
    expect([blocked.code, blocked.err.includes("in the way")]).toEqual([5, true]);
    const below = await run(["migrate", "--data", join(file, "deeper")]);
    expect(below.code).toBe(5);
  });

  test.skipIf(process.getuid?.() === 0)("an unwritable data folder is told (code 5)", async () => {
    const folder = temp();
    chmodSync(folder, 0o500);
    const result = await run(["serve", ...place(folder)]);
    expect([result.code, result.err.includes("permission denied")]).toEqual([5, true]);
  });
});

describe("a running exchange", () => {
  test("starts, tells address and code, keeps a second one off, is examined, stops on SIGTERM", async () => {
    const data = temp();
    const child = spawn(["serve", ...place(data)]);
    const text = await started(child, /Ready after/);
    expect(text).toMatch(/Set-up code:\s+\d{4}-\d{4}/);
    const url = /Web address:\s+(\S+)/.exec(text)?.[1] ?? "";
    const page = await fetch(url, { redirect: "manual" });
    expect(page.status).toBe(303);

    const second = await run(["serve", ...place(data)]);
    expect([second.code, second.err.includes("already running")]).toEqual([7, true]);
    const migrate = await run(["migrate", "--data", data]);
    expect(migrate.code).toBe(7);

    const added = await run(["user", "add", "chief", "--data", data]);
    expect(added.out).toMatch(/Account chief, password \w{20}/);
    const again = await run(["user", "add", "chief", "--data", data]);
    expect([again.code, again.err.includes("user reset chief")]).toEqual([1, true]);
    expect((await run(["user", "reset", "nobody", "--data", data])).code).toBe(1);

    const backup = await run(["backup", "--data", data]);
    expect([backup.code, backup.out.includes("zongji-")]).toEqual([0, true]);

    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
    const restore = await run(["restore", backup.out.split(" (")[0] ?? "", "--data", temp()]);
    expect([restore.code, restore.err]).toEqual([0, ""]);
  }, 60_000);

  test("a kill -9 leaves nothing in the way of the next start", async () => {
    const data = temp();
    const first = spawn(["serve", ...place(data)]);
    await started(first, /Ready after/);
    first.kill(9);
    await first.exited;
    const began = performance.now();
    const next = spawn(["serve", ...place(data)]);
    await started(next, /Ready after/);
    expect(performance.now() - began - kept(next.pid)).toBeLessThan(3_000);
    next.kill("SIGINT");
    expect(await next.exited).toBe(0);
  }, 60_000);

  test("doctor places a real call and hears both sides", async () => {
    const data = temp();
    const child = spawn(["serve", ...place(data)]);
    await started(child, /Ready after/);
    const result = await run(["doctor", "--json", "--data", data, "--web", "127.0.0.1:0"]);
    const findings = JSON.parse(result.out) as { name: string; state: string; detail: string }[];
    const call = findings.find((finding) => finding.name === "test call");
    expect(call).toMatchObject({ state: "ok", detail: expect.stringContaining("voice heard both ways") });
    expect(result.code).toBe(0);
    child.kill("SIGTERM");
    await child.exited;
  }, 60_000);
});

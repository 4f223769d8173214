/** The engine alone by its command line: TLS with files, and refusals in one sentence. */
import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const MAIN = join(import.meta.dir, "../../appliance/main.ts");
const folder = mkdtempSync(join(tmpdir(), "sip-cli-"));
const children: Bun.Subprocess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill();
    await child.exited;
  }
  rmSync(folder, { recursive: true, force: true });
});

function run(...args: string[]) {
  const child = Bun.spawn([process.execPath, MAIN, "sip-engine", "--port", "0", ...args], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  children.push(child);
  return child;
}

test("TLS with a certificate from files; without them, or with half, it says what is missing", async () => {
  const [cert, key] = [join(folder, "c.pem"), join(folder, "k.pem")];
  const args = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=alone";
  expect(Bun.spawnSync(["openssl", ...args.split(" "), "-keyout", key, "-out", cert]).exitCode).toBe(0);
  const contact = ["--contact", "sip:127.0.0.1:0;transport=tls"];
  const engine = run(...contact, "--cert-file", cert, "--key-file", key);
  const line = new TextDecoder().decode((await engine.stdout.getReader().read()).value);
  const port = /tls\/127\.0\.0\.1:(\d+)/.exec(line)?.[1];
  const client = Bun.spawn(["openssl", "s_client", "-connect", `127.0.0.1:${port}`], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "ignore",
  });
  client.stdin.end();
  expect(await new Response(client.stdout).text()).toMatch(/subject=CN ?= ?alone/);
  for (const [words, wrong] of [
    ["need --cert-file and --key-file", contact],
    ["belong together", [...contact, "--cert-file", cert]],
    ["cannot read", [...contact, "--cert-file", join(folder, "none"), "--key-file", key]],
  ] as const) {
    const refused = run(...wrong);
    expect(await new Response(refused.stderr).text()).toContain(words);
    expect(await refused.exited).toBe(2);
  }
}, 20_000);

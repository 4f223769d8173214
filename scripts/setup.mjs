/**
 * Installs what is missing before a start or a test run: npm packages by the lock file, the Bun binary, Debian packages.
 * Only node built-ins: this file runs before `npm ci`. When everything is there it costs a few milliseconds.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));
export const bun = join(root, "node_modules", ".bin", "bun");
export const RUNTIME_PACKAGES = ["rtpengine-daemon", "ffmpeg", "espeak-ng"];
export const TEST_PACKAGES = [
  "sip-tester",
  "baresip-core",
  "baresip",
  "sox",
  "chromium",
  "fonts-noto-cjk",
  "iproute2",
  "procps",
  "kamailio",
  "kamailio-tls-modules",
  "linphone-cli",
  "sipvicious",
  "nftables",
  "tcpdump",
];

/**
 * Bun's topmost compiler miscompiles at times (oven-sh/bun issues 36798 and 41609): a request in tens of thousands lost a
 * field in a long run. All that is started from here inherits the setting; the service and the container have it themselves.
 */
export const RUNTIME_ENV = { BUN_JSC_useFTLJIT: "false" };
for (const [name, value] of Object.entries(RUNTIME_ENV)) process.env[name] ??= value;

/** A set-up step that cannot go on; `message` is one sentence that says what to do. */
export class SetupError extends Error {
  code = "setup-failed";
}

/** Packages of `wanted` that are not fully installed, by the status text of dpkg-query. */
export function missingPackages(wanted, dpkgOutput) {
  const installed = new Set();
  for (const line of dpkgOutput.split("\n")) {
    const [name, ...status] = line.trim().split(" ");
    if (status.join(" ") === "install ok installed") installed.add(name.replace(/:.*$/, ""));
  }
  return wanted.filter((name) => !installed.has(name));
}

/** True when every package of the lock file is in node_modules at its version (npm's own hidden lock file says so). */
export function lockIsInstalled(lock, hidden) {
  for (const [path, entry] of Object.entries(lock.packages ?? {})) {
    if (path === "" || entry.link) continue;
    const there = hidden.packages?.[path];
    if (!there) {
      if (entry.optional || entry.devOptional || entry.peer) continue;
      return false;
    }
    if (there.version !== entry.version) return false;
  }
  return true;
}

function ensureNpm() {
  const lockFile = join(root, "package-lock.json");
  const modules = join(root, "node_modules");
  const stamp = join(modules, ".zongji-lock");
  const lockText = readFileSync(lockFile);
  const hash = createHash("sha256").update(lockText).digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === hash) return;
  const hidden = join(modules, ".package-lock.json");
  const present =
    existsSync(hidden) &&
    lockIsInstalled(JSON.parse(lockText.toString()), JSON.parse(readFileSync(hidden, "utf8")));
  if (!present) {
    console.log("Installing npm packages from package-lock.json …");
    const npm = spawnSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: root, stdio: "inherit" });
    if (npm.status !== 0)
      throw new SetupError("npm ci failed: check the network connection, then run it again.");
  }
  writeFileSync(stamp, hash);
}

function bunRuns() {
  const version = spawnSync(bun, ["--version"], { encoding: "utf8" });
  return version.status === 0;
}

/** npm may refuse bun's install script; the binary is then put in place by running it here. */
function ensureBun() {
  const installer = join(root, "node_modules", "bun", "install.js");
  const stamp = join(root, "node_modules", ".zongji-bun");
  if (existsSync(stamp) && existsSync(bun)) return;
  if (!bunRuns()) {
    spawnSync(process.execPath, [installer], { cwd: join(root, "node_modules", "bun"), stdio: "inherit" });
    if (!bunRuns())
      throw new SetupError(
        "The Bun program does not start on this processor or system: a 64-bit Linux with AVX2 is needed.",
      );
  }
  writeFileSync(stamp, "");
}

function dpkgStatus(names) {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholders are those of dpkg-query
  const result = spawnSync("dpkg-query", ["-W", "-f", "${Package} ${Status}\n", ...names], {
    encoding: "utf8",
  });
  return result.error ? null : result.stdout;
}

/** Debian's rtpengine service would hold ports of the one we supervise ourselves: it is switched off, not removed. */
function quietDebianRtpengine() {
  if (process.getuid?.() !== 0) return;
  if (existsSync("/run/systemd/system")) {
    const state = spawnSync("systemctl", ["is-active", "--quiet", "rtpengine-daemon"]);
    const enabled = spawnSync("systemctl", ["is-enabled", "--quiet", "rtpengine-daemon"]);
    if (state.status === 0 || enabled.status === 0)
      spawnSync("systemctl", ["disable", "--now", "rtpengine-daemon"], { stdio: "ignore" });
    return;
  }
  if (existsSync("/etc/init.d/rtpengine-daemon") && existsSync("/run/rtpengine/rtpengine-daemon.pid"))
    spawnSync("/etc/init.d/rtpengine-daemon", ["stop"], { stdio: "ignore" });
}

/** While packages are installed, no service of theirs may start by itself. */
function withoutServiceStarts(work) {
  const file = "/usr/sbin/policy-rc.d";
  const ours = !existsSync(file);
  if (ours) writeFileSync(file, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    return work();
  } finally {
    if (ours) rmSync(file, { force: true });
  }
}

function ensureDebian(wanted) {
  const status = dpkgStatus(wanted);
  if (status === null) {
    console.error(`This is not a Debian system: make sure that these are installed: ${wanted.join(" ")}`);
    return;
  }
  const missing = missingPackages(wanted, status);
  if (missing.length === 0) return;
  const command = `apt-get update && apt-get install -y --no-install-recommends ${missing.join(" ")}`;
  if (process.getuid?.() !== 0)
    throw new SetupError(`Missing packages: ${missing.join(" ")}. Run once as root: sudo sh -c '${command}'`);
  console.log(`Installing Debian packages: ${missing.join(" ")} …`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const ok = withoutServiceStarts(() => {
    spawnSync("apt-get", ["update", "-q"], { env, stdio: "inherit" });
    const install = ["install", "-y", "-q", "--no-install-recommends", ...missing];
    return spawnSync("apt-get", install, { env, stdio: "inherit" }).status === 0;
  });
  if (!ok) throw new SetupError(`Debian packages could not be installed: run by hand: ${command}`);
  quietDebianRtpengine();
}

/** Everything a start needs; with `tests` also what the tests drive (phones, load, browser). */
export function setup({ tests = false, debian = true } = {}) {
  const [major] = process.versions.node.split(".");
  if (Number(major) < 20) throw new SetupError(`Node 20 or later is needed, this is ${process.version}.`);
  ensureNpm();
  ensureBun();
  if (debian) ensureDebian(tests ? [...RUNTIME_PACKAGES, ...TEST_PACKAGES] : RUNTIME_PACKAGES);
}

/** Runs `setup` as a command does: one clear line and exit code 1 instead of a stack. */
export function setupOrExit(options) {
  try {
    setup(options);
  } catch (error) {
    console.error(`zongji: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  }
}

/** Exact text of a command's output, "" when it fails. */
export function outputOf(command, args) {
  try {
    return execFileSync(command, args, {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    return "";
  }
}

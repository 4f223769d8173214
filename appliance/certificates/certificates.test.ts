import { afterEach, describe, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { type networkInterfaces, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { ForbiddenError, SYSTEM_ACTOR } from "../kernel.ts";
import { createCertificates } from "./create.ts";
import { AuthorityError, type Certificates } from "./index.ts";
import { covers, machineNames, shortName } from "./names.ts";

const DAY = 86_400_000;
const START = Date.UTC(2030, 0, 1);
const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

function place() {
  const root = mkdtempSync(join(tmpdir(), "zongji-cert-"));
  cleanups.push(() => rmSync(root, { recursive: true }));
  const folder = join(root, "certificates");
  const clock = { now: START, address: "192.168.7.2" };
  const log: string[] = [];
  /** Files told as unusable, the last time. */
  const unusable: string[] = [];
  const open = async (): Promise<Certificates> => {
    const made = await createCertificates({
      folder,
      now: () => clock.now,
      log: (line) => log.push(line),
      onProblems: (problems) => unusable.splice(0, 9, ...problems.map(({ file }) => basename(file))),
      machine: () => ({ hostname: "Pbx", interfaces: lan(clock.address) }),
    });
    cleanups.push(() => made.stop());
    return made;
  };
  return { folder, clock, log, unusable, open };
}

function lan(address: string): ReturnType<typeof networkInterfaces> {
  const one = { address, netmask: "255.255.255.0", mac: "", internal: false, cidr: null };
  return { eth0: [{ family: "IPv4", ...one }] };
}

const shown = (pem: string) => new X509Certificate(pem);

describe("authority and this machine's certificate", () => {
  test("the first start makes both; openssl trusts the chain for name and address; keys are the owner's alone", async () => {
    const { folder, open } = place();
    const certificates = await open();
    const ca = join(folder, "ca.pem");
    for (const key of ["ca-key.pem", "server-key.pem"])
      expect(statSync(join(folder, key)).mode & 0o777).toBe(0o600);
    const at = `${Math.floor(START / 1000) + 60}`;
    for (const check of [
      ["-verify_hostname", "pbx"],
      ["-verify_ip", "192.168.7.2"],
      ["-verify_ip", "::1"],
    ]) {
      const args = ["verify", "-x509_strict", "-attime", at, ...check, "-CAfile", ca];
      const done = Bun.spawnSync(["openssl", ...args, join(folder, "server.pem")]);
      expect(`${done.stdout}${done.stderr}`).toContain("server.pem: OK");
    }
    const other = ["-attime", at, "-verify_hostname", "elsewhere", "-CAfile", ca, join(folder, "server.pem")];
    expect(Bun.spawnSync(["openssl", "verify", ...other]).exitCode).not.toBe(0);
    expect(certificates.authority(SYSTEM_ACTOR)).toBe(readFileSync(ca, "utf8"));
    expect(certificates.list(SYSTEM_ACTOR).rows.map((row) => row.kind)).toEqual(["ca", "own"]);
  });

  test("a restart keeps both as they are", async () => {
    const { open } = place();
    const first = (await open()).identity();
    const second = (await open()).identity();
    expect(second).toEqual(first);
  });

  test("renewed 60 days before its end, by the same authority; listeners are told", async () => {
    const { clock, open } = place();
    const certificates = await open();
    const ca = certificates.authority(SYSTEM_ACTOR);
    const before = certificates.identity().cert;
    const told: string[] = [];
    certificates.onChange((identity) => told.push(identity.cert));
    clock.now += 336 * DAY;
    await certificates.refresh();
    expect(told).toEqual([]);
    clock.now += 2 * DAY;
    await certificates.refresh();
    expect(told).toHaveLength(1);
    expect(told[0]).not.toBe(before);
    expect(Date.parse(shown(told[0] ?? "").validTo) - clock.now).toBeGreaterThan(390 * DAY);
    expect(shown(told[0] ?? "").verify(shown(ca).publicKey)).toBe(true);
    expect(certificates.authority(SYSTEM_ACTOR)).toBe(ca);
  });

  test("a new address of the machine gets into the certificate", async () => {
    const { clock, open } = place();
    const certificates = await open();
    clock.address = "10.1.2.3";
    await certificates.refresh();
    expect(shown(certificates.identity().cert).checkIP("10.1.2.3")).toBe("10.1.2.3");
  });

  test.each([
    ["the key is gone", (folder: string) => rmSync(join(folder, "ca-key.pem"))],
    ["the certificate is damaged", (folder: string) => writeFileSync(join(folder, "ca.pem"), "rubbish")],
    [
      "the key is another's",
      (folder: string) =>
        writeFileSync(join(folder, "ca-key.pem"), readFileSync(join(folder, "server-key.pem"))),
    ],
  ])("an authority of which %s is never replaced: the start says what to do", async (_, damage) => {
    const { folder, open } = place();
    await open();
    damage(folder);
    const damaged = readFileSync(join(folder, "ca.pem"), "utf8");
    const refusal = await open().catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(AuthorityError);
    expect(String(refusal)).toContain("backup");
    expect(readFileSync(join(folder, "ca.pem"), "utf8")).toBe(damaged);
    expect(existsSync(join(folder, "ca.pem.part"))).toBe(false);
  });

  test("a cut first start (a key without certificate) is made good; a lost machine certificate too", async () => {
    const { folder, open } = place();
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "ca-key.pem"), "half");
    await open();
    writeFileSync(join(folder, "server.pem"), "rubbish");
    const again = await open();
    expect(shown(again.identity().cert).checkHost("pbx")).toBe("pbx");
  });
});

describe("certificates of the administrator", () => {
  const given = (
    folder: string,
    file: string,
    names: string,
    key = `${file.replace(/\.\w+$/, "")}-key.pem`,
  ) => {
    const made = Bun.spawnSync([
      "openssl",
      ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 9000 -subj /CN=given".split(
        " ",
      ),
      ...["-addext", `subjectAltName=${names}`],
      ...["-out", join(folder, "own", file), "-keyout", join(folder, "own", key)],
    ]);
    expect(made.exitCode).toBe(0);
  };

  test("are taken while it runs, by the names in them; what cannot be used is told and left out", async () => {
    const { folder, clock, log, unusable, open } = place();
    // Later than the start of what openssl makes in this test.
    clock.now = Date.now() + 3_600_000;
    const certificates = await open();
    expect(unusable).toEqual([]);
    given(folder, "pbx.pem", "DNS:pbx.example.com,DNS:*.office.example");
    given(folder, "old.crt", "DNS:old.example", "old.key");
    given(folder, "lonely.pem", "DNS:lonely.example");
    rmSync(join(folder, "own", "lonely-key.pem"));
    given(folder, "mixed.pem", "DNS:mixed.example");
    writeFileSync(join(folder, "own", "mixed-key.pem"), readFileSync(join(folder, "own", "old.key")));
    writeFileSync(join(folder, "own", "junk.pem"), "junk");
    writeFileSync(join(folder, "own", "junk-key.pem"), "junk");
    mkdirSync(join(folder, "own", "live"));
    given(folder, "live/fullchain.pem", "DNS:live.example", "live/privkey.pem");
    const told: (readonly string[])[] = [];
    certificates.onChange((identity) => told.push(identity.hosts.map((host) => host.name).sort()));
    await certificates.refresh();
    expect(told).toEqual([["*.office.example", "live.example", "old.example", "pbx.example.com"]]);
    const reasons = certificates
      .list(SYSTEM_ACTOR)
      .problems.map(({ file, reason }) => [file.split("/").at(-1), reason]);
    expect(reasons.sort()).toEqual([
      ["junk.pem", "unreadable"],
      ["lonely.pem", "no-key"],
      ["mixed.pem", "wrong-key"],
    ]);
    expect(log.filter((line) => line.includes("is not used"))).toHaveLength(3);
    expect(unusable.sort()).toEqual(["junk.pem", "lonely.pem", "mixed.pem"]);
    // Without the name of a given one, our own is shown.
    expect(shown(certificates.identity().cert).checkHost("pbx")).toBe("pbx");
    await certificates.refresh();
    expect(told).toHaveLength(1);
    for (const name of ["junk", "lonely", "mixed"]) rmSync(join(folder, "own", `${name}.pem`));
    await certificates.refresh();
    expect(unusable).toEqual([]);
  });

  test("default.pem is for everybody; a changed file is read again", async () => {
    const { folder, clock, open } = place();
    // Later than the start of what openssl makes in this test.
    clock.now = Date.now() + 3_600_000;
    const certificates = await open();
    given(folder, "default.pem", "DNS:one.example");
    await certificates.refresh();
    expect(shown(certificates.identity().cert).checkHost("one.example")).toBe("one.example");
    given(folder, "default.pem", "DNS:two.example");
    utimesSync(join(folder, "own", "default.pem"), new Date(START), new Date(START));
    await certificates.refresh();
    expect(shown(certificates.identity().cert).checkHost("two.example")).toBe("two.example");
  });

  test("only people who may see the settings see them", async () => {
    const certificates = await place().open();
    const nobody = { ...SYSTEM_ACTOR, permissions: [] };
    expect(() => certificates.list(nobody)).toThrow(ForbiddenError);
    expect(() => certificates.authority(nobody)).toThrow(ForbiddenError);
  });
});

test("names: no link-local or wildcard addresses, no nonsense, the host first", () => {
  const names = machineNames("Office_PBX", lan("169.254.3.4"), [
    "pbx.example",
    "0.0.0.0",
    "a b",
    "fe80::1",
    "[2001:db8::1]",
  ]);
  expect(names).toEqual(["127.0.0.1", "2001:db8::1", "::1", "localhost", "pbx.example"]);
  expect(machineNames("pbx", {}, [])).toEqual(["pbx", "127.0.0.1", "::1", "localhost", "pbx.local"]);
  expect(covers(["0:0:0:0:0:0:0:1", "a"], ["::1"])).toBe(true);
  expect(covers(["a"], ["a", "b"])).toBe(false);
});

test("IPv6 addresses of a certificate are shown short, as people write them", () => {
  expect(shortName("0:0:0:0:0:0:0:1")).toBe("::1");
  expect(shortName("FD00:0:0:0:0:0:0:2")).toBe("fd00::2");
  expect(shortName("PBX.example")).toBe("pbx.example");
});

import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CONFIG_FLAGS, loadConfig, parseListen, sipListeners } from "./config-file.ts";
import { ConfigurationError, UsageError } from "./errors.ts";
import { flagHelp, parseFlags } from "./flags.ts";

const load = (args: string[], toml?: string) => {
  const folder = mkdtempSync(join(tmpdir(), "zongji-config-"));
  try {
    if (toml !== undefined) writeFileSync(join(folder, "zongji.toml"), toml);
    return loadConfig(parseFlags(args, CONFIG_FLAGS), folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

describe("configuration", () => {
  test("defaults stand without a file; flags beat the file, the file beats the defaults", () => {
    expect(load([]).web).toMatchObject({ address: "0.0.0.0", port: 8080 });
    const toml = '[web]\nport = 9000\n[sip]\nrealm = "office"\n';
    expect(load([], toml).web.port).toBe(9000);
    const config = load(
      ["--web", "127.0.0.1:9100", "--media-ports=20000-20999", "--sip", "sip:10.0.0.1:5070"],
      toml,
    );
    expect(config.web).toMatchObject({ address: "127.0.0.1", port: 9100 });
    expect(config.sip.realm).toBe("office");
    expect(config.sip.contacts).toEqual(["sip:10.0.0.1:5070"]);
    expect([config.media.portMin, config.media.portMax]).toEqual([20000, 20999]);
  });

  test("HTTPS goes beside the usual ports of HTTP unless the file says otherwise", () => {
    const https = (args: string[], toml?: string) => load(args, toml).web.httpsPort;
    expect(https([])).toBe(8443);
    expect(https(["--web", ":80"])).toBe(443);
    expect(https(["--web", "127.0.0.1:9100"])).toBe(0);
    expect(https([], "[web]\nport = 9000")).toBe(0);
    expect(https(["--web", ":9100"], "[web]\nhttpsPort = 9443")).toBe(9443);
    expect(https([], "[web]\nhttpsPort = 0")).toBe(0);
    expect(load([], '[tls]\nfolder = "/etc/letsencrypt/live"').tls?.folder).toBe("/etc/letsencrypt/live");
  });

  test("traces are kept on disk only when the file says so, for days and megabytes within bounds", () => {
    expect(load([]).trace).toEqual({ file: false, days: 7, megabytes: 200 });
    const wanted = "[trace]\nfile = true\ndays = 30\nmegabytes = 50";
    expect(load([], wanted).trace).toEqual({ file: true, days: 30, megabytes: 50 });
    expect(() => load([], "[trace]\ndays = 0")).toThrow("trace.days");
    expect(() => load([], "[trace]\nfile = 1")).toThrow("trace.file");
  });

  test("names of carriers with their addresses", () => {
    expect(load([]).sip.hosts).toEqual({});
    const wanted = '[sip.hosts]\n"sip.carrier.example" = ["192.0.2.10", "2001:db8::1"]';
    expect(load([], wanted).sip.hosts).toEqual({ "sip.carrier.example": ["192.0.2.10", "2001:db8::1"] });
    for (const wrong of ["[]", '["elsewhere.example"]', "5"])
      expect(() => load([], `[sip.hosts]\n"a.example" = ${wrong}`)).toThrow("a.example");
  });

  test("the demo office has a folder of its own unless told otherwise", () => {
    expect(load(["--demo"]).dataFolder).toEndWith("/data/demo");
    expect(load(["--demo", "--data", "mine"]).dataFolder).toEndWith("/mine");
    expect(load([]).dataFolder).toEndWith("/data");
  });

  test.each([
    ['colour = "red"', "colour"],
    ["[web]\nprot = 1", "web.prot"],
    ['[web]\nport = "8080"', "web.port"],
    ["[web]\nport = 70000", "web.port"],
    ["[sip]\ncontacts = [1]", "sip.contacts"],
    ["[sip]\ncontacts = []", "listening point"],
    ['[sip]\nengine = "other"', "sip.engine"],
    ["web = 5", "web"],
    ["[web\n", "cannot be read"],
    ["[media]\nportMin = 100\nportMax = 200", "range"],
  ])("refuses %j and names the place", (toml, words) => {
    let told = "";
    try {
      load([], toml);
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigurationError);
      told = (error as Error).message;
    }
    expect(told).toContain(words);
    expect(told).not.toContain("\n");
  });

  test("a named file that is missing is refused", () => {
    expect(() => load(["--config", "nowhere.toml"])).toThrow(/nowhere\.toml/);
  });

  test("listening points", () => {
    expect(sipListeners("sip:0.0.0.0:5060;transport=udp,tcp")).toEqual([
      { transport: "udp", address: "0.0.0.0", port: 5060 },
      { transport: "tcp", address: "0.0.0.0", port: 5060 },
    ]);
    expect(sipListeners("sip:[::1]")).toEqual([{ transport: "udp", address: "::1", port: 5060 }]);
    for (const bad of ["0.0.0.0:5060", "sip:host:99999", "sip:a:1;transport=sctp", ""])
      expect(() => sipListeners(bad)).toThrow(ConfigurationError);
    expect(parseListen("[::]:80", "--web")).toEqual({ address: "::", port: 80 });
    expect(() => parseListen("8080", "--web")).toThrow(ConfigurationError);
  });
});

describe("flags", () => {
  test("values, lists, switches and words", () => {
    const flags = parseFlags(
      ["add", "--data=x", "--sip", "a", "--sip", "b", "--demo", "--", "rest"],
      CONFIG_FLAGS,
    );
    expect(flags.words).toEqual(["add", "rest"]);
    expect(flags.values.data).toBe("x");
    expect(flags.lists.sip).toEqual(["a", "b"]);
    expect(flags.switches.has("demo")).toBe(true);
  });

  test.each([[["--colour"]], [["--data"]], [["--data", "--demo"]], [["--demo=yes"]]])(
    "refuses %j",
    (args) => {
      expect(() => parseFlags(args, CONFIG_FLAGS)).toThrow(UsageError);
    },
  );

  test("every flag is in the help", () => {
    for (const name of Object.keys(CONFIG_FLAGS)) expect(flagHelp(CONFIG_FLAGS)).toContain(`--${name}`);
  });
});

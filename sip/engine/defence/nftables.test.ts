import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitFor } from "../../../test/kit/wait.ts";
import type { Ban } from "./model.ts";
import { changesFor, Firewall, problemOf, setUpScript } from "./nftables.ts";

const ban = (address: string, until: number): Ban => ({
  address,
  since: 0,
  until,
  reason: "scanning",
  evidence: 20,
  times: 1,
});

describe("scripts", () => {
  test("the table closes the SIP ports alone", () => {
    const script = setUpScript("t", [5061, 5060, 5060]);
    expect(script).toContain("add rule inet t input ip saddr @banned4 udp dport { 5060, 5061 } drop");
    expect(script).toContain("add rule inet t input ip6 saddr @networks6 tcp dport { 5060, 5061 } drop");
    expect(script.match(/drop/g)).toHaveLength(8);
  });

  test("changes: new bans in, lifted ones out, changed ones anew, those that ended left to their time-out", () => {
    const held = new Map([
      ["192.0.2.1", 9_000],
      ["192.0.2.2", 9_000],
      ["192.0.2.3", 9_000],
      ["192.0.2.4", 500],
    ]);
    const bans = [ban("192.0.2.1", 9_000), ban("192.0.2.2", 61_000), ban("2001:db8::/64", 2_500)];
    expect(changesFor("t", held, bans, 1_000)).toEqual([
      {
        address: "192.0.2.2",
        until: 61_000,
        lines: [
          "add element inet t banned4 { 192.0.2.2 }",
          "delete element inet t banned4 { 192.0.2.2 }",
          "add element inet t banned4 { 192.0.2.2 timeout 60s }",
        ],
      },
      {
        address: "192.0.2.3",
        until: undefined,
        lines: ["add element inet t banned4 { 192.0.2.3 }", "delete element inet t banned4 { 192.0.2.3 }"],
      },
      {
        address: "2001:db8::/64",
        until: 2_500,
        lines: ["add element inet t networks6 { 2001:db8::/64 timeout 2s }"],
      },
    ]);
    expect(changesFor("t", new Map([["192.0.2.1", 9_000]]), [ban("192.0.2.1", 9_000)], 1_000)).toEqual([]);
  });

  test("what nft refuses keeps back no other; it is said, tried again, and the tries have an end", async () => {
    // Takes what has no "bad" in it, and writes down what it took and how often it ran.
    const folder = mkdtempSync(join(tmpdir(), "nft-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const nft = `echo >> ${folder}/runs; cat > ${folder}/in; if grep -q bad ${folder}/in; then echo "refused" >&2; exit 1; fi; cat ${folder}/in >> ${folder}/took`;
    const firewall = new Firewall({ command: ["sh", "-c", nft], ports: [1] });
    const until = Date.now() + 60_000;
    const bans = [...Array(200).keys()].map((n) => ban(`192.0.2.${n}`, until));
    const took = () => readFileSync(join(folder, "took"), "utf8");
    await firewall.start([]);
    await firewall.sync([...bans.slice(0, 77), ban("bad", until), ...bans.slice(77)]);
    expect(firewall.state).toEqual({ on: true, held: 200, problem: "failed", detail: "refused" });
    expect(took().match(/add element/g)).toHaveLength(200);
    await firewall.sync([...bans.slice(1), ban("bad", until)]);
    expect(firewall.state).toMatchObject({ held: 199, problem: "failed" });
    expect(took()).toContain("delete element inet zongji banned4 { 192.0.2.0 }");
    await firewall.sync(bans);
    expect(firewall.state).toEqual({ on: true, held: 200, problem: null, detail: "" });
    const runs = () => readFileSync(join(folder, "runs"), "utf8").length;
    const before = runs();
    await firewall.sync(bans.map((one) => ban(`bad${one.address}`, until)));
    expect(runs() - before).toBeLessThanOrEqual(60);
    expect(firewall.state.problem).toBe("failed");
  });

  test("what goes wrong is told by its cause, and never thrown", async () => {
    expect(problemOf("Operation not permitted (you must be root)")).toBe("not-permitted");
    expect(problemOf("syntax error, unexpected junk")).toBe("failed");
    const missing = new Firewall({ command: ["/nonexistent/nft"], ports: [5060] });
    await missing.start([]);
    expect(missing.state).toMatchObject({ on: false, problem: "not-installed" });
    await missing.sync([ban("192.0.2.1", Date.now() + 60_000)]);
    expect(missing.state.held).toBe(0);
    await missing.stop();
    const broken = new Firewall({
      command: ["sh", "-c", "echo 'Operation not permitted' >&2; exit 1"],
      ports: [1],
    });
    await broken.start([]);
    expect(broken.state).toMatchObject({
      on: false,
      problem: "not-permitted",
      detail: "Operation not permitted",
    });
  });
});

/** A network of its own, so that the machine's firewall is left alone; undefined with the reason where there is none. */
async function ownNetwork(): Promise<{ run: string[]; stop: () => void } | string> {
  if (Bun.which("nft") === null || Bun.which("unshare") === null || Bun.which("nsenter") === null)
    return "nft, unshare or nsenter is not installed";
  const holder = Bun.spawn(
    ["unshare", "-r", "-n", "sh", "-c", "ip link set lo up && echo ready && exec sleep 60"],
    {
      stdout: "pipe",
      stderr: "pipe",
    },
  );
  const first = await holder.stdout.getReader().read();
  if (first.done) return `no network of its own here: ${(await new Response(holder.stderr).text()).trim()}`;
  const run = ["nsenter", "-t", String(holder.pid), "-U", "-n", "--preserve-credentials"];
  const probe = Bun.spawn([...run, "nft", "list", "tables"], { stdout: "ignore", stderr: "pipe" });
  if ((await probe.exited) !== 0) {
    holder.kill();
    return `nft does not work here: ${(await new Response(probe.stderr).text()).trim()}`;
  }
  return { run, stop: () => holder.kill() };
}

const network = await ownNetwork();
if (typeof network === "string") console.log(`The firewall is not tested with the kernel: ${network}`);

describe.skipIf(typeof network === "string")("with the kernel", () => {
  const run = typeof network === "string" ? [] : network.run;
  const PORT = 5999;
  let firewall: Firewall;
  const nft = async (...args: string[]): Promise<string> =>
    new Response(Bun.spawn([...run, "nft", ...args], { stderr: "ignore" }).stdout).text();
  /** Whether a datagram from `from` reaches `port`. One from 127.0.0.1, sent after it, tells that it had its time. */
  const reaches = async (from: string, port = PORT): Promise<boolean> => {
    const script = `
      const got = [];
      const server = await Bun.udpSocket({ hostname: "127.0.0.1", port: ${port}, socket: { data: (_, b) => {
        got.push(b.toString());
        if (b.toString() === "end") { console.log(got.includes("probe")); process.exit(0); }
      } } });
      const probe = await Bun.udpSocket({ hostname: "${from}" });
      probe.send("probe", ${port}, "127.0.0.1");
      const end = await Bun.udpSocket({ hostname: "127.0.0.1" });
      end.send("end", ${port}, "127.0.0.1");`;
    const child = Bun.spawn([...run, process.execPath, "-e", script], { stdout: "pipe" });
    return (await new Response(child.stdout).text()).trim() === "true";
  };

  beforeAll(async () => {
    firewall = new Firewall({ command: [...run, "nft"], ports: [PORT] });
    await firewall.start([ban("127.0.0.5", Date.now() + 60_000)]);
  });
  afterAll(() => {
    if (typeof network !== "string") network.stop();
  });

  test("a ban closes the SIP ports to its address, and to no other; a lifted one opens them", async () => {
    expect(firewall.state).toEqual({ on: true, held: 1, problem: null, detail: "" });
    expect(await Promise.all([reaches("127.0.0.6"), reaches("127.0.0.5", 5998)])).toEqual([true, true]);
    expect(await reaches("127.0.0.5")).toBe(false);
    await firewall.sync([ban("2001:db8:1:2::/64", Date.now() + 60_000)]);
    expect(firewall.state).toMatchObject({ held: 1, problem: null });
    expect(await nft("list", "set", "inet", "zongji", "networks6")).toContain("2001:db8:1:2::/64");
    expect(await reaches("127.0.0.5")).toBe(true);
  }, 20_000);

  test("an address and the network around it are banned side by side, each for its own time", async () => {
    const until = Date.now() + 60_000;
    const [single, network] = [ban("2001:db8:7:7::5", until), ban("2001:db8:7:7::/64", until)];
    await firewall.sync([single]);
    await firewall.sync([single, network]);
    expect(firewall.state).toMatchObject({ held: 2, problem: null });
    await firewall.sync([single, network, ban("127.0.0.9", until)]);
    expect(firewall.state).toMatchObject({ held: 3, problem: null, detail: "" });
    expect(await reaches("127.0.0.9")).toBe(false);
    // An element the kernel itself refuses.
    await firewall.sync([single, ban("192.0.2.1 and more", until), ban("127.0.0.10", until)]);
    expect(firewall.state).toMatchObject({ held: 2, problem: "failed" });
    expect(await Promise.all([reaches("127.0.0.9"), reaches("127.0.0.10", 5998)])).toEqual([true, true]);
    expect(await reaches("127.0.0.10")).toBe(false);
    expect(await nft("list", "set", "inet", "zongji", "banned6")).toContain("2001:db8:7:7::5");
    expect(await nft("list", "set", "inet", "zongji", "networks6")).not.toContain("2001:db8:7:7::/64");
    await firewall.sync([]);
    expect(firewall.state).toEqual({ on: true, held: 0, problem: null, detail: "" });
  }, 20_000);

  test("a ban ends by itself, and a second start begins anew", async () => {
    await firewall.sync([ban("127.0.0.7", Date.now() + 1_000)]);
    expect(await nft("list", "set", "inet", "zongji", "banned4")).toContain("127.0.0.7");
    await waitFor(
      async () => !(await nft("list", "set", "inet", "zongji", "banned4")).includes("127.0.0.7"),
      "the time-out",
      10_000,
    );
    const next = new Firewall({ command: [...run, "nft"], ports: [PORT] });
    await next.start([ban("127.0.0.8", Date.now() + 60_000)]);
    expect(next.state).toMatchObject({ on: true, held: 1 });
    await next.stop();
    expect(await nft("list", "tables")).not.toContain("zongji");
  }, 20_000);
});

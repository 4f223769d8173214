/**
 * Attackers against the whole exchange, with loopback judged like any other network: Debian's sipvicious from 127.0.0.1,
 * the office's phones on addresses of their own beside it.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { join } from "node:path";
import { compose } from "../../appliance/compose.ts";
import { ForbiddenError, SYSTEM_ACTOR, ValidationError } from "../../appliance/kernel.ts";
import { createWeb } from "../../ui/server.ts";
import { CARRIER_ADDRESS, type Exchange, nextCall, startExchange } from "../kit/exchange.ts";
import { ADMIN, DID, secretOf } from "../kit/office.ts";
import { answerTo, RawUdp, request } from "../kit/raw.ts";
import { callerScenario, registerScenario, runSipp } from "../kit/sipp.ts";
import { startTool } from "../kit/sipvicious.ts";
import { freePort, waitFor } from "../kit/wait.ts";

/** Where sipvicious sends from: it binds to no address of its own. */
const ATTACKER = "127.0.0.1";
const BAN_S = 2;
let x: Exchange;
let a: Awaited<ReturnType<Exchange["phone"]>>;
let b: Awaited<ReturnType<Exchange["phone"]>>;
let ids = 0;
const newId = () => `att${++ids}x${Date.now()}`;

beforeAll(async () => {
  x = await startExchange({ defence: { exempt: [], banSeconds: BAN_S, nftables: "" } });
  [a, b] = await Promise.all([
    x.phone("1001", { address: "127.0.0.11" }),
    x.phone("1002", { address: "127.0.0.12" }),
  ]);
}, 40_000);
afterAll(() => x?.stop(), 30_000);

async function bans() {
  return (await x.app.sip.defence.state())?.bans ?? [];
}
const banOf = async (address: string) => (await bans()).find((ban) => ban.address === address);

/** One call from phone a to phone b. */
async function oneCall(): Promise<boolean> {
  await waitFor(() => x.app.calls.live.picture().calls.length === 0, "no call to be left");
  const before = b.calls.length;
  const call = await a.dial("1002");
  await nextCall(b, before);
  const answered = await call.answered;
  if (!answered) throw new Error(`The call failed: ${JSON.stringify(await call.ended)}`);
  await call.hangup();
  return answered;
}

function options(raw: RawUdp, callId: string): string {
  const { address, port } = raw;
  return request("OPTIONS", { via: "UDP", address, port, uri: `sip:${x.remote}`, callId });
}

/** What a use case refuses with. */
const refusal = (work: Promise<unknown>) =>
  work.then(
    () => "done",
    (error: unknown) => error,
  );

/** Asks again and again until somebody at `address` is answered 200. */
async function served(address: string): Promise<void> {
  const raw = await RawUdp.open({ server: x.server, address });
  await waitFor(
    () => {
      const callId = newId();
      raw.send(options(raw, callId));
      return raw.status(callId, 200).catch(() => 0);
    },
    `an answer to ${address}`,
    15_000,
  );
  raw.close();
}

describe("sipvicious", () => {
  const target = () => ["-p", String(x.server.port), "127.0.0.1", "-v"];

  // Before the others: what those leave unacknowledged comes to the same port for half a minute.
  test("svwar finds the extensions of an exchange that tells them by its answers", async () => {
    const told = createSocket("udp4");
    told.on("message", (bytes, from) => {
      const text = bytes.toString("latin1");
      const known = /^To:.*sip:1002@/im.test(text);
      const challenge = 'WWW-Authenticate: Digest realm="office", nonce="n", algorithm=MD5';
      const reply = known ? answerTo(text, "401 Unauthorized", [challenge]) : answerTo(text, "404 Not Found");
      if (/^(?:REGISTER|INVITE) /.test(text)) told.send(reply, from.port, from.address);
    });
    const port = await freePort("127.0.0.1");
    await new Promise<void>((resolve) => told.bind(port, "127.0.0.1", resolve));
    for (const method of [[], ["-m", "INVITE", "--force"]]) {
      const found = await startTool("svwar", [
        ...["-e", "1001-1003", ...method, "-p", String(port), "127.0.0.1", "-v"],
      ]).result;
      expect(found).not.toContain("found nothing");
      expect(found).toMatch(/\b1002\b.*reqauth/);
      expect(found).not.toMatch(/\b100[13]\b.*(reqauth|exists|noauth)/);
    }
    told.close();
  }, 60_000);

  test("svmap learns no version, svwar finds no extension, neither one that is there nor one that is not", async () => {
    const map = await startTool("svmap", [...target()]).result;
    expect(map).toContain("unknown");
    expect(map).not.toMatch(/zongji|drachtio|bun|\d+\.\d+\.\d+ /i);
    for (const method of [[], ["-m", "INVITE", "--force"]]) {
      const found = await startTool("svwar", ["-e", "1001-1003", ...method, ...target()]).result;
      expect(found).toContain("found nothing");
      expect(found).not.toMatch(/\b100[123]\b.*(reqauth|exists|noauth)/);
    }
    expect(await oneCall()).toBe(true);
  }, 60_000);

  test("svcrack is banned before it comes to the password, while the phones go on calling", async () => {
    await x.app.sip.defence.lift(ATTACKER);
    const words = Array.from({ length: 500 }, (_, index) =>
      index === 400 ? secretOf("1001") : `guess${index}`,
    );
    const file = join(x.folder, "dictionary.txt");
    await Bun.write(file, `${words.join("\n")}\n`);
    const crack = startTool("svcrack", ["-u", "1001", "-d", file, ...target()]);
    let calls = 0;
    await waitFor(
      async () => {
        expect(await oneCall()).toBe(true);
        calls++;
        const state = await x.app.sip.defence.state();
        const sent = (state?.counters.dropped ?? 0) + (state?.counters.slowed ?? 0);
        return state?.bans.some((ban) => ban.address === ATTACKER) && sent > words.length && calls >= 3;
      },
      "the ban of the attacker",
      30_000,
    );
    crack.stop();
    const said = await crack.result;
    expect(said).not.toContain(secretOf("1001"));
    expect(said).not.toContain("cracked users");
    const state = await x.app.sip.defence.state();
    expect(state?.counters.failedSignIns).toBeLessThan(30);
    expect((await bans()).map((ban) => ban.address)).toEqual([ATTACKER]);
    // Its ban ends by itself, and it is served as before.
    await served(ATTACKER);
    expect(await oneCall()).toBe(true);
  }, 60_000);

  test("the same tool cracks the same password where nobody watches", async () => {
    const open = await startExchange({
      defence: { exempt: ["127.0.0.0/8"], banSeconds: BAN_S, nftables: "" },
    });
    const file = join(open.folder, "dictionary.txt");
    await Bun.write(
      file,
      `${[...Array.from({ length: 40 }, (_, i) => `guess${i}`), secretOf("1001")].join("\n")}\n`,
    );
    const said = await startTool("svcrack", [
      "-u",
      "1001",
      "-d",
      file,
      "-p",
      String(open.server.port),
      "127.0.0.1",
    ]).result;
    await open.stop();
    expect(said).toContain(secretOf("1001"));
  }, 60_000);
});

test("a sweep over names gets one answer for all, then none, then a ban", async () => {
  const raw = await RawUdp.open({ server: x.server, address: "127.0.0.67" });
  const { address, port } = raw;
  let number = 990;
  await waitFor(
    async () => {
      for (let burst = 0; burst < 20; burst++, number++) {
        const uri = `sip:${x.remote}`;
        const [from, to] = [String(number), `sip:${number}@${x.remote}`];
        raw.send(request("REGISTER", { via: "UDP", address, port, uri, callId: newId(), from, to }));
      }
      return banOf(address);
    },
    "the ban of the sweep",
    20_000,
  );
  raw.close();
  expect(new Set(raw.received.map((text) => text.slice(0, 11)))).toEqual(new Set(["SIP/2.0 401"]));
  expect(await banOf(address)).toMatchObject({ reason: "scanning", times: 1 });
  await served(address);
}, 30_000);

test("a phone with a wrong password is told so, is not banned, and comes in with the right one", async () => {
  const register = async (password: string, expect: number) => {
    const local = { address: "127.0.0.13", port: await freePort("127.0.0.13") };
    return runSipp({
      scenario: registerScenario({ user: "1003", expect }),
      remote: x.remote,
      local,
      auth: { user: "1003", password },
    });
  };
  for (let turn = 0; turn < 3; turn++) expect((await register("wrong", 403)).code).toBe(0);
  expect(await banOf("127.0.0.13")).toBeUndefined();
  expect((await register(secretOf("1003"), 200)).code).toBe(0);
}, 40_000);

describe("forged sources", () => {
  test("junk in the name of a phone or of the carrier bans neither", async () => {
    for (const address of ["127.0.0.11", CARRIER_ADDRESS]) {
      const forged = await RawUdp.open({ server: x.server, address });
      const { port } = forged;
      for (let turn = 0; turn < 600; turn++) {
        const uri = `sip:${turn}@${x.remote}`;
        const odd = request("WHATEVER", { via: "UDP", address, port, uri, callId: newId() });
        forged.send(turn % 2 === 0 ? "REGISTER broken SIP/2.0\r\n\r\n" : odd);
        if (turn % 50 !== 49) continue;
        // What stands before this has been looked at when it is answered; anybody else would be banned by now.
        const callId = newId();
        forged.send(options(forged, callId));
        expect(await forged.status(callId)).toBe(200);
      }
      forged.close();
      expect(await banOf(address)).toBeUndefined();
      expect(await oneCall()).toBe(true);
    }
    const call = await x.carrier.dial(DID, "13600000001");
    expect(await call.answered).toBe(true);
    await call.hangup();
  }, 60_000);
});

test("a refusal is repeated to a phone of ours, to an address that may be forged no more than three times its bytes", async () => {
  const [ours, forged] = await Promise.all(
    ["127.0.0.11", "127.0.0.68"].map((address) => RawUdp.open({ server: x.server, address })),
  );
  if (!ours || !forged) throw new Error("no sockets");
  const asked = [ours, forged].map((raw) => {
    const uri = `sip:2@${raw.address}`;
    const head = [`INVITE ${uri} SIP/2.0`, `v: SIP/2.0/UDP ${raw.address};branch=z9hG4bK${newId()}`];
    const text = [
      ...head,
      `f: <${uri}>;tag=1`,
      `t: <${uri}>`,
      `i: ${newId()}`,
      "CSeq: 1 INVITE",
      "",
      "",
    ].join("\r\n");
    raw.send(text);
    return text.length;
  });
  await waitFor(() => ours.received.length >= 4, "the phone to hear it four times", 10_000);
  const got = forged.received.reduce((sum, text) => sum + text.length, 0);
  expect(forged.received.at(-1)).toStartWith("SIP/2.0 400 Missing Contact");
  expect(got).toBeLessThanOrEqual((asked[1] ?? 0) * 3);
  for (const raw of [ours, forged]) raw.close();
}, 20_000);

describe("strangers", () => {
  const SDP =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.77\r\ns=-\r\nc=IN IP4 127.0.0.77\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n";
  const invite = async (dialled: string): Promise<number> => {
    const raw = await RawUdp.open({ server: x.server, address: "127.0.0.77" });
    const { address, port } = raw;
    const callId = newId();
    const uri = `sip:${dialled}@${x.remote}`;
    raw.send(request("INVITE", { via: "UDP", address, port, uri, callId, body: SDP }));
    const status = await raw.status(callId);
    raw.close();
    return status;
  };

  test("are challenged whatever they dial, and no call comes of it", async () => {
    const before = x.records().length;
    for (const dialled of ["1001", "1999", DID, "800", "110", "913800000001"])
      expect([dialled, await invite(dialled)]).toEqual([dialled, 401]);
    expect(x.records().length).toBe(before);
  }, 20_000);

  test("reach the office's own numbers, and nothing else, once that is switched on", async () => {
    await x.app.sip.defence.lift("127.0.0.77");
    await x.app.security.setAnonymousCalls(SYSTEM_ACTOR, true);
    const local = { address: "127.0.0.78", port: await freePort("127.0.0.78") };
    const call = await runSipp({
      scenario: callerScenario({ from: "stranger" }),
      remote: x.remote,
      local,
      service: DID,
    });
    expect(call).toMatchObject({ code: 0 });
    const journey = await x.journey("stranger", DID);
    expect(await x.ended(journey)).toMatchObject({ trunk_id: null, direction: "inbound" });
    for (const dialled of ["1001", "1999", "913800000001"]) expect(await invite(dialled)).toBe(401);
    await x.app.security.setAnonymousCalls(SYSTEM_ACTOR, false);
    expect(await invite(DID)).toBe(401);
  }, 30_000);
});

describe("the page", () => {
  test("shows, lifts and makes bans, keeps the allow list, asks for the right, and leaves a trace of who did it", async () => {
    const web = createWeb(x.app);
    const origin = "http://office.test";
    const send = (path: string, fields: Record<string, string>, cookie = "") =>
      web.fetch(
        new Request(origin + path, {
          method: "POST",
          body: new URLSearchParams(fields).toString(),
          headers: {
            "content-type": "application/x-www-form-urlencoded",
            host: "office.test",
            origin,
            cookie,
          },
        }),
        "127.0.0.1",
      );
    const signIn = async (username: string) => {
      const answer = await send("/sign-in", { username, password: ADMIN.password });
      return (answer.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
    };
    const cookie = await signIn(ADMIN.username);
    const page = async () => {
      const answer = await web.fetch(
        new Request(`${origin}/security`, { headers: { cookie, host: "office.test" } }),
      );
      return answer.text();
    };
    expect((await send("/security/ban", { address: "nonsense", minutes: "0" }, cookie)).status).toBe(422);
    expect((await send("/security/ban", { address: "203.0.113.7", minutes: "60" }, cookie)).status).toBe(303);
    expect(await banOf("203.0.113.7")).toMatchObject({ reason: "manual" });
    expect(await page()).toContain("Banned by an administrator");
    expect((await send("/security/lift", { address: "203.0.113.7" }, cookie)).status).toBe(303);
    expect((await send("/security/lift", { address: "203.0.113.7" }, cookie)).status).toBe(404);
    expect(await bans()).toEqual([]);

    for (const entry of ["0.0.0.0/0", "10.0.0.0/33", "", "<b>"])
      expect((await send("/security/allow", { entry }, cookie)).status).toBe(422);
    expect((await send("/security/allow", { entry: "203.0.113.0/24" }, cookie)).status).toBe(303);
    expect((await send("/security/allow", { entry: "203.0.113.0/24" }, cookie)).status).toBe(422);
    expect(await page()).toContain("203.0.113.0/24");
    await waitFor(
      async () => (await x.app.sip.engine?.ban("203.0.113.7", 1_000)) === undefined,
      "the engine to know the allow list",
    );
    const exempt = { address: "203.0.113.7", minutes: 1 };
    expect(await refusal(x.app.security.ban(SYSTEM_ACTOR, exempt))).toBeInstanceOf(ValidationError);
    expect((await send("/security/disallow", { entry: "203.0.113.0/24" }, cookie)).status).toBe(303);

    const nobody = { ...SYSTEM_ACTOR, permissions: ["security.view"] };
    expect(await refusal(x.app.security.lift(nobody, "203.0.113.7"))).toBeInstanceOf(ForbiddenError);
    expect(await refusal(x.app.security.view({ ...nobody, permissions: [] }))).toBeInstanceOf(ForbiddenError);
    const audit = await x.app.system.audit.list(SYSTEM_ACTOR, { pageSize: 20 });
    expect(audit.rows.map((row) => `${row.action} ${row.subject} ${row.subjectId}`)).toEqual(
      expect.arrayContaining(["ban ban 203.0.113.7", "lift-ban ban 203.0.113.7", "save security "]),
    );
  }, 20_000);

  test("bans and the allow list survive a restart", async () => {
    await x.app.security.ban(SYSTEM_ACTOR, { address: "127.0.0.90", minutes: 60 });
    await x.app.security.allow(SYSTEM_ACTOR, "127.0.0.91");
    await x.app.stop();
    const config = { ...x.config, defence: { exempt: [], banSeconds: BAN_S, nftables: "" } };
    const again = await compose(config, { log: (line) => x.log.push(line) });
    Object.assign(x, { app: again });
    expect(await banOf("127.0.0.90")).toMatchObject({ reason: "manual" });
    const banned = await RawUdp.open({ server: x.server, address: "127.0.0.90" });
    banned.send(options(banned, newId()));
    await served("127.0.0.91");
    await served("127.0.0.92");
    expect(banned.received).toEqual([]);
    banned.close();
    expect(await x.app.sip.engine?.ban("127.0.0.91", 1_000)).toBeUndefined();
  }, 30_000);
});

/** The `cdr:*` events of calls, as an unmodified drachtio-srf application gets them. */
import { expect, test } from "bun:test";
import type { Engine } from "./engine.ts";
import { at, bench, failure, type Loose, SDP, UDP, until } from "./test-support.ts";
import { FakeClock } from "./transaction/index.ts";

const { phone } = bench();
const ON = { cdr: true };

/** What an app hears of its engine's calls: "attempt application", "stop network normal-release" … */
function records(srf: Loose): string[] {
  const heard: string[] = [];
  srf.on("cdr:attempt", (source: string) => heard.push(`attempt ${source}`));
  for (const kind of ["start", "stop"])
    srf.on(`cdr:${kind}`, (source: string, time: string, detail: string, msg: Loose) => {
      expect(time).toMatch(/^\d\d:\d\d:\d\d\.\d{6}$/);
      expect(msg.get("Call-ID")).toBeTruthy();
      heard.push(`${kind} ${source} ${detail}`);
    });
  return heard;
}

/** A caller and a callee that keep records. */
async function pair(clock?: FakeClock) {
  const caller = await phone([UDP], ON, clock);
  const callee = await phone([UDP], ON, clock);
  const out = records(caller.srf);
  const back = records(callee.srf);
  return { caller, callee, out, back, uri: at(callee.engine, "bob") };
}

const answering = (srf: Loose, headers: Loose = {}) =>
  new Promise<Loose>((resolve) => {
    srf.invite((req: Loose, res: Loose) => {
      srf.createUAS(req, res, { localSdp: SDP, headers }).then((dialog: Loose) => {
        dialog.on("destroy", () => {});
        dialog.on("modify", (_req: Loose, answer: Loose) => answer.send(200, { body: SDP }));
        resolve(dialog);
      });
    });
  });

/** Calls and gives up as soon as it rings. @returns the error of the attempt. */
function giveUp(srf: Loose, uri: string): Promise<Loose> {
  let invite: Loose;
  const options = {
    cbRequest: (_error: unknown, req: Loose) => {
      invite = req;
    },
    cbProvisional: () => invite.cancel(),
  };
  return failure(srf.createUAC(uri, { localSdp: SDP }, options));
}

test("an answered call that one side ends: uac and uas, normal-release, once each", async () => {
  const { caller, callee, out, back, uri } = await pair();
  const theirs = answering(callee.srf);
  const ours = await caller.srf.createUAC(uri, { localSdp: SDP });
  await (await theirs).modify(SDP);
  ours.destroy();
  await until(() => back.length === 3 && out.length === 3);
  expect(out).toEqual(["attempt application", "start network uac", "stop application normal-release"]);
  expect(back).toEqual(["attempt network", "start application uas", "stop network normal-release"]);
});

test("a refused call: call-rejected, also after it rang", async () => {
  const { caller, callee, out, back, uri } = await pair();
  callee.srf.invite((_req: Loose, res: Loose) => {
    res.send(180);
    res.send(486);
  });
  expect((await failure(caller.srf.createUAC(uri, { localSdp: SDP }))).status).toBe(486);
  await until(() => back.length === 2 && out.length === 2);
  expect(out).toEqual(["attempt application", "stop network call-rejected"]);
  expect(back).toEqual(["attempt network", "stop application call-rejected"]);
});

test("a call given up: call-canceled once, not rejected too", async () => {
  const { caller, callee, out, back, uri } = await pair();
  callee.srf.invite((_req: Loose, res: Loose) => res.send(180));
  expect((await giveUp(caller.srf, uri)).status).toBe(487);
  await until(() => back.length >= 2);
  expect(out).toEqual(["attempt application", "stop application call-canceled"]);
  expect(back).toEqual(["attempt network", "stop network call-canceled"]);
});

test("a session nobody refreshes: session-expired", async () => {
  const clock = new FakeClock();
  const { caller, callee, out, back, uri } = await pair(clock);
  // The callee is to refresh and is away from then on.
  const theirs = answering(callee.srf);
  const headers = { Supported: "timer", "Session-Expires": "90;refresher=uas" };
  const ours = await caller.srf.createUAC(uri, { localSdp: SDP, headers });
  const ended = new Promise((resolve) => ours.on("destroy", (_: Loose, reason: string) => resolve(reason)));
  (await theirs).on("info", (_: Loose, res: Loose) => res.send(200));
  // Answered, so that the ACK before it has left.
  await ours.request({ method: "INFO" });
  await callee.engine.stop({ silent: true });
  clock.advance(61_000);
  expect(await ended).toBe("Session timer expired");
  await until(() => out.length === 3);
  expect(out).toEqual(["attempt application", "start network uac", "stop application session-expired"]);
  expect(back.length).toBe(2);
});

test("an answer that is never acknowledged: system-error-initiated-termination", async () => {
  const clock = new FakeClock();
  const { caller, callee, back, uri } = await pair(clock);
  const theirs = answering(callee.srf);
  // The caller's app sends no ACK, and its engine goes away before it would send one itself.
  const headers = { "Content-Type": "application/sdp" };
  caller.srf.request(uri, { method: "INVITE", headers, body: SDP }, () => {});
  await until(() => back.length === 2);
  await caller.engine.stop({ silent: true });
  clock.advance(33_000);
  await theirs;
  await until(() => back.length === 3);
  expect(back).toEqual([
    "attempt network",
    "start application uas",
    "stop application system-error-initiated-termination",
  ]);
});

test("the engine's own stop: system-initiated-termination", async () => {
  const { caller, callee, out, uri } = await pair();
  const theirs = answering(callee.srf);
  await caller.srf.createUAC(uri, { localSdp: SDP });
  await theirs;
  await caller.engine.stop();
  await until(() => out.length === 3);
  expect(out.at(-1)).toBe("stop application system-initiated-termination");
});

/** Caller, proxy that stays in the path, callee. */
async function line(answer: (srf: Loose) => void) {
  const caller = await phone([UDP], ON);
  const middle = await phone([UDP], ON);
  const callee = await phone([UDP], ON);
  const heard = records(middle.srf);
  answer(callee.srf);
  const to = at(callee.engine, "bob");
  middle.srf.invite((req: Loose) => {
    middle.srf.proxyRequest(req, [to], { recordRoute: true, remainInDialog: true }).catch(() => {});
  });
  return { caller, middle, heard, uri: at(middle.engine as Engine, "bob") };
}

test("a call through the proxy: proxy-uac and proxy-uas, ended by the BYE that passes", async () => {
  const { caller, heard, uri } = await line((srf) => void answering(srf));
  const dialog = await caller.srf.createUAC(uri, { localSdp: SDP });
  dialog.destroy();
  await until(() => heard.length === 6);
  expect(heard).toEqual([
    "attempt network",
    "attempt application",
    "start network proxy-uac",
    "start application proxy-uas",
    "stop network normal-release",
    "stop application normal-release",
  ]);
});

test("a call the proxy's destination refuses: both sides rejected", async () => {
  const { caller, heard, uri } = await line((srf) => srf.invite((_: Loose, res: Loose) => res.send(603)));
  expect((await failure(caller.srf.createUAC(uri, { localSdp: SDP }))).status).toBe(603);
  await until(() => heard.length === 4);
  expect(heard).toEqual([
    "attempt network",
    "attempt application",
    "stop network call-rejected",
    "stop application call-rejected",
  ]);
});

test("a call given up on its way through the proxy: both sides cancelled", async () => {
  const { caller, heard, uri } = await line((srf) => srf.invite((_: Loose, res: Loose) => res.send(180)));
  expect((await giveUp(caller.srf, uri)).status).toBe(487);
  await until(() => heard.length === 4);
  expect(heard).toEqual([
    "attempt network",
    "attempt application",
    "stop network call-canceled",
    "stop application call-canceled",
  ]);
});

/** Apps that come and go, several at once, and the engine's own end; with unmodified drachtio-srf. */
import { describe, expect, test } from "bun:test";
import { connect, createServer, type Socket } from "node:net";
import Srf from "drachtio-srf";
import { at, bench, failure, type Loose, SDP, until } from "./test-support.ts";

const { engine, app, phone, cleanups } = bench();

/** A wire between app and engine that can be cut. */
async function wire(port: number) {
  const sockets = new Set<Socket>();
  let open = true;
  const server = createServer((near) => {
    if (!open) {
      near.destroy();
      return;
    }
    const far = connect(port, "127.0.0.1");
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on("error", () => {});
      one.on("close", () => other.destroy());
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    port: typeof address === "object" && address ? address.port : 0,
    cut() {
      open = false;
      for (const socket of sockets) socket.destroy();
      sockets.clear();
    },
    mend() {
      open = true;
    },
  };
}

/** An app that comes back when its connection ends. */
async function returning(port: number, tags: readonly string[]) {
  const srf: Loose = new (Srf as Loose)();
  let connects = 0;
  srf.on("error", () => {});
  srf.on("connect", () => connects++);
  srf.connect({ host: "127.0.0.1", port, secret: "s3cret", tags });
  cleanups.push(() => {
    srf.app.client.wp.closing = true;
    try {
      srf.disconnect();
    } catch {
      // Away already.
    }
  });
  await until(() => connects === 1);
  return { srf, back: () => until(() => connects >= 2) };
}

/** A call from a phone to an app behind a wire. */
async function call(tags: readonly string[], graceMs = 10_000) {
  const caller = await phone();
  const office = await engine(undefined, { limits: { graceMs } });
  const line = await wire(office.agentPort);
  const { srf, back } = await returning(line.port, tags);
  const answered = new Promise<Loose>((resolve) => {
    srf.invite((req: Loose, res: Loose) => srf.createUAS(req, res, { localSdp: SDP }).then(resolve));
  });
  const uac: Loose = await caller.srf.createUAC(at(office, "bob"), { localSdp: SDP });
  const uas = await answered;
  const cut = async () => {
    line.cut();
    await until(() => office.stats().agents === 0);
  };
  const ended = (dialog: Loose) =>
    new Promise<Loose>((resolve) =>
      dialog.on("destroy", (req: Loose, reason: string) => resolve({ req, reason })),
    );
  return { caller, office, line, srf, back, uac, uas, cut, ended };
}

describe("an app that names itself by a tag loses its connection", () => {
  test("and returns: its call lives on, what came meanwhile reaches it, it can speak in the call again", async () => {
    const scene = await call(["desk-1"]);
    scene.uas.on("info", (req: Loose, res: Loose) => res.send(200, { headers: { "X-Got": req.body } }));
    await scene.cut();
    const before = scene.office.stats().counters.received ?? 0;
    const info = scene.uac.request({
      method: "INFO",
      body: "Signal=7",
      headers: { "Content-Type": "application/dtmf-relay" },
    });
    await until(() => (scene.office.stats().counters.received ?? 0) > before);
    scene.line.mend();
    await scene.back();
    expect((await info).get("X-Got")).toBe("Signal=7");
    expect(scene.office.stats().dialogs).toBe(1);
    // drachtio-srf ties its Dialog objects to the old socket; requests by the dialog's id take the new one.
    const ended = scene.ended(scene.uac);
    const bye = new Promise<Loose>((resolve, reject) =>
      scene.srf.request(
        "sip:placeholder",
        { method: "BYE", stackDialogId: scene.uas.id },
        (error: unknown, req: Loose) => (error ? reject(error) : req.on("response", resolve)),
      ),
    );
    expect((await bye).status).toBe(200);
    expect((await ended).reason).toBe("normal release");
    await until(() => scene.office.stats().dialogs === 0);
  });

  test("and the other side hangs up meanwhile: the BYE is answered at once, the app hears of it on its return", async () => {
    const scene = await call(["desk-1"]);
    const ended = scene.ended(scene.uas);
    await scene.cut();
    await scene.uac.destroy();
    await until(() => scene.office.stats().dialogs === 0);
    scene.line.mend();
    expect((await ended).reason).toBe("normal release");
  });

  test("and returns too late: the call is released and the reason says so", async () => {
    const scene = await call(["desk-1"], 100);
    const ended = scene.ended(scene.uac);
    const info = scene.uac.request({ method: "INFO" }).catch(() => undefined);
    await scene.cut();
    const { req } = await ended;
    expect(req.get("Reason")).toContain("application gone");
    await info;
    await until(() => scene.office.stats().dialogs === 0);
  });

  test("and another app connects: it does not get the calls", async () => {
    const scene = await call(["desk-1"], 300);
    const ended = scene.ended(scene.uac);
    await scene.cut();
    const { srf: stranger } = await returning(scene.office.agentPort, ["desk-2"]);
    let asked = false;
    stranger.info((_req: Loose, res: Loose) => {
      asked = true;
      res.send(200);
    });
    scene.uac.request({ method: "INFO" }).catch(() => {});
    expect((await ended).req.get("Reason")).toContain("application gone");
    expect(asked).toBe(false);
  });
});

test("an app without a tag that returns has new calls, its old ones are released", async () => {
  const scene = await call([], 100);
  const ended = scene.ended(scene.uac);
  await scene.cut();
  scene.line.mend();
  await scene.back();
  expect((await ended).req.get("Reason")).toContain("application gone");
  const again: Loose = await scene.caller.srf.createUAC(at(scene.office, "bob"), { localSdp: SDP });
  await again.destroy();
});

test("several apps: new calls in turn, requests in a call to the app that has it", async () => {
  const caller = await phone();
  const office = await engine();
  const apps = [await app(office), await app(office), await app(office)];
  const taken = [0, 0, 0];
  const told = [0, 0, 0];
  for (const [index, srf] of apps.entries()) {
    srf.invite((req: Loose, res: Loose) =>
      srf.createUAS(req, res, { localSdp: SDP }).then((dialog: Loose) => {
        taken[index] = (taken[index] ?? 0) + 1;
        dialog.on("info", (_info: Loose, infoRes: Loose) => {
          told[index] = (told[index] ?? 0) + 1;
          infoRes.send(200);
        });
      }),
    );
  }
  // The routes of the last app are in force when each of the three has had a call.
  const calls: Loose[] = [];
  for (let count = 0; count < 9; count++) {
    calls.push(await caller.srf.createUAC(at(office, "bob"), { localSdp: SDP }));
  }
  for (const dialog of calls) expect((await dialog.request({ method: "INFO" })).status).toBe(200);
  expect(taken).toEqual([3, 3, 3]);
  expect(told).toEqual([3, 3, 3]);
  apps[1].disconnect();
  await until(() => office.stats().agents === 2);
  for (let count = 0; count < 4; count++) await caller.srf.createUAC(at(office, "bob"), { localSdp: SDP });
  expect(taken[1]).toBe(3);
  expect((taken[0] ?? 0) + (taken[2] ?? 0)).toBe(10);
});

describe("the engine stops", () => {
  test("each call gets its BYE and the stop waits for the answers", async () => {
    const caller = await phone();
    const office = await phone();
    office.srf.invite((req: Loose, res: Loose) => office.srf.createUAS(req, res, { localSdp: SDP }));
    const reasons: string[] = [];
    for (let count = 0; count < 3; count++) {
      const uac: Loose = await caller.srf.createUAC(at(office.engine, "bob"), { localSdp: SDP });
      uac.on("destroy", (req: Loose) => reasons.push(req.get("Reason")));
    }
    const sent = caller.engine.stats().counters.sent ?? 0;
    await office.engine.stop();
    // The answers of the other side had left before the stop was over.
    expect((caller.engine.stats().counters.sent ?? 0) - sent).toBeGreaterThanOrEqual(3);
    await until(() => reasons.length === 3);
    expect(reasons.every((reason) => reason.includes("system shutdown"))).toBe(true);
  });

  test("callers who wait get 503, phones that ring a CANCEL; a peer that is gone holds it up for 2 s at most", async () => {
    const caller = await phone();
    const office = await phone();
    const target = await phone();
    let cancelled = false;
    office.srf.invite((_req: Loose, res: Loose) => res.send(180));
    target.srf.invite((req: Loose, res: Loose) => {
      req.on("cancel", () => {
        cancelled = true;
      });
      res.send(180);
    });
    const refused = failure(caller.srf.createUAC(at(office.engine, "bob"), { localSdp: SDP }));
    let ringing = false;
    failure(
      office.srf.createUAC(
        at(target.engine, "bob"),
        { localSdp: SDP },
        {
          cbProvisional: () => {
            ringing = true;
          },
        },
      ),
    );
    await until(() => ringing && office.engine.stats().serverTransactions > 0);
    await office.engine.stop();
    expect((await refused).status).toBe(503);
    await until(() => cancelled);
    const lost = await phone();
    const gone = await phone();
    gone.srf.invite((req: Loose, res: Loose) => gone.srf.createUAS(req, res, { localSdp: SDP }));
    await lost.srf.createUAC(at(gone.engine, "bob"), { localSdp: SDP });
    await gone.engine.stop({ silent: true });
    const started = performance.now();
    await lost.engine.stop();
    expect(performance.now() - started).toBeWithin(1_500, 3_500);
  });
});

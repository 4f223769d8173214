import { expect, test } from "bun:test";
import { ask, at, bench, type Loose, SDP, UDP, until } from "./test-support.ts";
import { pcapOf, traceText } from "./trace/index.ts";

const { engine, app } = bench();

/** Two engines: phones of one call the app of the other. */
async function pair(limits: Record<string, number> = {}) {
  const left = await engine([UDP], { limits });
  const right = await engine([UDP], { limits });
  return { left, right, caller: await app(left), callee: await app(right) };
}

for (const method of ["OPTIONS", "REGISTER", "MESSAGE", "INFO", "PUBLISH"]) {
  test(`${method} reaches the app and its answer comes back`, async () => {
    const { right, caller, callee } = await pair();
    callee[method.toLowerCase()]((req: Loose, res: Loose) => {
      expect(req.source_address).toBe("127.0.0.1");
      expect(req.receivedOn).toBe(`127.0.0.1:${right.listening[0]?.port}`);
      res.send(200, { headers: { "X-Echo": req.get("X-Probe") } });
    });
    await until(() => right.stats().agents === 1);
    const res = await ask(caller, at(right, "bob"), method, { headers: { "X-Probe": "你好" } });
    expect(res.status).toBe(200);
    expect(res.get("X-Echo")).toBe("你好");
  });
}

test("nobody to serve a method: 503; a foreign BYE: 481; an unknown method: 501", async () => {
  const { right, caller } = await pair();
  expect((await ask(caller, at(right, "bob"), "MESSAGE")).status).toBe(503);
  expect((await ask(caller, at(right, "bob"), "REFER")).status).toBe(405);
  expect((await ask(caller, at(right, "bob"), "BYE")).status).toBe(481);
});

async function call(opts: Loose = {}) {
  const both = await pair();
  const answered = new Promise<Loose>((resolve) => {
    both.callee.invite((req: Loose, res: Loose) => {
      both.callee.createUAS(req, res, { localSdp: SDP, headers: opts.answerHeaders }).then(resolve);
    });
  });
  const uac: Loose = await both.caller.createUAC(at(both.right, "bob"), {
    localSdp: SDP,
    callingNumber: "100",
    ...opts.uac,
  });
  const uas = await answered;
  return { ...both, uac, uas };
}

test("a call is set up, changed, questioned and hung up by the caller", async () => {
  const { left, right, uac, uas } = await call();
  expect(uac.remote.sdp).toBe(SDP);
  expect(uas.remote.sdp).toBe(SDP);
  await until(() => left.stats().dialogs === 1 && right.stats().dialogs === 1);
  uas.on("info", (req: Loose, res: Loose) => res.send(200, { headers: { "X-Got": req.body } }));
  const info = await uac.request({
    method: "INFO",
    body: "Signal=5",
    headers: { "Content-Type": "application/dtmf-relay" },
  });
  expect(info.get("X-Got")).toBe("Signal=5");
  await uac.modify(SDP.replace("sendrecv", "sendonly"));
  await uas.modify(SDP.replace("4000", "4002"));
  expect(uac.remote.sdp).toContain("4002");
  const ended = new Promise((resolve) => uas.on("destroy", resolve));
  await uac.destroy();
  await ended;
  await until(() => left.stats().dialogs === 0 && right.stats().dialogs === 0);
});

test("the callee hangs up", async () => {
  const { left, right, uac, uas } = await call();
  const ended = new Promise((resolve) => uac.on("destroy", resolve));
  await uas.destroy();
  await ended;
  await until(() => left.stats().dialogs === 0 && right.stats().dialogs === 0);
});

test("CANCEL ends ringing with 487 on both sides", async () => {
  const { left, right, caller, callee } = await pair();
  let cancelled = false;
  callee.invite((req: Loose, res: Loose) => {
    req.on("cancel", () => {
      cancelled = true;
    });
    res.send(180);
  });
  let outgoing: Loose;
  const failure = await caller
    .createUAC(
      at(right, "bob"),
      { localSdp: SDP },
      {
        cbRequest: (_error: unknown, req: Loose) => {
          outgoing = req;
        },
        cbProvisional: () => outgoing.cancel(),
      },
    )
    .then(
      () => undefined,
      (error: Loose) => error,
    );
  expect(failure?.status).toBe(487);
  await until(() => cancelled);
  await until(() => left.stats().dialogs === 0 && right.stats().dialogs === 0);
});

test("CANCEL that crosses a 200: the call is acknowledged, released and reported", async () => {
  const { left, right, caller, callee } = await pair();
  callee.invite((req: Loose, res: Loose) => {
    callee.createUAS(req, res, { localSdp: SDP }).catch(() => {});
  });
  let reason: string | undefined;
  const uac: Loose = await caller.createUAC(
    at(right, "bob"),
    { localSdp: SDP },
    {
      cbRequest: (_error: unknown, req: Loose) => req.cancel(),
    },
  );
  uac.on("destroy", (_req: Loose, why: string) => {
    reason = why;
  });
  await until(() => reason !== undefined);
  expect(reason).toBe("ACK-BYE due to cancel race condition");
  await until(() => left.stats().dialogs === 0 && right.stats().dialogs === 0);
});

test("a refusal reaches the caller with its status and reason", async () => {
  const { right, caller, callee } = await pair();
  callee.invite((_req: Loose, res: Loose) => res.send(486, "Busy Now"));
  const failure = await caller.createUAC(at(right, "bob"), { localSdp: SDP }).then(
    () => undefined,
    (error: Loose) => error,
  );
  expect([failure?.status, failure?.reason]).toEqual([486, "Busy Now"]);
});

test("a reliable provisional is acknowledged with PRACK before the answer", async () => {
  const { right, caller, callee } = await pair();
  let pracked = false;
  callee.invite((req: Loose, res: Loose) => {
    res.send(
      183,
      { headers: { Require: "100rel" }, body: SDP },
      (error: unknown) => expect(error).toBeFalsy(),
      () => {
        pracked = true;
        callee.createUAS(req, res, { localSdp: SDP });
      },
    );
  });
  callee.use("prack", (_req: Loose, res: Loose) => res.send(200));
  const uac: Loose = await caller.createUAC(at(right, "bob"), {
    localSdp: SDP,
    headers: { Supported: "100rel" },
  });
  expect(pracked).toBe(true);
  await uac.destroy();
});

test("a B2BUA joins two calls and relays the end", async () => {
  const outer = await engine();
  const middle = await engine();
  const caller = await app(outer);
  const b2b = await app(middle);
  caller.invite((req: Loose, res: Loose) => caller.createUAS(req, res, { localSdp: SDP }));
  let dialogs: Loose;
  b2b.invite((req: Loose, res: Loose) => {
    b2b.createB2BUA(req, res, at(outer, "carol"), { localSdpB: req.body }).then((made: Loose) => {
      dialogs = made;
      made.uas.on("destroy", () => made.uac.destroy());
      made.uac.on("destroy", () => made.uas.destroy());
    });
  });
  const uac: Loose = await caller.createUAC(at(middle, "bob"), { localSdp: SDP });
  await until(() => dialogs);
  await uac.destroy();
  await until(() => outer.stats().dialogs === 0 && middle.stats().dialogs === 0);
});

test("a delayed offer: the answer travels in the ACK", async () => {
  const { right, caller, callee } = await pair();
  const acked = new Promise<Loose>((resolve) => {
    callee.invite((req: Loose, res: Loose) => {
      callee.createUAS(req, res, { localSdp: SDP }).then((uas: Loose) => uas.on("ack", resolve));
    });
  });
  const offer: Loose = await caller.createUAC(at(right, "bob"), { noAck: true });
  expect(offer.sdp).toBe(SDP);
  const uac = await offer.ack(SDP.replace("4000", "4444"));
  expect((await acked).body).toContain("4444");
  await uac.destroy();
});

test("SUBSCRIBE makes a dialog in which NOTIFY runs until it is terminated", async () => {
  const { left, right, caller, callee } = await pair();
  const uasReady = new Promise<Loose>((resolve) => {
    callee.subscribe((req: Loose, res: Loose) => {
      callee.createUAS(req, res, { headers: { Expires: "60" } }).then(resolve);
    });
  });
  const uac: Loose = await caller.createUAC(at(right, "bob"), {
    method: "SUBSCRIBE",
    headers: { Event: "dialog", Expires: "60" },
  });
  const uas = await uasReady;
  let state: string | undefined;
  uac.on("notify", (req: Loose, res: Loose) => {
    state = req.get("Subscription-State");
    res.send(200);
  });
  const res = await uas.request({
    method: "NOTIFY",
    headers: { Event: "dialog", "Subscription-State": "active;expires=60" },
  });
  expect(res.status).toBe(200);
  expect(state).toBe("active;expires=60");
  await uas.request({
    method: "NOTIFY",
    headers: { Event: "dialog", "Subscription-State": "terminated;reason=timeout" },
  });
  await until(() => left.stats().dialogs === 0 && right.stats().dialogs === 0);
});

test("an app that goes away: its calls are released after the grace time, new ones get 503", async () => {
  const both = await pair({ graceMs: 50 });
  both.callee.invite((req: Loose, res: Loose) => both.callee.createUAS(req, res, { localSdp: SDP }));
  const uac: Loose = await both.caller.createUAC(at(both.right, "bob"), { localSdp: SDP });
  const ended = new Promise((resolve) => uac.on("destroy", resolve));
  both.callee.disconnect();
  await ended;
  const failure = await both.caller.createUAC(at(both.right, "bob"), { localSdp: SDP }).then(
    () => undefined,
    (error: Loose) => error,
  );
  expect(failure?.status).toBe(503);
});

test("a request to the engine itself and one over a missing transport are refused at once", async () => {
  const left = await engine();
  const caller = await app(left);
  expect(ask(caller, at(left, "me"), "OPTIONS")).rejects.toThrow("can not send request to myself");
  expect(ask(caller, "sip:x@127.0.0.1:9;transport=tls", "OPTIONS")).rejects.toThrow(
    "requested protocol/transport not available",
  );
  expect(ask(caller, "sip:x@127.0.0.1:9", "MESSAGE", { body: "hi" })).rejects.toThrow("missing content-type");
});

test("a stop leaves nothing behind and the trace tells the call without secrets", async () => {
  const { left, uac } = await call({
    uac: { headers: { "Proxy-Authorization": 'Digest username="u",response="abcdef"' } },
  });
  const text = traceText(left.trace(uac.sip.callId));
  expect(text).toContain("INVITE sip:bob@");
  expect(text).toContain('username="u"');
  expect(text).not.toContain("abcdef");
  const pcap = pcapOf(left.trace(uac.sip.callId)).toString("latin1");
  expect(pcap).toContain("INVITE sip:bob@");
  expect(pcap).not.toContain("abcdef");
  await uac.destroy();
});

test("a session interval under 90 s: refused with 422 and Min-SE, and made again with it (RFC 4028 §7.2)", async () => {
  const { right, caller, callee } = await pair();
  const up = new Promise<Loose>((resolve) => {
    callee.invite((req: Loose, res: Loose) =>
      callee.createUAS(req, res, { localSdp: SDP }).then((uas: Loose) => resolve({ req, uas })),
    );
  });
  const headers = { "Session-Expires": "30;refresher=uac", Supported: "timer" };
  const uac: Loose = await caller.createUAC(at(right, "bob"), { localSdp: SDP, headers });
  const { req } = await up;
  expect([req.get("Session-Expires"), req.get("Min-SE")]).toEqual(["90;refresher=uac", "90"]);
  expect(uac.res.get("Session-Expires")).toBe("90;refresher=uac");
  await uac.destroy();
});

test("an unknown extension is refused with 420 and its name", async () => {
  const { right, caller, callee } = await pair();
  callee.options((_req: Loose, res: Loose) => res.send(200));
  await until(() => right.stats().agents === 1);
  const res = await ask(caller, at(right, "bob"), "OPTIONS", { headers: { Require: "nothing-we-know" } });
  expect([res.status, res.get("Unsupported")]).toEqual([420, "nothing-we-know"]);
});

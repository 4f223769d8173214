import { describe, expect, test } from "bun:test";
import { ask, at, bench, failure, type Loose, SDP, until } from "../test-support.ts";
import type { ListenPoint } from "../transport/index.ts";

const { phone } = bench();

const point = (protocol: "udp" | "tcp", address = "127.0.0.1"): ListenPoint => ({
  protocol,
  address,
  port: 0,
});

describe.each(["127.0.0.1", "0.0.0.0"])("a proxy at %s:", (address) => {
  /** A caller, a proxy with its app, and callees. */
  async function office(callees: number, options: Loose = {}) {
    const caller = await phone();
    const proxy = await phone([point("udp", address)]);
    const targets = await Promise.all(Array.from({ length: callees }, () => phone()));
    const results: Loose[] = [];
    const run = (req: Loose) =>
      proxy.srf
        .proxyRequest(
          req,
          targets.map((target) => at(target.engine, "bob")),
          options,
        )
        .then((result: Loose) => results.push(result));
    proxy.srf.invite(run);
    proxy.srf.message(run);
    proxy.srf.options(run);
    const quiet = () =>
      until(() => [caller, proxy, ...targets].every(({ engine }) => engine.stats().dialogs === 0));
    return { caller, proxy, targets, results, quiet };
  }

  const answers = (target: Loose, sdp = SDP) =>
    new Promise<Loose>((resolve) => {
      target.srf.invite((req: Loose, res: Loose) =>
        target.srf.createUAS(req, res, { localSdp: sdp }).then((dialog: Loose) => resolve({ req, dialog })),
      );
    });

  const place = (office: Loose, extra: Loose = {}) =>
    office.caller.srf.createUAC(at(office.proxy.engine, "bob"), { localSdp: SDP, ...extra });

  describe("one destination", () => {
    test("a MESSAGE passes with one hop less, the app's header and our Via on top", async () => {
      const { caller, proxy, targets, results } = await office(1, { headers: { "X-Way": "through" } });
      let seen: Loose;
      targets[0]?.srf.message((req: Loose, res: Loose) => {
        seen = req;
        res.send(200, { headers: { "X-Echo": "yes" } });
      });
      const res = await ask(caller.srf, at(proxy.engine, "bob"), "MESSAGE", {
        body: "hi",
        headers: { "Content-Type": "text/plain" },
      });
      expect([res.status, res.get("X-Echo")]).toEqual([200, "yes"]);
      expect([seen.get("Max-Forwards"), seen.get("X-Way"), seen.body]).toEqual(["69", "through", "hi"]);
      expect(seen.uri).toBe(at(targets[0]?.engine as Loose, "bob"));
      expect(seen.getParsedHeader("Via").length).toBe(2);
      await until(() => results.length === 1);
      expect([results[0].connected, results[0].finalStatus]).toEqual([true, 200]);
    });

    test("without record-route the dialog runs past the proxy", async () => {
      const scene = await office(1);
      const up = answers(scene.targets[0]);
      const uac = await place(scene);
      const { dialog } = await up;
      expect(dialog.remote.sdp).toBe(SDP);
      const before = scene.proxy.engine.stats().counters.received;
      const ended = new Promise((resolve) => dialog.on("destroy", resolve));
      await uac.destroy();
      await ended;
      // The ACK went past it too.
      expect(scene.proxy.engine.stats().counters.received).toBe(before);
      await scene.quiet();
    });

    test("with record-route re-INVITE, INFO and BYE of both sides pass the proxy", async () => {
      const scene = await office(1, { recordRoute: true });
      const up = answers(scene.targets[0]);
      const uac = await place(scene);
      const { dialog, req } = await up;
      expect(req.get("Record-Route")).toContain(";lr");
      const counters = () => scene.proxy.engine.stats().counters.received ?? 0;
      const before = counters();
      await uac.modify(SDP.replace("sendrecv", "sendonly"));
      await dialog.modify(SDP.replace("4000", "4008"));
      dialog.on("info", (_req: Loose, res: Loose) => res.send(200));
      expect((await uac.request({ method: "INFO" })).status).toBe(200);
      const ended = new Promise((resolve) => uac.on("destroy", resolve));
      await dialog.destroy();
      await ended;
      expect(counters() - before).toBeGreaterThanOrEqual(10);
      await scene.quiet();
    });

    test("a Route of ours without our mark makes no relay: 481", async () => {
      const { caller, proxy, targets } = await office(1, { recordRoute: true });
      const route = `<${at(proxy.engine, "x").replace("x@", "")};lr;zj=0123456789abcdef>`;
      const res = await ask(caller.srf, at(targets[0]?.engine as Loose, "bob"), "INFO", {
        headers: { Route: route, To: `<${at(proxy.engine, "bob")}>;tag=1` },
      });
      expect(res.status).toBe(481);
      expect(targets[0]?.engine.stats().counters.received).toBe(0);
    });

    test("a preloaded Route of ours is taken off", async () => {
      const { caller, proxy, targets } = await office(1);
      let seen: Loose;
      targets[0]?.srf.message((req: Loose, res: Loose) => {
        seen = req;
        res.send(200);
      });
      const route = `<${at(proxy.engine, "x").replace("x@", "")};lr>`;
      const headers = { Route: route, "Content-Type": "text/plain" };
      const uri = "sip:bob@office.example.com";
      expect((await ask(caller.srf, uri, "MESSAGE", { headers, body: "hi" })).status).toBe(200);
      // The domain of the Request-URI is none of our addresses: it stays.
      expect([seen.uri, seen.get("Route")]).toEqual([uri, undefined]);
    });

    test("CANCEL of the caller reaches the callee and 487 comes back", async () => {
      const scene = await office(1);
      let cancelled = false;
      scene.targets[0]?.srf.invite((req: Loose, res: Loose) => {
        req.on("cancel", () => {
          cancelled = true;
        });
        res.send(180);
      });
      let invite: Loose;
      const error = await failure(
        scene.caller.srf.createUAC(
          at(scene.proxy.engine, "bob"),
          { localSdp: SDP },
          {
            cbRequest: (_error: unknown, req: Loose) => {
              invite = req;
            },
            cbProvisional: () => invite.cancel(),
          },
        ),
      );
      expect(error?.status).toBe(487);
      expect(cancelled).toBe(true);
      await until(() => scene.results[0]?.finalStatus === 487);
      await scene.quiet();
    });
  });

  describe("two sides", () => {
    test("a caller on UDP and a callee on TCP: two Record-Route elements, in-dialog requests pass both ways (RFC 5658)", async () => {
      const caller = await phone([point("udp")]);
      const callee = await phone([point("tcp")]);
      const proxy = await phone([point("udp", address), point("tcp", address)]);
      proxy.srf.invite((req: Loose) =>
        proxy.srf.proxyRequest(req, at(callee.engine, "bob", "tcp"), { recordRoute: true }),
      );
      const up = answers(callee);
      const uac: Loose = await caller.srf.createUAC(at(proxy.engine, "bob"), { localSdp: SDP });
      const { req, dialog } = await up;
      const routes = String(req.get("Record-Route")).split(",");
      expect(routes.length).toBe(2);
      expect(routes.map((route) => route.includes("transport=tcp"))).toEqual([true, false]);
      expect(req.protocol).toBe("tcp");
      dialog.on("info", (_req: Loose, res: Loose) => res.send(200));
      expect((await uac.request({ method: "INFO" })).status).toBe(200);
      await uac.modify(SDP.replace("sendrecv", "sendonly"));
      await dialog.modify(SDP.replace("4000", "4010"));
      expect(uac.remote.sdp).toContain("4010");
      const ended = new Promise((resolve) => uac.on("destroy", resolve));
      await dialog.destroy();
      await ended;
      await until(() => [caller, callee, proxy].every(({ engine }) => engine.stats().dialogs === 0));
    });

    test("serial forks with reliable provisionals: each PRACK reaches its own phone", async () => {
      const scene = await office(2, { recordRoute: true });
      const seen: string[] = [];
      const early = (name: string, phone: Loose, then: (req: Loose, res: Loose) => void) => {
        phone.srf.use("prack", (_req: Loose, res: Loose) => res.send(200));
        phone.srf.invite((req: Loose, res: Loose) =>
          res.send(183, { headers: { Require: "100rel" }, body: SDP }, undefined, () => {
            seen.push(`prack ${name}`);
            then(req, res);
          }),
        );
      };
      early("one", scene.targets[0], (_req, res) => res.send(486));
      const up = new Promise<Loose>((resolve) =>
        early("two", scene.targets[1], (req, res) =>
          scene.targets[1]?.srf.createUAS(req, res, { localSdp: SDP }).then(resolve),
        ),
      );
      const uac = await place(scene, { headers: { Supported: "100rel" } });
      const uas = await up;
      expect(seen).toEqual(["prack one", "prack two"]);
      const ended = new Promise((resolve) => uas.on("destroy", resolve));
      await uac.destroy();
      await ended;
      await scene.quiet();
    });
  });

  describe("bounds", () => {
    test("Max-Forwards 0 is refused with 483, by the proxy and in front of apps", async () => {
      const { caller, proxy } = await office(1);
      const zero = { headers: { "Max-Forwards": "0" } };
      expect((await ask(caller.srf, at(proxy.engine, "bob"), "OPTIONS", zero)).status).toBe(483);
      expect((await ask(caller.srf, at(proxy.engine, "bob"), "MESSAGE", zero)).status).toBe(483);
    });

    test("two proxies that send a request to each other: 482", async () => {
      const caller = await phone();
      const one = await phone([point("udp", address)]);
      const two = await phone([point("udp", address)]);
      one.srf.options((req: Loose) => one.srf.proxyRequest(req, at(two.engine, "bob")));
      two.srf.options((req: Loose) => two.srf.proxyRequest(req, at(one.engine, "bob")));
      // The merged-request rule (RFC 3261 §8.2.2.2) or the loop check, whichever meets it first.
      expect((await ask(caller.srf, at(one.engine, "bob"), "OPTIONS")).status).toBe(482);
    });

    test("an unknown Proxy-Require is refused with 420", async () => {
      const { caller, proxy } = await office(1);
      const res = await ask(caller.srf, at(proxy.engine, "bob"), "OPTIONS", {
        headers: { "Proxy-Require": "strange" },
      });
      expect([res.status, res.get("Unsupported")]).toEqual([420, "strange"]);
    });
  });

  describe("several destinations", () => {
    test("serial: the next one is tried after a refusal", async () => {
      const scene = await office(2);
      scene.targets[0]?.srf.invite((_req: Loose, res: Loose) => res.send(486));
      const up = answers(scene.targets[1]);
      const uac = await place(scene);
      await up;
      expect(scene.results[0].responses.flatMap((r: Loose) => r.msgs.map((m: Loose) => m.status))).toEqual([
        486, 200,
      ]);
      await uac.destroy();
      await scene.quiet();
    });

    test("serial: all refuse, the best answer comes back; 6xx ends the search", async () => {
      const scene = await office(2);
      scene.targets[0]?.srf.invite((_req: Loose, res: Loose) => res.send(484));
      scene.targets[1]?.srf.invite((_req: Loose, res: Loose) => res.send(404));
      expect((await failure(place(scene)))?.status).toBe(484);
      const second = await office(2);
      let asked = false;
      second.targets[0]?.srf.invite((_req: Loose, res: Loose) => res.send(603));
      second.targets[1]?.srf.invite((_req: Loose, res: Loose) => {
        asked = true;
        res.send(404);
      });
      expect((await failure(place(second)))?.status).toBe(603);
      expect(asked).toBe(false);
    });

    test("serial: a silent destination is left after provisionalTimeout, a ringing one after finalTimeout", async () => {
      const scene = await office(2, { finalTimeout: "600ms" });
      let cancelled = false;
      scene.targets[0]?.srf.invite((req: Loose, res: Loose) => {
        req.on("cancel", () => {
          cancelled = true;
        });
        res.send(180);
      });
      const up = answers(scene.targets[1]);
      const uac = await place(scene);
      await up;
      await until(() => cancelled);
      await uac.destroy();
      await scene.quiet();
      const silent = Bun.udpSocket({ hostname: "127.0.0.1", port: 0, socket: { data() {}, error() {} } });
      const socket = await silent;
      const proxy = await phone([point("udp", address)]);
      const target = await phone();
      const other = await phone();
      proxy.srf.message((req: Loose) =>
        proxy.srf.proxyRequest(req, [`sip:x@127.0.0.1:${socket.port}`, at(target.engine, "bob")], {
          provisionalTimeout: "400ms",
        }),
      );
      target.srf.message((_req: Loose, res: Loose) => res.send(202));
      expect((await ask(other.srf, at(proxy.engine, "bob"), "MESSAGE")).status).toBe(202);
      socket.close();
    });

    test("parallel: the first answer wins, the other phone is cancelled", async () => {
      const scene = await office(2, { forking: "simultaneous", recordRoute: true });
      let cancelled = false;
      scene.targets[0]?.srf.invite((req: Loose, res: Loose) => {
        req.on("cancel", () => {
          cancelled = true;
        });
        res.send(180);
      });
      const up = answers(scene.targets[1]);
      const uac = await place(scene);
      await up;
      await until(() => cancelled && scene.results.length === 1);
      expect(scene.results[0].connected).toBe(true);
      await uac.destroy();
      await scene.quiet();
    });

    test("redirects are followed when asked, passed back when not", async () => {
      const end = await phone();
      const up = answers(end);
      const redirect = (_req: Loose, res: Loose) =>
        res.send(302, { headers: { Contact: `<${at(end.engine, "moved")}>` } });
      const scene = await office(1, { followRedirects: true });
      scene.targets[0]?.srf.invite(redirect);
      const uac = await place(scene);
      const { req } = await up;
      expect(req.uri).toBe(at(end.engine, "moved"));
      await uac.destroy();
      await scene.quiet();
      const plain = await office(1);
      plain.targets[0]?.srf.invite(redirect);
      expect((await failure(place(plain)))?.status).toBe(302);
    });
  });
});

/** Redirects (RFC 3261 §8.1.3.4) as drachtio-srf follows them through the engine. */
import { describe, expect, test } from "bun:test";
import { at, bench, failure, type Loose, SDP, UDP } from "./test-support.ts";
import type { ListenPoint } from "./transport/index.ts";

const { phone } = bench();
const TCP: ListenPoint = { ...UDP, protocol: "tcp" };

/** A phone that sends every caller on to these Contacts. */
async function away(...contacts: string[]) {
  const made = await phone();
  let asked = 0;
  made.srf.invite((_req: Loose, res: Loose) => {
    asked++;
    res.send(302, { headers: { Contact: contacts.map((uri) => `<${uri}>`).join(", ") } });
  });
  return { engine: made.engine, asked: () => asked };
}

/** A phone that answers; what it was asked for. */
async function there(points: readonly ListenPoint[] = [UDP]) {
  const made = await phone(points);
  const uris: string[] = [];
  made.srf.invite((req: Loose, res: Loose) => {
    uris.push(req.uri);
    made.srf.createUAS(req, res, { localSdp: SDP });
  });
  return { engine: made.engine, uris };
}

describe("createUAC({ followRedirects })", () => {
  test("the call is made at the Contact of the 302, with the Contact as Request-URI", async () => {
    const goal = await there();
    const first = await away(at(goal.engine, "desk"));
    const { srf } = await phone();
    const dialog = await srf.createUAC(at(first.engine, "bob"), { localSdp: SDP, followRedirects: true });
    expect(first.asked()).toBe(1);
    expect(goal.uris).toEqual([at(goal.engine, "desk")]);
    await dialog.modify(SDP);
    await dialog.destroy();
  });

  test("keepUriOnRedirect: to the Contact's address, but with the Request-URI that was dialled", async () => {
    const goal = await there();
    const first = await away(at(goal.engine, "desk"));
    const { srf } = await phone();
    const dialled = at(first.engine, "bob");
    const dialog = await srf.createUAC(dialled, {
      localSdp: SDP,
      followRedirects: true,
      keepUriOnRedirect: true,
    });
    expect(goal.uris).toEqual([dialled]);
    await dialog.destroy();
  });

  test("a chain of redirects, the last to another transport", async () => {
    const goal = await there([TCP]);
    const second = await away(at(goal.engine, "desk", "tcp"));
    const first = await away(at(second.engine, "bob"));
    const { srf } = await phone([UDP, TCP]);
    const dialog = await srf.createUAC(at(first.engine, "bob"), { localSdp: SDP, followRedirects: true });
    expect([first.asked(), second.asked(), goal.uris.length]).toEqual([1, 1, 1]);
    await dialog.destroy();
  });

  test("two that send callers to each other: an end after five answers, with nothing left", async () => {
    const one = await phone();
    const two = await phone();
    for (const [here, other] of [
      [one, two],
      [two, one],
    ] as const)
      here.srf.invite((_req: Loose, res: Loose) =>
        res.send(302, { headers: { Contact: `<${at(other.engine, "bob")}>` } }),
      );
    const { srf, engine } = await phone();
    const error = await failure(
      srf.createUAC(at(one.engine, "bob"), { localSdp: SDP, followRedirects: true }),
    );
    expect(error.status).toBe(302);
    expect(engine.stats().dialogs).toBe(0);
  });

  test("a Contact that nobody can reach: the error of that attempt", async () => {
    const first = await away("sip:desk@127.0.0.1:9;transport=tcp");
    const { srf } = await phone([UDP, TCP]);
    const error = await failure(
      srf.createUAC(at(first.engine, "bob"), { localSdp: SDP, followRedirects: true }),
    );
    expect(error.status).toBe(503);
  });

  test("without the option the 302 is the answer", async () => {
    const goal = await there();
    const first = await away(at(goal.engine, "desk"));
    const { srf } = await phone();
    const error = await failure(srf.createUAC(at(first.engine, "bob"), { localSdp: SDP }));
    expect(error.status).toBe(302);
    expect(goal.uris).toEqual([]);
  });
});

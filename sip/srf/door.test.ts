import { afterAll, expect, test } from "bun:test";
import { type GeneratorResult, generate } from "../../bench/generator.ts";
import { extension } from "../test-support.ts";
import { Authenticator } from "./authenticator.ts";
import { SrfFacade } from "./facade.ts";
import { launchEngine } from "./launch.ts";

const endpoint = extension();
const closers: (() => unknown)[] = [];
afterAll(async () => {
  for (const close of closers) await close();
});

async function office(withDoor: boolean) {
  const seen: string[] = [];
  const auth = new Authenticator({
    realm: "zongji",
    endpointByUser: (user) => (user === "1001" ? endpoint : undefined),
  });
  const engine = await launchEngine({
    contacts: ["sip:127.0.0.1:0;transport=udp"],
    worker: false,
    ...(withDoor ? { door: auth.door() } : {}),
  });
  const facade = new SrfFacade();
  facade.handle("REGISTER", (request) => {
    const credentials = request.header("Authorization");
    seen.push(credentials === undefined ? "bare" : "with credentials");
    const verdict = auth.check({
      method: "REGISTER",
      uri: request.uri,
      body: "",
      credentials,
      sourceAddress: request.source.address,
    });
    if (verdict.kind === "challenge")
      void request.respond(401, { headers: { "WWW-Authenticate": verdict.challenges } });
    else void request.respond(verdict.kind === "ok" ? 200 : 403);
  });
  const connect = () => facade.connect(engine.agent);
  closers.push(
    () => facade.stop(),
    () => engine.stop(),
  );
  await connect();
  const port = Number(facade.hostports[0]?.split(":").at(-1));
  const run = (secret: string): Promise<GeneratorResult> =>
    generate("REGISTER", { address: "127.0.0.1", port }, [{ number: "1001", secret }], {
      count: 20,
      window: 4,
    });
  return { seen, run, facade, engine };
}

test("the engine challenges in the application's name; what it lets in, the application proves", async () => {
  const { seen, run, engine } = await office(true);
  expect(await run("pw")).toMatchObject({ succeeded: 20, failed: 0, lost: 0 });
  expect(seen).toEqual(new Array(20).fill("with credentials"));
  expect(await run("wrong")).toMatchObject({ succeeded: 0, failed: 20, lost: 0 });
  expect((await engine.stats()).counters.stateless).toBe(40);
});

test("without a door all of it is the application's work, and without an application nobody is asked", async () => {
  const { seen, run, facade } = await office(false);
  expect(await run("pw")).toMatchObject({ succeeded: 20 });
  expect(seen.filter((one) => one === "bare")).toHaveLength(20);
  const other = await office(true);
  other.facade.stop();
  expect(await other.run("pw")).toMatchObject({ succeeded: 0, failed: 20 });
  expect((await other.engine.stats()).counters.stateless).toBe(0);
  expect(facade.connected).toBe(true);
});

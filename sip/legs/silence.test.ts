import { expect, test } from "bun:test";
import { TRUNK_DEFAULTS, type TrunkConfig } from "../directory.ts";
import { FakeStack, fakeReply } from "../srf/fake.ts";
import { Trunks } from "../trunks/trunks.ts";
import { SilenceWatch } from "./silence.ts";

const config: TrunkConfig = {
  ...TRUNK_DEFAULTS,
  id: 1,
  name: "carrier",
  enabled: true,
  kind: "registration",
  host: "203.0.113.5",
  port: 0,
  transport: "udp",
  username: "acct",
  authUsername: "",
  password: "pw",
  fromDomain: "",
  outboundProxy: "",
  allowedAddresses: [],
  maxCalls: 0,
  registerExpiresS: 600,
  optionsPingS: 0,
  codecs: [],
  identityHeader: "none",
};

async function registered(over: Partial<TrunkConfig> = {}) {
  const stack = new FakeStack();
  const list = [{ ...config, ...over }];
  const trunks = new Trunks({ stack, directory: { trunks: () => list }, resolve: async () => [] });
  trunks.reload();
  stack.sent[0]?.finish(fakeReply(200));
  await new Promise((resolve) => setImmediate(resolve));
  const trunk = trunks.get(1);
  if (trunk === undefined) throw new Error("no trunk");
  return { stack, trunks, trunk };
}
const over = (watch: Promise<void>) =>
  Promise.race([watch.then(() => "gave up"), Bun.sleep(60).then(() => "waits")]);
const watching = (trunk: ConstructorParameters<typeof SilenceWatch>[0], patience: number) => {
  const gone = Promise.withResolvers<void>();
  return { silence: new SilenceWatch(trunk, gone.resolve, patience), gone: gone.promise };
};

test("a registrar that does not answer either is silent; the line counts as down until it answers", async () => {
  const { stack, trunk, trunks } = await registered();
  await watching(trunk, 5).gone;
  expect(stack.sent[1]?.options.method).toBe("REGISTER");
  expect(trunk.usable).toBe(false);
  trunks.tick();
  stack.sent.at(-1)?.finish(fakeReply(200));
  await new Promise((resolve) => setImmediate(resolve));
  expect(trunk.usable).toBe(true);
});

test("a carrier that answers is given its time; so is a call that was heard of", async () => {
  const slow = await registered();
  const first = watching(slow.trunk, 20);
  const end = over(first.gone);
  await new Promise<void>((resolve) => {
    const look = () => (slow.stack.sent.length > 1 ? resolve() : setImmediate(look));
    look();
  });
  slow.stack.sent[1]?.finish(fakeReply(403));
  expect(await end).toBe("waits");
  const { trunk } = await registered();
  const second = watching(trunk, 5);
  second.silence.stop();
  expect(await over(second.gone)).toBe("waits");
});

test("a line by address that never answered OPTIONS is not given up: nothing can tell", async () => {
  const stack = new FakeStack();
  const trunks = new Trunks({
    stack,
    directory: { trunks: () => [{ ...config, kind: "ip" }] },
    resolve: async () => [],
  });
  trunks.reload();
  const trunk = trunks.get(1);
  if (trunk === undefined) throw new Error("no trunk");
  expect(await over(watching(trunk, 5).gone)).toBe("waits");
  expect(stack.sent).toHaveLength(0);
});

import { describe, expect, test } from "bun:test";
import type { DeviceState, Directory, RegistrationRow } from "../directory.ts";
import { Authenticator } from "../srf/authenticator.ts";
import { answerChallenge, parseChallenges } from "../srf/digest.ts";
import { FakeRequest, FakeStack, fakeReply } from "../srf/fake.ts";
import { AddressSet, formatSource, PRIVATE_RANGES, plainAddress, sourceUri } from "../srf/network.ts";
import { extension } from "../test-support.ts";
import { Registrar } from "./registrar.ts";

const saved = (over: Partial<RegistrationRow> = {}): RegistrationRow => ({
  extensionId: 1,
  number: "1001",
  contact: "sip:1001@192.168.1.20",
  source: "udp:192.168.1.20:5060",
  userAgent: "Phone",
  callId: "c",
  cseq: 1,
  instance: "",
  registeredAt: 0,
  expiresAt: 100_000,
  ...over,
});

function setUp(
  options: { rows?: RegistrationRow[]; allowRemote?: boolean; fail?: boolean; durable?: Promise<void> } = {},
) {
  let now = 50_000;
  const stack = new FakeStack();
  const log: string[] = [];
  const directory: Directory = {
    realm: "zongji",
    endpointByUser: (user) =>
      user === "1001" ? extension({ allowRemote: options.allowRemote ?? false }) : undefined,
    trunks: () => [],
    loadRegistrations: () => options.rows ?? [],
    saveRegistrations: ({ saved, removed }) => {
      if (options.fail === true) throw new Error("disk full");
      for (const row of removed) log.push(`remove ${row.contact}`);
      for (const row of saved) log.push(`save ${row.contact}`);
      log.push("commit");
      return options.durable;
    },
  };
  const authenticator = new Authenticator(directory, { now: () => now });
  const turns: (() => void)[] = [];
  const registrar = new Registrar({
    stack,
    directory,
    authenticator,
    lan: new AddressSet(PRIVATE_RANGES),
    keepAliveMs: 1000,
    now: () => now,
    defer: (run) => turns.push(run),
  });
  /** Ends the turn of the event loop. */
  const flush = () => {
    while (turns.length > 0) turns.shift()?.();
  };
  const states: DeviceState[] = [];
  registrar.onDevice((state) => states.push(state));
  registrar.reload();
  interface Fields {
    address?: string;
    to?: string;
    contact?: string;
    expires?: string;
    cseq?: number;
    callId?: string;
    path?: string;
  }
  const offer = (options: Fields = {}) => {
    const send = (authorization?: string) =>
      stack.receive(
        new FakeRequest(
          "REGISTER",
          "sip:zongji",
          {
            To: `<sip:${options.to ?? "1001"}@zongji>`,
            "Call-ID": options.callId ?? "c",
            CSeq: `${options.cseq ?? 2} REGISTER`,
            Contact: options.contact ?? "<sip:1001@192.168.1.20>",
            ...(options.expires === undefined ? {} : { Expires: options.expires }),
            ...(options.path === undefined ? {} : { Path: options.path }),
            ...(authorization === undefined ? {} : { Authorization: authorization }),
          },
          "",
          { protocol: "udp", address: options.address ?? "192.168.1.20", port: 5060 },
        ),
      );
    const challenge = parseChallenges(String(send().responses[0]?.options.headers?.["WWW-Authenticate"]))[0];
    if (challenge === undefined) throw new Error("no challenge");
    const user = { username: "1001", password: "pw" };
    return send(answerChallenge(challenge, user, { method: "REGISTER", uri: "sip:zongji" }, 1, "c"));
  };
  const register = (options: Fields = {}) => {
    const request = offer(options);
    flush();
    return request;
  };
  return {
    stack,
    registrar,
    register,
    offer,
    flush,
    states,
    log,
    pass: (ms: number) => {
      now += ms;
    },
  };
}

describe("registrar", () => {
  test("saves before it says yes, and lists the bindings", () => {
    const { register, log, registrar, states } = setUp();
    const answer = register({ expires: "120" });
    expect(answer.statuses).toEqual([200]);
    expect(answer.responses[0]?.options.headers?.Contact).toEqual(["<sip:1001@192.168.1.20>;expires=120"]);
    expect(log).toEqual(["save sip:1001@192.168.1.20", "commit"]);
    expect(registrar.deviceState(1).online).toBe(true);
    expect(states.at(-1)?.online).toBe(true);
  });

  test("what cannot be saved is refused with 500 and not rung", () => {
    const { register, registrar } = setUp({ fail: true });
    expect(register().statuses).toEqual([500]);
    expect(registrar.reachable(1)).toEqual([]);
  });

  test("what arrives in one turn is one commit, and no answer leaves before it", () => {
    const { offer, flush, log, registrar } = setUp();
    const desk = offer();
    const mobile = offer({ contact: "<sip:1001@192.168.1.21>", callId: "d" });
    const again = offer({ cseq: 3 });
    const gone = offer({ contact: "<sip:1001@192.168.1.21>", expires: "0", callId: "d", cseq: 4 });
    const all = [desk, mobile, again, gone];
    expect(all.flatMap((request) => request.statuses)).toEqual([]);
    flush();
    expect(all.flatMap((request) => request.statuses)).toEqual([200, 200, 200, 200]);
    expect(log).toEqual(["remove sip:1001@192.168.1.21", "save sip:1001@192.168.1.20", "commit"]);
    expect(registrar.reachable(1).map((row) => [row.contact, row.cseq])).toEqual([
      ["sip:1001@192.168.1.20", 3],
    ]);
  });

  test("the 200 waits until the disk has it; a disk that fails is 500", async () => {
    const disk = Promise.withResolvers<void>();
    const waiting = setUp({ durable: disk.promise }).register();
    await Promise.resolve();
    expect(waiting.statuses).toEqual([]);
    disk.resolve();
    await disk.promise;
    await Promise.resolve();
    expect(waiting.statuses).toEqual([200]);
    const broken = Promise.withResolvers<void>();
    const refused = setUp({ durable: broken.promise }).register();
    broken.reject(new Error("input/output error"));
    await broken.promise.catch(() => {});
    await Promise.resolve();
    expect(refused.statuses).toEqual([500]);
  });

  test("an old REGISTER behind a newer one of the same turn is refused", () => {
    const { offer, flush } = setUp();
    const newer = offer({ cseq: 9 });
    const older = offer({ cseq: 8 });
    flush();
    expect([newer.statuses, older.statuses]).toEqual([[200], [500]]);
  });

  test("a flood beyond what can be saved is told to come back later", () => {
    const { offer, flush, log } = setUp();
    const all = Array.from({ length: 2010 }, (_, n) => offer({ cseq: n + 1 }));
    const refused = all.filter((request) => request.statuses[0] === 503);
    expect(refused).toHaveLength(10);
    expect(Number(refused[0]?.responses[0]?.options.headers?.["Retry-After"])).toBeGreaterThan(0);
    flush();
    expect(all.filter((request) => request.statuses[0] === 200)).toHaveLength(2000);
    expect(log.filter((line) => line === "commit")).toHaveLength(Math.ceil(2000 / 64));
  });

  test("another's number is 403; a stranger's address too, unless the extension is open", () => {
    expect(setUp().register({ to: "1002" }).statuses).toEqual([403]);
    expect(setUp().register({ address: "8.8.8.8" }).statuses).toEqual([403]);
    expect(setUp({ allowRemote: true }).register({ address: "8.8.8.8" }).statuses).toEqual([200]);
  });

  test("423 names the minimum", () => {
    const answer = setUp().register({ expires: "10" });
    expect(answer.statuses).toEqual([423]);
    expect(answer.responses[0]?.options.headers).toEqual({ "Min-Expires": "60" });
  });

  test("saved registrations are there after a restart; what ran out is removed", () => {
    const { registrar, log, pass, states } = setUp({
      rows: [saved(), saved({ contact: "sip:old@h", expiresAt: 49_999 })],
    });
    expect(registrar.reachable(1).map((row) => row.contact)).toEqual(["sip:1001@192.168.1.20"]);
    expect(registrar.isDevice("udp:192.168.1.20:5060")).toBe(true);
    pass(50_001);
    registrar.tick();
    expect(log).toEqual(["remove sip:1001@192.168.1.20", "commit"]);
    expect(states.at(-1)).toEqual({ extensionId: 1, online: false, devices: [] });
  });

  test("a device that leaves two OPTIONS unanswered is offline until it answers", async () => {
    const { registrar, stack, pass, states } = setUp({ rows: [saved()] });
    const ask = async (status: number) => {
      pass(1001);
      registrar.tick();
      stack.sent.at(-1)?.finish(fakeReply(status));
      for (let i = 0; i < 5; i++) await Promise.resolve();
    };
    await ask(408);
    expect(registrar.deviceState(1).online).toBe(true);
    await ask(408);
    expect(states.at(-1)).toMatchObject({ online: false });
    expect(registrar.reachable(1)).toHaveLength(1);
    await ask(404);
    expect(states.at(-1)).toMatchObject({ online: true });
    expect(stack.sent[0]?.options).toMatchObject({
      method: "OPTIONS",
      proxy: "sip:192.168.1.20:5060;transport=udp",
    });
  });
});

describe("addresses", () => {
  test("sets of addresses and ranges", () => {
    const set = new AddressSet(["10.0.0.0/8", "1.2.3.4", "2001:db8::/32", "carrier.cn", "1.2.3.4/99"]);
    expect(set.invalid).toEqual(["carrier.cn", "1.2.3.4/99"]);
    expect(["10.9.9.9", "::ffff:1.2.3.4", "[2001:db8::1]", "11.0.0.1", "x"].map((a) => set.has(a))).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });

  test("sources and next hops", () => {
    const source = formatSource({ protocol: "tcp", address: "2001:db8::1", port: 5061 });
    expect(source).toBe("tcp:[2001:db8::1]:5061");
    expect(sourceUri(source)).toBeUndefined();
    expect(sourceUri("udp:[2001:db8::1]:5061")).toBe("sip:[2001:db8::1]:5061;transport=udp");
    expect(plainAddress("fe80::1%eth0")).toBe("fe80::1");
  });

  test("a Path is kept, told back, used as the route; nonsense in it is refused (RFC 3327)", async () => {
    const { registrar, register, stack, pass } = setUp();
    const path = "<sip:edge.office;lr>, <sip:inner@10.0.0.2:5070;transport=tcp;lr>";
    const request = register({ path });
    expect(request.responses.at(-1)).toMatchObject({ status: 200, options: { headers: { Path: path } } });
    const route = ["<sip:edge.office;lr>", "<sip:inner@10.0.0.2:5070;transport=tcp;lr>"];
    expect(registrar.reachable(1)[0]?.path).toEqual(route);
    pass(5000);
    registrar.tick();
    expect(stack.sent.at(-1)?.options).toMatchObject({
      method: "OPTIONS",
      proxy: "sip:edge.office;lr",
      headers: { Route: route },
    });
    // Without one again, the way is straight again.
    register({ cseq: 3 });
    expect(registrar.reachable(1)[0]?.path).toBeUndefined();
    expect(register({ cseq: 4, path: "<sip:strict.example>" }).responses.at(-1)?.status).toBe(400);
    expect(register({ cseq: 5, path: "<<;lr" }).responses.at(-1)?.status).toBe(400);
  });
});

import { describe, expect, test } from "bun:test";
import { Detector } from "./detector.ts";
import { isTool } from "./facts.ts";
import { DEFENCE_DEFAULTS, type DefenceOptions, type Origin, type RequestFacts } from "./model.ts";

function detector(options: Partial<DefenceOptions> = {}) {
  const time = { now: 1_000_000 };
  const subject = new Detector({ ...DEFENCE_DEFAULTS, allow: ["10.1.0.0/16"], ...options }, () => time.now);
  return { subject, time };
}

const from = (address: string, port = 5060, protocol: Origin["protocol"] = "udp"): Origin => ({
  protocol,
  address,
  port,
});
const ask = (name: string, over: Partial<RequestFacts> = {}): RequestFacts => ({
  method: "REGISTER",
  user: undefined,
  name,
  fresh: true,
  tool: false,
  ...over,
});
/** One request through all of the detector: true when it came through. */
function request(subject: Detector, origin: Origin, facts: RequestFacts, status: number): boolean {
  if (!subject.admit(origin.address, origin.protocol) || !subject.judge(origin, facts)) return false;
  subject.outcome(origin, facts, status);
  return true;
}
/** One attempt with a wrong password as the app tells it. */
function guess(subject: Detector, origin: Origin, user: string): boolean {
  const passed = request(subject, origin, ask(user, { user }), 403);
  if (passed) subject.evidence({ kind: "failed", address: origin.address, port: origin.port, user });
  return passed;
}
function prove(subject: Detector, origin: Origin, user: string): boolean {
  const passed = request(subject, origin, ask(user, { user }), 200);
  if (passed) subject.evidence({ kind: "proven", address: origin.address, port: origin.port, user });
  return passed;
}

describe("phones", () => {
  test("one that only answers its challenges is never banned, nor ever kept waiting", () => {
    const { subject, time } = detector({ told: true });
    const phone = from("192.0.2.1");
    for (let turn = 0; turn < 1_000; turn++) {
      time.now += 1_000;
      expect(request(subject, phone, ask("1001"), 401)).toBe(true);
      expect(prove(subject, phone, "1001")).toBe(true);
    }
    expect(subject.list()).toEqual([]);
  });

  test("one without a password that asks every half minute is not banned", () => {
    const { subject, time } = detector({ told: true });
    for (let turn = 0; turn < 2_000; turn++) {
      time.now += 30_000;
      expect(request(subject, from("192.0.2.2"), ask("1001"), 401)).toBe(true);
    }
    expect(subject.list()).toEqual([]);
  });

  test("one with a wrong password that tries every five seconds for a day is not banned", () => {
    const { subject, time } = detector({ told: true });
    let tried = 0;
    for (let turn = 0; turn < 17_280; turn++) {
      time.now += 5_000;
      request(subject, from("192.0.2.3"), ask("1001"), 401);
      if (guess(subject, from("192.0.2.3"), "1001")) tried++;
    }
    expect(subject.list()).toEqual([]);
    expect(tried).toBeLessThan(1_600);
  });

  test("forty that wake up behind one address at the same moment all come in", () => {
    const { subject, time } = detector({ told: true });
    const branch = (index: number) => from("192.0.2.4", 20_000 + index);
    const numbers = Array.from({ length: 40 }, (_, index) => String(1000 + index));
    for (const [index, number] of numbers.entries())
      expect(request(subject, branch(index), ask(number), 401)).toBe(true);
    time.now += 200;
    for (const [index, number] of numbers.entries()) expect(prove(subject, branch(index), number)).toBe(true);
    expect(subject.list()).toEqual([]);
  });

  test("a wrong password beside working phones bans nobody and slows down nobody else", () => {
    const { subject, time } = detector({ told: true });
    const [good, bad] = [from("192.0.2.5", 5062), from("192.0.2.5", 5064)];
    prove(subject, good, "1001");
    subject.protect({ allow: [], trusted: ["192.0.2.5"] });
    let refused = 0;
    for (let turn = 0; turn < 500; turn++) {
      time.now += 1_000;
      if (!guess(subject, bad, "1002")) refused++;
      expect(request(subject, good, ask("1001"), 401)).toBe(true);
      expect(prove(subject, good, "1001")).toBe(true);
    }
    expect(subject.list()).toEqual([]);
    expect(refused).toBeGreaterThan(400);
  });
});

describe("guessing", () => {
  test("ends in a ban that can be lifted and that ends by itself", () => {
    const { subject, time } = detector();
    const thief = from("192.0.2.10");
    for (let turn = 0; turn < 20; turn++) subject.outcome(thief, ask("1001", { user: "1001" }), 401);
    expect(subject.list()[0]).toMatchObject({
      address: "192.0.2.10",
      reason: "guessing",
      evidence: 20,
      times: 1,
    });
    expect(subject.admit("192.0.2.10", "udp")).toBe(false);
    expect(subject.admit("192.0.2.11", "udp")).toBe(true);
    const known = subject.changes(0);
    expect(known?.bans.map(({ address }) => address)).toContain("192.0.2.10");
    expect(subject.changes(known?.revision ?? 0)).toBeUndefined();
    expect(subject.lift("192.0.2.10")).toBe(true);
    expect(subject.changes(known?.revision ?? 0)?.bans).toHaveLength((known?.bans.length ?? 0) - 1);
    expect(subject.lift("192.0.2.10")).toBe(false);
    expect(subject.admit("192.0.2.10", "udp")).toBe(true);
    for (let turn = 0; turn < 20; turn++) subject.outcome(thief, ask("1001", { user: "1001" }), 403);
    time.now += DEFENCE_DEFAULTS.banMs - 1;
    expect(subject.admit("192.0.2.10", "udp")).toBe(false);
    time.now += 1;
    expect(subject.admit("192.0.2.10", "udp")).toBe(true);
  });

  test("at full speed gets a handful of tries, then silence, then a ban", () => {
    const { subject, time } = detector({ told: true });
    let tried = 0;
    for (let turn = 0; turn < 3_000; turn++) {
      time.now += 5;
      if (guess(subject, from("192.0.2.12"), "1001")) tried++;
    }
    expect(tried).toBeLessThanOrEqual(8);
    expect(subject.list()[0]?.reason).toBe("guessing");
  });

  test("a burst gets no more in before the first answers are there", () => {
    const { subject } = detector({ told: true });
    let letIn = 0;
    for (let turn = 0; turn < 700; turn++)
      if (subject.judge(from("192.0.2.14"), ask("1001", { user: "1001" }))) letIn++;
    expect(letIn).toBeLessThanOrEqual(6);
    let users = 0;
    for (let turn = 0; turn < 700; turn++)
      if (subject.judge(from("192.0.2.15"), ask(`${turn}`, { user: `${turn}` }))) users++;
    expect(users).toBeLessThanOrEqual(65);
  });

  test("each further ban lasts longer; without proof of the address at most an hour", () => {
    for (const [protocol, longest] of [
      ["udp", 3_600_000],
      ["tcp", 86_400_000],
    ] as const) {
      const { subject, time } = detector();
      const lengths: number[] = [];
      for (let round = 0; round < 12; round++) {
        for (let turn = 0; turn < 20; turn++)
          subject.outcome(from("192.0.2.13", 5060, protocol), ask("x", { user: "x" }), 403);
        const ban = subject.list()[0];
        expect(ban?.times).toBe(round + 1);
        lengths.push((ban?.until ?? 0) - (ban?.since ?? 0));
        time.now = ban?.until ?? 0;
      }
      expect(lengths.slice(0, 3)).toEqual([600_000, 1_200_000, 2_400_000]);
      expect(lengths.at(-1)).toBe(longest);
    }
  });

  test("from many sources slows those down; the phone that proved itself and a new one of the user get through", () => {
    const { subject, time } = detector({ told: true });
    const phone = from("192.0.2.20", 5070);
    prove(subject, phone, "1001");
    let tried = 0;
    for (let turn = 0; turn < 600; turn++) {
      time.now += 1_000;
      for (let bot = 0; bot < 50; bot++) if (guess(subject, from(`198.51.100.${bot}`), "1001")) tried++;
      if (turn % 60 === 0) expect(prove(subject, phone, "1001")).toBe(true);
    }
    // Without the limit it would have been 30,000.
    expect(tried).toBeLessThan(1_000);
    expect(prove(subject, from("203.0.113.5", 40_000), "1001")).toBe(true);
    expect(subject.list().some((ban) => ban.address === "192.0.2.20")).toBe(false);
  });

  test("one password on everybody from a protected address is slowed down", () => {
    const { subject, time } = detector({ told: true });
    subject.protect({ allow: [], trusted: ["192.0.2.21"] });
    let tried = 0;
    for (let turn = 0; turn < 1_000; turn++) {
      time.now += 100;
      if (guess(subject, from("192.0.2.21"), String(2000 + turn))) tried++;
    }
    expect(tried).toBeLessThan(40);
    expect(subject.list()).toEqual([]);
  });
});

describe("scanning", () => {
  test("refused names, and challenges that nobody ever answers", () => {
    const { subject, time } = detector({ told: true });
    for (let turn = 0; turn < 20; turn++)
      subject.outcome(from("192.0.2.30"), ask(`${turn}`, { method: "INVITE" }), 404);
    expect(subject.list()[0]?.reason).toBe("scanning");
    let answered = 0;
    for (let turn = 0; turn < 2_000; turn++) {
      time.now += 10;
      if (request(subject, from("192.0.2.31"), ask(String(turn)), 401)) answered++;
    }
    expect(answered).toBeLessThan(100);
    expect(subject.list().map((ban) => ban.address)).toContain("192.0.2.31");
  });

  test("a slow sweep is seen by the names that wait in vain", () => {
    const { subject, time } = detector({ told: true });
    for (let turn = 0; turn < 200; turn++) {
      time.now += 1_500;
      request(subject, from("192.0.2.32"), ask(String(turn)), 401);
    }
    expect(subject.list()[0]).toMatchObject({ address: "192.0.2.32", reason: "scanning" });
  });

  test("the name of a tool alone is nothing; with the deeds it counts sooner", () => {
    const { subject, time } = detector({ told: true });
    for (let turn = 0; turn < 50; turn++) {
      time.now += 500;
      expect(request(subject, from("192.0.2.33"), ask("", { method: "OPTIONS", tool: true }), 200)).toBe(
        true,
      );
    }
    expect(subject.list()).toEqual([]);
    const tries = (tool: boolean, address: string) => {
      let count = 0;
      while (subject.list().every((ban) => ban.address !== address) && count < 100) {
        request(subject, from(address), ask(String(count), { tool }), 401);
        time.now += 1_000;
        count++;
      }
      return count;
    };
    expect(tries(true, "192.0.2.34")).toBeLessThan(tries(false, "192.0.2.35") / 2);
    for (const agent of ["friendly-scanner", "SIPVicious 0.3", "sipcli/v1.8", "pplsip"])
      expect(isTool(agent)).toBe(true);
    for (const agent of [
      "Yealink SIP-T46S 66.86.0.15",
      "Grandstream GXP2170",
      "baresip v1.0",
      "Linphone/5.2",
      "",
    ])
      expect(isTool(agent)).toBe(false);
  });

  test("broken and unfinished messages", () => {
    const { subject } = detector();
    for (let turn = 0; turn < 5; turn++) subject.rejected(from("192.0.2.36", 1, "tcp"), "Unfinished Message");
    for (let turn = 0; turn < 19; turn++) subject.rejected(from("192.0.2.37"));
    expect(subject.list()).toMatchObject([{ address: "192.0.2.36", reason: "malformed" }]);
  });

  test("hundreds of connections cut in the same moment are one ban, not the hundredth", () => {
    const { subject } = detector();
    for (let turn = 0; turn < 500; turn++)
      subject.rejected(from("192.0.2.37", turn, "tls"), "Unfinished Message");
    expect(subject.list()).toMatchObject([{ address: "192.0.2.37", times: 1 }]);
    expect((subject.list()[0]?.until ?? 0) - (subject.list()[0]?.since ?? 0)).toBe(DEFENCE_DEFAULTS.banMs);
  });
});

describe("floods", () => {
  test("are thinned out first, then banned; allowed networks never", () => {
    const { subject } = detector();
    let admitted = 0;
    for (let turn = 0; turn < 2_000; turn++) if (subject.admit("192.0.2.40", "udp")) admitted++;
    expect(admitted).toBe(DEFENCE_DEFAULTS.burst);
    expect(subject.list()).toEqual([]);
    for (let turn = 0; turn < 8_000; turn++) subject.admit("192.0.2.40", "udp");
    expect(subject.list()[0]?.reason).toBe("flood");
    for (let turn = 0; turn < 20_000; turn++) expect(subject.admit("10.1.2.3", "udp")).toBe(true);
  });

  test("from 100,000 forged sources leave known phones their share, and memory within bounds", () => {
    const { subject, time } = detector({ told: true });
    subject.protect({ allow: [], trusted: ["192.0.2.41"] });
    Bun.gc(true);
    const before = process.memoryUsage().heapUsed;
    let admitted = 0;
    for (let index = 0; index < 100_000; index++) {
      if (index % 100 === 0) time.now++;
      const address = `${11 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}.7`;
      if (request(subject, from(address), ask(`${index}`), 401)) admitted++;
      if (index % 1_000 === 0) expect(request(subject, from("192.0.2.41"), ask("1001"), 401)).toBe(true);
    }
    Bun.gc(true);
    expect(admitted).toBeLessThanOrEqual(DEFENCE_DEFAULTS.boxBurst + DEFENCE_DEFAULTS.boxRate + 1);
    expect(subject.counters.sources).toBeLessThanOrEqual(DEFENCE_DEFAULTS.sources);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(32 * 1024 * 1024);
  });

  test("an IPv6 attacker with a whole /64 is one source", () => {
    const { subject } = detector();
    for (let turn = 0; turn < 20; turn++)
      subject.outcome(from(`2001:db8:1:2::${turn.toString(16)}`), ask("x", { user: "x" }), 403);
    expect(subject.list()[0]?.address).toBe("2001:db8:1:2::/64");
    expect(subject.admit("2001:db8:1:2:ffff::1", "udp")).toBe(false);
    expect(subject.admit("2001:db8:1:3::1", "udp")).toBe(true);
    expect(subject.lift("2001:db8:1:2::/64")).toBe(true);
  });
});

describe("forged sources", () => {
  const forge = (subject: Detector, address: string) => {
    for (let turn = 0; turn < 20_000; turn++) {
      request(subject, from(address), ask(String(turn), { tool: true }), 404);
      subject.rejected(from(address));
      subject.evidence({ kind: "failed", address, port: 5060, user: "1001" });
    }
  };

  test("cannot ban a registered phone nor a carrier", () => {
    const { subject, time } = detector({ told: true });
    subject.protect({ allow: [], trusted: ["192.0.2.50", "2001:db8:9::5", "198.51.100.0/28"] });
    for (const address of ["192.0.2.50", "2001:db8:9::5", "198.51.100.15"]) forge(subject, address);
    expect(subject.list()).toEqual([]);
    time.now += 5_000;
    expect(subject.admit("192.0.2.50", "udp")).toBe(true);
  });

  test("a ban made before the phone came ends when it is known; a ban by hand stays", () => {
    const { subject } = detector({ told: true });
    forge(subject, "192.0.2.51");
    expect(subject.list()).toHaveLength(1);
    subject.ban("192.0.2.52", 60_000);
    subject.protect({ allow: [], trusted: ["192.0.2.51", "192.0.2.52"] });
    expect(subject.list()).toMatchObject([{ address: "192.0.2.52", reason: "manual" }]);
    subject.protect({ allow: ["192.0.2.0/24"], trusted: [] });
    expect(subject.list()).toEqual([]);
  });

  test("in the /64 of one of our phones each address stands for itself", () => {
    const { subject } = detector({ told: true });
    subject.protect({ allow: [], trusted: ["2001:db8:9:1::5"] });
    forge(subject, "2001:db8:9:1::66");
    expect(subject.list()).toMatchObject([{ address: "2001:db8:9:1::66" }]);
    expect(subject.admit("2001:db8:9:1::5", "udp")).toBe(true);
    expect(subject.admit("2001:db8:9:1::66", "udp")).toBe(false);
  });
});

test("bans by hand, and bans taken over from an earlier run", () => {
  const { subject, time } = detector();
  expect(subject.ban("10.1.2.3", 60_000)).toBeUndefined();
  expect(subject.ban("192.0.2.60", 60_000)).toMatchObject({ reason: "manual", until: time.now + 60_000 });
  const saved = subject.list();
  const next = detector();
  next.subject.restore([...saved, { ...saved[0], address: "192.0.2.61", until: 1, times: 3 } as never]);
  expect(next.subject.admit("192.0.2.60", "udp")).toBe(false);
  expect(next.subject.admit("192.0.2.61", "udp")).toBe(true);
  next.time.now += 60_001;
  expect(next.subject.admit("192.0.2.60", "udp")).toBe(true);
});

import { expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { SDP } from "./fake-calls.ts";
import { App, type Fate, host, Network } from "./fake-network.ts";

// Pure work on a clock of its own; it takes longer where other tests run beside it.
setDefaultTimeout(60_000);

/** A request of one side while the call rings or stands. */
type Change = { side: "caller" | "callee"; method: "INVITE" | "UPDATE" | "INFO"; at: number };

type Plan = {
  answer: 200 | 486 | 0;
  reliable: boolean;
  cancelAt: number;
  hangs: "caller" | "callee" | "nobody";
  ackLost: boolean;
  changes: readonly Change[];
  /** Phones behind the number: with two a proxy asks both at once. */
  phones: 1 | 2;
};

const CALLER = "192.0.2.1";
const PROXY = "192.0.2.9";
const CALLEES = ["192.0.2.2", "192.0.2.3"];

/** An app with what it knows of its call, and the outcome of every request it made. */
class Side extends App {
  dlg = "";
  /** It has hung up itself, before it heard of any end. */
  hungUp = false;
  /** Its answer was taken. */
  answered = false;
  /** Initial INVITEs it was given. */
  invites = 0;
  /** Final answers by transaction of its own. */
  readonly finals = new Map<string, number[]>();
  /** CANCELs and BYEs it was given: by the transaction they are for. */
  readonly ends: string[] = [];

  heard(method: string): number {
    return this.ends.filter((line) => line.startsWith(`${method} `)).length;
  }

  /** Sends a request; what the engine takes must get one final answer. */
  request(leader: string, text: string): string {
    const reply = this.say(leader, text);
    if (!reply.startsWith("OK")) return "";
    const txn = reply.split("|")[7] ?? "";
    // The answer may have come already.
    if (!text.startsWith("ACK") && !this.finals.has(txn)) this.finals.set(txn, []);
    return txn;
  }

  inDialog(method: string, headers = "", body = ""): string {
    return this.dlg === ""
      ? ""
      : this.request(`|${this.dlg}`, `${method} sip:placeholder SIP/2.0\r\n${headers}\r\n${body}`);
  }

  hangUp(): void {
    const before = this.ends.length;
    if (this.inDialog("BYE") !== "" && before === this.ends.length) this.hungUp = true;
  }

  /** What both sides do with requests in the call, and with answers to re-INVITEs. */
  inCall(txn: string, dlg: string, text: string): void {
    const method = /^([A-Z]+) /.exec(text)?.[1] ?? "";
    if (method === "BYE" || method === "CANCEL")
      this.ends.push(`${method} ${txn === "unsolicited" ? "-" : txn}`);
    if (txn === "unsolicited" || /^(ACK|CANCEL)?$/.test(method)) return;
    const body = /^(INVITE|UPDATE)$/.test(method) ? SDP : "";
    this.say(`${txn}|${dlg}`, `SIP/2.0 200 OK\r\n\r\n${body}`);
  }

  /** Notes an answer; the status. */
  note(txn: string, text: string): number {
    const status = Number(/^SIP\/2\.0 (\d+)/.exec(text)?.[1] ?? 0);
    if (status >= 200) this.finals.set(txn, [...(this.finals.get(txn) ?? []), status]);
    return status;
  }
}

function callee(network: Network, plan: Plan): Side {
  const side = new Side();
  side.handler = (fields, text) => {
    const [, , , , , , txn = "", dlg = ""] = fields;
    const status = side.note(txn, text);
    if (status >= 200 && status < 300 && /^CSeq: \d+ INVITE/m.test(text)) side.inDialog("ACK");
    if (!text.startsWith("INVITE") || dlg !== "") {
      side.inCall(txn, dlg, text);
      return;
    }
    side.invites++;
    const require = plan.reliable ? "Require: 100rel\r\n" : "";
    side.dlg = side.say(`${txn}|`, `SIP/2.0 180 Ringing\r\n${require}\r\n`).split("|")[8] ?? "";
    if (plan.answer === 0) return;
    network.wheel.after(2_500, () => {
      const body = plan.answer === 200 ? SDP : "";
      const reply = side.say(`${txn}|`, `SIP/2.0 ${plan.answer} X\r\n\r\n${body}`);
      if (plan.answer !== 200 || !reply.startsWith("OK")) return;
      side.answered = true;
      side.dlg = reply.split("|")[8] ?? "";
      if (plan.hangs === "callee") network.wheel.after(20_000, () => side.hangUp());
    });
  };
  return side;
}

/** A proxy that asks both phones at once. */
function forking(network: Network) {
  const app = new App();
  const made = host(network, PROXY, app);
  app.handler = (fields, text) => {
    if (!text.startsWith("INVITE")) return;
    const to = CALLEES.map((address) => `sip:bob@${address}`);
    const order = [fields[6] ?? "", "remainInDialog", "fullResponse", "", "simultaneous", "", "", ...to];
    made.core.onProxy(app, "p", order, Buffer.from("INVITE sip:x SIP/2.0\r\n\r\n"));
  };
  return made;
}

function play(fates: readonly Fate[], plan: Plan) {
  const network = new Network(fates);
  const caller = new Side();
  const left = host(network, CALLER, caller);
  const callees = CALLEES.slice(0, plan.phones).map((address) => {
    const side = callee(network, plan);
    return { side, host: host(network, address, side) };
  });
  const middle = plan.phones > 1 ? [forking(network)] : [];
  let result = "";
  const target = plan.phones > 1 ? PROXY : CALLEES[0];
  const inviteTxn = caller.request(
    "||",
    `INVITE sip:bob@${target} SIP/2.0\r\nSupported: 100rel\r\nContact: <sip:a@${CALLER}>\r\n\r\n${SDP}`,
  );
  caller.handler = (fields, text) => {
    const [, , , , , , txn = "", dlg = ""] = fields;
    if (dlg !== "") caller.dlg = dlg;
    caller.inCall(txn, dlg, text);
    const status = caller.note(txn, text);
    if (status === 0 || !/^CSeq: \d+ INVITE/m.test(text)) return;
    const rseq = /^RSeq: (\d+)/m.exec(text)?.[1];
    const cseq = /^CSeq: (\d+)/m.exec(text)?.[1];
    if (status < 200 && rseq) caller.inDialog("PRACK", `RAck: ${rseq} ${cseq} INVITE\r\n`);
    if (status < 200) return;
    if (txn !== inviteTxn) {
      if (status < 300) caller.inDialog("ACK");
      return;
    }
    result = String(status);
    if (status !== 200) return;
    caller.answered = true;
    if (!plan.ackLost) caller.inDialog("ACK");
    if (plan.hangs === "caller") network.wheel.after(20_000, () => caller.hangUp());
  };
  for (const { side, method, at } of plan.changes) {
    const whose = side === "caller" ? caller : callees[0]?.side;
    network.wheel.after(at, () => whose?.inDialog(method, "", method === "INFO" ? "" : SDP));
  }
  if (plan.cancelAt > 0 || plan.answer === 0) {
    network.wheel.after(plan.cancelAt || 5_000, () =>
      caller.say(`${inviteTxn}|`, "CANCEL sip:bob@192.0.2.2 SIP/2.0\r\n\r\n"),
    );
  }
  network.clock.advance(600_000);
  const hosts = [left, ...callees.map((one) => one.host), ...middle];
  return { network, hosts, result, caller, callees: callees.map((one) => one.side) };
}

const fate = fc.constantFrom<Fate>("pass", "lose", "double", "delay", "double-delay");
const change = fc.record<Change>({
  side: fc.constantFrom<"caller" | "callee">("caller", "callee"),
  method: fc.constantFrom<"INVITE" | "UPDATE" | "INFO">("INVITE", "UPDATE", "INFO"),
  // While it rings, around the answer, in the call, just before and just after somebody hangs up.
  at: fc.constantFrom(1_000, 2_499, 2_501, 2_600, 5_000, 5_010, 22_450, 22_501, 22_600),
});
const plan = fc.record<Plan>({
  answer: fc.constantFrom<200 | 486 | 0>(200, 200, 486, 0),
  reliable: fc.boolean(),
  cancelAt: fc.constantFrom(0, 0, 0, 1, 500, 2_499, 2_500, 2_502, 3_000),
  hangs: fc.constantFrom<"caller" | "callee">("caller", "callee"),
  ackLost: fc.constantFrom(false, false, true),
  changes: fc.array(change, { maxLength: 3 }),
  phones: fc.constantFrom<1 | 2>(1, 2),
});

function expectClean({ hosts, network }: ReturnType<typeof play>): void {
  for (const side of hosts) {
    expect(side.layer.serverCount).toBe(0);
    expect(side.layer.clientCount).toBe(0);
    expect(side.core.proxied).toBe(0);
    expect(side.core.context.dialogs.size).toBe(0);
    expect(side.core.context.servers.size).toBe(0);
    expect(side.core.context.serverOf.size).toBe(0);
    expect(side.core.context.clients.size).toBe(0);
    expect(side.wheel.size).toBe(0);
  }
  expect(network.wheel.size).toBe(0);
}

/** Each app has heard once, or said itself, that what it took part in is over; and each of its requests got one answer. */
function expectEnded({ caller, callees, result }: ReturnType<typeof play>, plan: Plan): void {
  expect(caller.answered).toBe(result === "200");
  if (caller.answered) expect(caller.heard("BYE") > 0 || caller.hungUp).toBe(true);
  for (const side of callees) {
    expect(side.invites).toBeLessThanOrEqual(1);
    if (side.answered) expect(side.heard("BYE") > 0 || side.hungUp).toBe(true);
    else if (side.invites > 0 && plan.answer !== 486) expect(side.ends.length).toBeGreaterThan(0);
  }
  for (const side of [caller, ...callees]) {
    expect(side.heard("BYE")).toBeLessThanOrEqual(1);
    expect(new Set(side.ends).size).toBe(side.ends.length);
    for (const [, statuses] of side.finals) expect(statuses.length).toBe(1);
  }
}

test("whatever happens to datagrams, a call, its changes and its forks have one result, and nothing is left behind", () => {
  const outcomes = new Set<string>();
  fc.assert(
    fc.property(fc.array(fate, { maxLength: 60 }), plan, (fates, what) => {
      const played = play(fates, what);
      expect(["200", "486", "487", "408", "504"]).toContain(played.result);
      expectClean(played);
      expectEnded(played, what);
      outcomes.add(`${what.phones} ${played.result}`);
    }),
    { numRuns: 400 },
  );
  // The dice did come to both kinds of calls, answered and not.
  for (const common of ["1 200", "1 487", "2 200", "2 487"]) expect(outcomes).toContain(common);
});

const GOOD: Plan = {
  answer: 200,
  reliable: true,
  cancelAt: 0,
  hangs: "caller",
  ackLost: false,
  changes: [],
  phones: 1,
};

test("on a good network the plan decides the result", () => {
  expect(play([], GOOD).result).toBe("200");
  expect(play([], { ...GOOD, answer: 486 }).result).toBe("486");
  expect(play([], { ...GOOD, answer: 0 }).result).toBe("487");
  expect(play([], { ...GOOD, phones: 2, answer: 486 }).result).toBe("486");
});

test("on a good network a change of either side while the call stands is made", () => {
  for (const side of ["caller", "callee"] as const)
    for (const method of ["INVITE", "UPDATE"] as const) {
      const played = play([], { ...GOOD, changes: [{ side, method, at: 5_000 }] });
      const maker = side === "caller" ? played.caller : played.callees[0];
      const statuses = [...(maker?.finals.values() ?? [])].flat();
      expect(statuses.every((status) => status === 200)).toBe(true);
      // The call, its PRACK and its BYE are the caller's.
      expect(statuses.length).toBe(side === "caller" ? 4 : 1);
    }
});

test("a BYE that a later request overtakes still ends the call on the other side", () => {
  const lost: Fate[] = ["pass", "pass", "pass", "pass", "pass", "lose"];
  for (const method of ["INFO", "INVITE"] as const) {
    const what: Plan = {
      ...GOOD,
      reliable: false,
      hangs: "callee",
      changes: [{ side: "callee", method, at: 22_600 }],
    };
    const played = play(lost, what);
    expect(played.caller.heard("BYE")).toBe(1);
    expectClean(played);
    expectEnded(played, what);
  }
});

test("two phones answer at once: two early dialogs, one call, and a BYE for the other phone", () => {
  const played = play([], { ...GOOD, phones: 2 });
  expect(played.result).toBe("200");
  expect(played.callees.map((side) => [side.answered, side.heard("BYE")])).toEqual([
    [true, 1],
    [true, 1],
  ]);
  expectClean(played);
  expectEnded(played, { ...GOOD, phones: 2 });
});

test("an ACK that never comes ends the call with an unsolicited BYE on both sides", () => {
  const played = play([], { ...GOOD, reliable: false, hangs: "nobody", ackLost: true });
  expect(played.callees[0]?.ends).toEqual(["BYE -"]);
  expect(played.caller.ends).toEqual(["BYE -"]);
  expectClean(played);
});

test("a peer that answers nothing: 408 for the app after 32 s", () => {
  const network = new Network([]);
  const caller = new App();
  const left = host(network, "192.0.2.1", caller);
  caller.say("||", "INVITE sip:bob@192.0.2.9 SIP/2.0\r\n\r\n");
  network.clock.advance(31_000);
  expect(caller.seen).toEqual([]);
  network.clock.advance(2_000);
  expect(caller.seen).toEqual(["SIP/2.0 408 Request Timeout"]);
  expect(left.layer.clientCount + left.wheel.size).toBe(0);
});

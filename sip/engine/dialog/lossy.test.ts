import { expect, test } from "bun:test";
import fc from "fast-check";
import { App, type Fate, host, Network } from "./fake-network.ts";

type Plan = {
  answer: 200 | 486 | 0;
  reliable: boolean;
  cancelAt: number;
  hangs: "caller" | "callee" | "nobody";
  ackLost: boolean;
};

function play(fates: readonly Fate[], plan: Plan) {
  const network = new Network(fates);
  const caller = new App();
  const callee = new App();
  const left = host(network, "192.0.2.1", caller);
  const right = host(network, "192.0.2.2", callee);
  let result = "";
  let dlgLeft = "";
  let dlgRight = "";
  /** Who has hung up itself. */
  const hungUp = { caller: false, callee: false };
  callee.handler = (fields, text) => {
    const [, , , , , , txn = "", dlg = ""] = fields;
    if (text.startsWith("INVITE")) {
      const require = plan.reliable ? "Require: 100rel\r\n" : "";
      callee.say(`${txn}|`, `SIP/2.0 180 Ringing\r\n${require}\r\n`);
      if (plan.answer === 0) return;
      network.wheel.after(2_500, () => {
        const reply = callee.say(`${txn}|`, `SIP/2.0 ${plan.answer} X\r\n\r\n`);
        if (plan.answer !== 200 || !reply.startsWith("OK")) return;
        dlgRight = reply.split("|")[8] ?? "";
        if (plan.hangs === "callee")
          network.wheel.after(20_000, () => {
            hungUp.callee = true;
            callee.say(`|${dlgRight}`, "BYE sip:placeholder SIP/2.0\r\n\r\n");
          });
      });
    } else if (/^(BYE|PRACK)/.test(text) && fields[6] !== "unsolicited") {
      callee.say(`${txn}|${dlg}`, "SIP/2.0 200 OK\r\n\r\n");
    }
  };
  const sent = caller.say(
    "||",
    "INVITE sip:bob@192.0.2.2 SIP/2.0\r\nSupported: 100rel\r\nContact: <sip:a@192.0.2.1>\r\n\r\n",
  );
  const inviteTxn = sent.split("|")[7] ?? "";
  caller.handler = (fields, text) => {
    const [, , , , , , txn = "", dlg = ""] = fields;
    const status = Number(/^SIP\/2\.0 (\d+)/.exec(text)?.[1] ?? 0);
    if (text.startsWith("BYE") && txn !== "unsolicited")
      caller.say(`${txn}|${dlg}`, "SIP/2.0 200 OK\r\n\r\n");
    if (txn !== inviteTxn || status === 0) return;
    const rseq = /^RSeq: (\d+)/m.exec(text)?.[1];
    const cseq = /^CSeq: (\d+)/m.exec(text)?.[1];
    if (status < 200 && rseq)
      caller.say(`|${dlg}`, `PRACK sip:placeholder SIP/2.0\r\nRAck: ${rseq} ${cseq} INVITE\r\n\r\n`);
    if (status < 200) return;
    expect(result).toBe("");
    result = String(status);
    if (status !== 200) return;
    dlgLeft = dlg;
    if (!plan.ackLost) caller.say(`|${dlgLeft}`, "ACK sip:placeholder SIP/2.0\r\n\r\n");
    if (plan.hangs === "caller")
      network.wheel.after(20_000, () => {
        hungUp.caller = true;
        caller.say(`|${dlgLeft}`, "BYE sip:placeholder SIP/2.0\r\n\r\n");
      });
  };
  if (plan.cancelAt > 0 || plan.answer === 0) {
    network.wheel.after(plan.cancelAt || 5_000, () =>
      caller.say(`${inviteTxn}|`, "CANCEL sip:bob@192.0.2.2 SIP/2.0\r\n\r\n"),
    );
  }
  network.clock.advance(400_000);
  return { network, left, right, result, caller, callee, hungUp };
}

const fate = fc.constantFrom<Fate>("pass", "lose", "double", "delay", "double-delay");
const plan = fc.record<Plan>({
  answer: fc.constantFrom<200 | 486 | 0>(200, 486, 0),
  reliable: fc.boolean(),
  cancelAt: fc.constantFrom(0, 0, 1, 500, 2_499, 2_500, 2_502, 3_000),
  hangs: fc.constantFrom<"caller" | "callee">("caller", "callee"),
  ackLost: fc.boolean(),
});

function expectClean(played: ReturnType<typeof play>): void {
  for (const side of [played.left, played.right]) {
    expect(side.layer.serverCount).toBe(0);
    expect(side.layer.clientCount).toBe(0);
    expect(side.core.context.dialogs.size).toBe(0);
    expect(side.core.context.servers.size).toBe(0);
    expect(side.core.context.serverOf.size).toBe(0);
    expect(side.core.context.clients.size).toBe(0);
    expect(side.wheel.size).toBe(0);
  }
}

/** Each app has heard once, or said itself, that what it took part in is over. */
function expectEnded({ caller, callee, result, hungUp }: ReturnType<typeof play>, plan: Plan): void {
  const heard = (app: App, method: string) => app.seen.filter((line) => line.startsWith(`${method} `)).length;
  expect(heard(callee, "INVITE")).toBeLessThanOrEqual(1);
  for (const app of [caller, callee])
    for (const method of ["BYE", "CANCEL"]) expect(heard(app, method)).toBeLessThanOrEqual(1);
  if (result === "200") expect(heard(caller, "BYE") > 0 || hungUp.caller).toBe(true);
  if (heard(callee, "INVITE") > 0 && plan.answer !== 486)
    expect(heard(callee, "BYE") + heard(callee, "CANCEL") > 0 || hungUp.callee).toBe(true);
}

test("whatever happens to datagrams, a call has one result and nothing is left behind", () => {
  fc.assert(
    fc.property(fc.array(fate, { maxLength: 40 }), plan, (fates, what) => {
      const played = play(fates, what);
      expect(["200", "486", "487", "408", "504"]).toContain(played.result);
      expectClean(played);
      expectEnded(played, what);
    }),
    { numRuns: 300 },
  );
});

test("on a good network the plan decides the result", () => {
  const good: Plan = { answer: 200, reliable: true, cancelAt: 0, hangs: "caller", ackLost: false };
  expect(play([], good).result).toBe("200");
  expect(play([], { ...good, answer: 486 }).result).toBe("486");
  expect(play([], { ...good, answer: 0 }).result).toBe("487");
});

test("an ACK that never comes ends the call with an unsolicited BYE on both sides", () => {
  const played = play([], { answer: 200, reliable: false, cancelAt: 0, hangs: "nobody", ackLost: true });
  expect(played.callee.seen.filter((line) => line.startsWith("BYE")).length).toBe(1);
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

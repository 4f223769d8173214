import { describe, expect, test } from "bun:test";
import type { RegistrationRow } from "../directory.ts";
import { contactLines, DEFAULT_LIMITS, decideRegister, type RegisterRequest } from "./bindings.ts";

const NOW = 1_000_000;
const ask = (over: Partial<RegisterRequest> = {}): RegisterRequest => ({
  extensionId: 1,
  number: "1001",
  callId: "c1",
  cseq: 1,
  contact: "<sip:1001@192.168.1.20:5060>",
  expires: undefined,
  source: "udp:192.168.1.20:5060",
  userAgent: "Phone",
  ...over,
});
function apply(rows: readonly RegistrationRow[], request: RegisterRequest, now = NOW) {
  const decision = decideRegister(rows, request, DEFAULT_LIMITS, now);
  if (decision.kind !== "ok") throw new Error(decision.reason);
  return decision;
}

describe("REGISTER", () => {
  test("adds a binding for the default time, and a second device beside it", () => {
    const first = apply([], ask());
    expect(first.bindings).toMatchObject([{ expiresAt: NOW + 3_600_000, source: "udp:192.168.1.20:5060" }]);
    const second = apply(
      first.bindings,
      ask({ callId: "c2", contact: "<sip:1001@192.168.1.21>;expires=120" }),
    );
    expect(second.bindings.map((b) => b.contact)).toEqual([
      "sip:1001@192.168.1.20:5060",
      "sip:1001@192.168.1.21",
    ]);
    expect(contactLines(second.bindings, NOW + 20_000)).toEqual([
      "<sip:1001@192.168.1.20:5060>;expires=3580",
      "<sip:1001@192.168.1.21>;expires=100",
    ]);
  });

  test("a query changes nothing and leaves out what is over", () => {
    const { bindings } = apply([], ask({ expires: "60" }));
    expect(apply(bindings, ask({ contact: undefined }))).toEqual({
      kind: "ok",
      bindings,
      saved: [],
      removed: [],
    });
    expect(apply(bindings, ask({ contact: undefined }), NOW + 60_000).bindings).toEqual([]);
  });

  test("too short is 423, too long is cut, garbage counts as the default", () => {
    expect(decideRegister([], ask({ expires: "59" }), DEFAULT_LIMITS, NOW)).toMatchObject({ status: 423 });
    expect(apply([], ask({ expires: "999999" })).bindings[0]?.expiresAt).toBe(NOW + 3_600_000);
    expect(apply([], ask({ expires: "soon" })).bindings[0]?.expiresAt).toBe(NOW + 3_600_000);
  });

  test("expires=0 removes that contact only; * with Expires 0 removes all", () => {
    const one = apply([], ask());
    const two = apply(one.bindings, ask({ callId: "c2", contact: "<sip:1001@192.168.1.21>" }));
    const less = apply(two.bindings, ask({ cseq: 2, contact: "<sip:1001@192.168.1.20:5060>;expires=0" }));
    expect(less.removed.map((b) => b.contact)).toEqual(["sip:1001@192.168.1.20:5060"]);
    expect(less.bindings.map((b) => b.contact)).toEqual(["sip:1001@192.168.1.21"]);
    const none = apply(two.bindings, ask({ cseq: 3, contact: "*", expires: "0" }));
    expect(none.bindings).toEqual([]);
    expect(none.removed).toHaveLength(2);
    expect(decideRegister([], ask({ contact: "*" }), DEFAULT_LIMITS, NOW)).toMatchObject({ status: 400 });
    const mixed = ask({ contact: "<sip:a@h>, *", expires: "0" });
    expect(decideRegister([], mixed, DEFAULT_LIMITS, NOW)).toMatchObject({ kind: "refused", status: 400 });
  });

  test("an older CSeq of the same Call-ID is refused, a repeated one is not", () => {
    const { bindings } = apply([], ask({ cseq: 5 }));
    expect(decideRegister(bindings, ask({ cseq: 4 }), DEFAULT_LIMITS, NOW)).toMatchObject({ status: 500 });
    expect(apply(bindings, ask({ cseq: 5 })).bindings).toHaveLength(1);
    expect(apply(bindings, ask({ cseq: 1, callId: "restarted" })).bindings).toHaveLength(1);
  });

  test("a device that moved replaces its own binding: by instance, or by Call-ID", () => {
    const instance = ';+sip.instance="<urn:uuid:1>"';
    const a = apply([], ask({ contact: `<sip:1001@10.0.0.1>${instance}` }));
    const b = apply(a.bindings, ask({ callId: "c9", contact: `<sip:1001@10.0.0.2>${instance}` }));
    expect(b.bindings.map((row) => row.contact)).toEqual(["sip:1001@10.0.0.2"]);
    expect(b.removed.map((row) => row.contact)).toEqual(["sip:1001@10.0.0.1"]);
    const c = apply(apply([], ask()).bindings, ask({ cseq: 2, contact: "<sip:1001@10.9.9.9>" }));
    expect(c.bindings).toHaveLength(1);
  });

  test("the eleventh device pushes out the oldest", () => {
    let rows: readonly RegistrationRow[] = [];
    for (let i = 0; i < 11; i++)
      rows = apply(rows, ask({ callId: `c${i}`, contact: `<sip:1001@10.0.0.${i}>` })).bindings;
    expect(rows).toHaveLength(10);
    expect(rows[0]?.contact).toBe("sip:1001@10.0.0.1");
  });

  test("malformed and foreign contacts are 400", () => {
    for (const contact of ["<sip:a", "<mailto:a@b>", "<tel:123>", '"x']) {
      expect(decideRegister([], ask({ contact }), DEFAULT_LIMITS, NOW)).toMatchObject({ status: 400 });
    }
  });
});

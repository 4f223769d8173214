import { expect, test } from "bun:test";
import { call } from "./fake-calls.ts";

test("a re-INVITE that only rings ends with its call", () => {
  const { network, caller, callee, left } = call();
  callee.status.INVITE = "180 Ringing";
  caller.ask("INVITE", "v=0\r\n");
  network.clock.advance(1_000);
  caller.ask("BYE");
  network.clock.advance(120_000);
  expect(left.layer.clientCount).toBe(0);
  expect(left.core.context.clients.size).toBe(0);
  expect(caller.answers("INVITE")).toEqual(["408"]);
});

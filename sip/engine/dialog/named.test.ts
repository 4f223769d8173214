/** Requests for which an app names no dialog of the engine's, but writes the Call-ID of one. */
import { expect, test } from "bun:test";
import { call, field, LEFT, RIGHT } from "./fake-calls.ts";

/** A call, and a request with its Call-ID outside of it; what the callee got of it and the answer. */
function beside(tags: (dialog: { from: string; to: string }) => [from: string, to: string]) {
  const { network, caller, callee, over } = call();
  caller.ask("INFO");
  network.clock.advance(100);
  const before = callee.texts.findLast((text) => text.startsWith("INFO ")) ?? "";
  const [from, to] = tags({ from: field(before, "From"), to: field(before, "To") });
  const lines = `Call-ID: ${field(before, "Call-ID")}\r\nFrom: ${from}\r\nTo: ${to}\r\n`;
  caller.say("||", `INFO sip:somebody@${RIGHT} SIP/2.0\r\n${lines}\r\n`);
  network.clock.advance(100);
  const got = callee.texts.findLast((text) => text.startsWith("INFO ")) ?? "";
  const number = (text: string) => Number.parseInt(field(text, "CSeq"), 10);
  const next = got !== before && number(got) === number(before) + 1;
  return { next, uri: got.split(" ")[1], same: field(got, "To") === field(before, "To"), over };
}

test("with the Call-ID and both tags of a live dialog: it goes in the dialog, with the next CSeq, to its target", () => {
  const { next, uri, same, over } = beside(({ from, to }) => [from, to]);
  expect({ next, same }).toEqual({ next: true, same: true });
  expect(uri).not.toContain("somebody");
  over();
});

test("with its Call-ID alone, or tags of another: it is a request of its own", () => {
  const bare = beside(() => [`<sip:a@${LEFT}>`, `<sip:bob@${RIGHT}>`]);
  const foreign = beside(({ from }) => [from, `<sip:bob@${RIGHT}>;tag=other`]);
  expect([bare.next, foreign.next]).toEqual([false, false]);
  expect(bare.uri).toBe(`sip:somebody@${RIGHT}`);
  bare.over();
  foreign.over();
});

import { expect, test } from "bun:test";
import type { CallTrace } from "../../../appliance/calls/index.ts";
import { Script, sdp } from "../../../sip/engine/trace/test-talk.ts";
import { readTrace } from "../../../sip/engine/trace/work.ts";
import type { Ctx } from "../../http/context.ts";
import { t } from "../../locale/index.ts";
import { findingWords, ladderHtml } from "./ladder.tsx";

const ctx = {
  t: t("en"),
  url: new URL("http://h/calls/j/trace"),
  when: { second: String, minute: String },
} as unknown as Ctx;

/** Keep-alives within one call, each with its answer. */
function long(messages: number): CallTrace {
  const script = new Script("call").say("< INVITE", { sdp: sdp() });
  for (let cseq = 2; script.entries.length < messages; cseq++)
    script.say("> UPDATE", { cseq, sdp: sdp() }).say("< 200 OK UPDATE", { cseq, sdp: sdp() });
  const { entries } = script;
  const read = readTrace({ entries, parties: [], media: [], now: 1e6 });
  return { journey: "j", entries, parties: [], ...read } as unknown as CallTrace;
}

test("a long ladder is written in pieces, other work goes on between them; at most the rows asked for", async () => {
  const trace = long(401);
  let turns = 0;
  let on = true;
  const tick = () => {
    turns++;
    if (on) setTimeout(tick, 0);
  };
  tick();
  const html = await ladderHtml(ctx, trace, 400);
  on = false;
  expect(html.match(/<li>/g)?.length).toBe(400);
  expect(turns).toBeGreaterThanOrEqual(15);
});

test("names stand in Chinese sentences without gaps, in English ones with them", () => {
  const found = {
    code: "no-rtp",
    weight: "cause",
    params: { who: "1002", seconds: 7, address: "h", port: 1 },
  } as const;
  const parties = [
    {
      name: "1002",
      role: "agent",
      agentId: 1,
      leg: "l",
      callId: "c",
      trunk: false,
      answeredAt: null,
      endedAt: null,
    },
  ] as const;
  expect(findingWords(t("zh-CN"), found, parties).why).toContain("7 秒内没有收到坐席 1002 的任何语音包");
  expect(findingWords(t("en"), found, parties).why).toContain("came from Agent 1002 in 7 s");
});

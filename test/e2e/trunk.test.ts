/** A line that must register at its carrier: sipp is the carrier, asks for digest and checks it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { SYSTEM_ACTOR } from "../../appliance/kernel.ts";
import { CARRIER_ADDRESS, type Exchange, startExchange } from "../kit/exchange.ts";
import { type SippRun, startSipp } from "../kit/sipp.ts";
import { freePort, waitFor } from "../kit/wait.ts";

const PASSWORD = "correct horse";
let x: Exchange;
let carrier: SippRun | undefined;
let port: number;

/** Answers a REGISTER with 401, then 200 to the right digest and 403 to a wrong one. */
const REGISTRAR = (() => {
  const reply = (status: string, more: string) =>
    `<![CDATA[\n\nSIP/2.0 ${status}\n[last_Via:]\n[last_From:]\n[last_To:];tag=c[call_number]\n[last_Call-ID:]\n[last_CSeq:]\n${more}Content-Length: 0\n\n]]>`;
  const challenge = 'WWW-Authenticate: Digest realm="carrier", nonce="n0nce", algorithm=MD5\n';
  return `<?xml version="1.0" encoding="UTF-8" ?>
<scenario name="registrar">
<recv request="REGISTER"/>
<send>${reply("401 Unauthorized", challenge)}</send>
<recv request="REGISTER"><action><verifyauth assign_to="right" username="line1" password="${PASSWORD}"/></action></recv>
<nop next="1" test="right"/>
<send next="2">${reply("403 Forbidden", "")}</send>
<label id="1"/>
<send>${reply("200 OK", "[last_Contact:]\nExpires: 600\n")}</send>
<label id="2"/>
<pause milliseconds="1"/>
</scenario>
`;
})();

const line = (password: string) => ({
  name: "Line 1",
  enabled: true,
  kind: "registration" as const,
  host: CARRIER_ADDRESS,
  port,
  transport: "udp" as const,
  username: "line1",
  authUsername: "",
  password,
  fromDomain: "carrier",
  outboundProxy: "",
  allowedAddresses: [],
  maxCalls: 2,
  registerExpiresS: 600,
  optionsPingS: 0,
  codecs: ["PCMA"],
  identityHeader: "none" as const,
});

function serve(): void {
  carrier?.stop();
  carrier = startSipp({
    scenario: REGISTRAR,
    local: { address: CARRIER_ADDRESS, port },
    calls: 100,
    timeoutS: 40,
  });
}

beforeAll(async () => {
  x = await startExchange();
  port = await freePort(CARRIER_ADDRESS);
  serve();
}, 40_000);
afterAll(async () => {
  carrier?.stop();
  await x?.stop();
}, 30_000);

test("the right password registers, a wrong one is told in words and mended by saving the right one", async () => {
  const { trunks } = x.app.routing;
  const saved = await trunks.save(SYSTEM_ACTOR, undefined, line(PASSWORD));
  const state = () => x.app.sip.trunks.state(saved.id);
  await waitFor(() => state()?.state === "registered", "the registration");
  const until = state()?.registeredUntil ?? 0;
  expect(Math.abs(until - Date.now() - 600_000)).toBeLessThan(10_000);

  await trunks.save(SYSTEM_ACTOR, saved.id, line("wrong"));
  await waitFor(() => state()?.state === "refused", "the refusal", 15_000);
  expect(state()?.reason).toContain("403");

  await trunks.save(SYSTEM_ACTOR, saved.id, line(PASSWORD));
  await waitFor(() => state()?.state === "registered", "the registration again", 15_000);
}, 45_000);

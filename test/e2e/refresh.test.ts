/** A carrier that takes no UPDATE, asks for digest in the call too, and leaves the session to us. sipp is the carrier. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { SYSTEM_ACTOR } from "../../appliance/kernel.ts";
import { CARRIER_ADDRESS, type Exchange, startExchange } from "../kit/exchange.ts";
import { runSipp } from "../kit/sipp.ts";
import { freePort } from "../kit/wait.ts";

const PASSWORD = "correct horse";
let x: Exchange;

beforeAll(async () => {
  x = await startExchange();
}, 40_000);
afterAll(async () => {
  await x?.stop();
}, 30_000);

/** Answers with a session of 90 s, asks for the password when it is refreshed, checks it and hangs up. */
const CARRIER = (() => {
  const reply = (status: string, to: string, more: string, body = "") =>
    `<send${status.startsWith("200") ? ' retrans="500"' : ""}><![CDATA[\n\nSIP/2.0 ${status}\n[last_Via:]\n[last_From:]\n[last_To:]${to}\n[last_Call-ID:]\n[last_CSeq:]\nContact: <sip:[local_ip]:[local_port]>\n${more}Content-Length: [len]\n\n${body}]]></send>`;
  const sdp =
    "v=0\no=c 1 1 IN IP4 [local_ip]\ns=-\nc=IN IP4 [media_ip]\nt=0 0\nm=audio [media_port] RTP/AVP 8\na=rtpmap:8 PCMA/8000\n";
  const session = "Session-Expires: 90;refresher=uac\nRequire: timer\nContent-Type: application/sdp\n";
  const challenge = 'WWW-Authenticate: Digest realm="carrier", nonce="n0nce", algorithm=MD5\n';
  return `<?xml version="1.0" encoding="UTF-8" ?>
<scenario name="refreshed">
<recv request="INVITE" rrs="true"><action><ereg regexp=".*" search_in="hdr" header="From:" assign_to="caller"/></action></recv>
${reply("200 OK", ";tag=c[call_number]", session, sdp)}
<recv request="ACK"/>
<recv request="INVITE" timeout="45000"/>
${reply("401 Unauthorized", "", challenge)}
<recv request="ACK"/>
<recv request="INVITE"><action><verifyauth assign_to="right" username="line1" password="${PASSWORD}"/></action></recv>
<nop next="1" test="right"/>
${reply("403 Forbidden", "", "")}
<recv request="ACK"/>
<recv request="MESSAGE"/>
<label id="1"/>
${reply("200 OK", "", session, sdp)}
<recv request="ACK"/>
<send retrans="500"><![CDATA[

BYE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:line@[local_ip]>;tag=c[call_number]
To: [$caller]
Call-ID: [call_id]
CSeq: 1 BYE
Max-Forwards: 70
Content-Length: 0

]]></send>
<recv response="200"/>
</scenario>
`;
})();

test("its call is refreshed by a re-INVITE that answers the challenge, and goes on until it hangs up", async () => {
  const port = await freePort(CARRIER_ADDRESS);
  const { trunks } = x.app.routing;
  const { id, ...before } = await trunks.get(SYSTEM_ACTOR, x.office.trunkId);
  await trunks.save(SYSTEM_ACTOR, id, { ...before, port, username: "line1", password: PASSWORD });
  const phone = await x.phone("1003");
  const carrier = runSipp({
    scenario: CARRIER,
    local: { address: CARRIER_ADDRESS, port },
    timeoutS: 60,
  });
  const call = await phone.dial("913800138000");
  expect(await call.answered).toBe(true);
  const { code, errors } = await carrier;
  expect({ code, errors }).toEqual({ code: 0, errors: "" });
  await call.ended;
}, 70_000);

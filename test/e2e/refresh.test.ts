/** A carrier that takes no UPDATE, asks for digest in the call too, and leaves the session to us. sipp is the carrier. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { SYSTEM_ACTOR } from "../../appliance/kernel.ts";
import { CARRIER_ADDRESS, type Exchange, startExchange } from "../kit/exchange.ts";
import { DID } from "../kit/office.ts";
import { runSipp, type SippOptions } from "../kit/sipp.ts";
import { freePort } from "../kit/wait.ts";

const PASSWORD = "correct horse";
let x: Exchange;
let port: number;

beforeAll(async () => {
  x = await startExchange();
  port = await freePort(CARRIER_ADDRESS);
  const { trunks, dids } = x.app.routing;
  const { id: trunkId, ...trunk } = await trunks.get(SYSTEM_ACTOR, x.office.trunkId);
  await trunks.save(SYSTEM_ACTOR, trunkId, { ...trunk, port, username: "line1", password: PASSWORD });
  const { id: didId, ...did } = await dids.get(SYSTEM_ACTOR, x.office.didId);
  const destination = { type: "agent", id: x.office.agentIds["1001"] ?? 0 } as const;
  await dids.save(SYSTEM_ACTOR, didId, { ...did, destination });
}, 40_000);
afterAll(async () => {
  await x?.stop();
}, 30_000);

const send = (text: string, again = false) =>
  `<send${again ? ' retrans="500"' : ""}><![CDATA[\n\n${text}]]></send>\n`;
const SDP =
  "v=0\no=c 1 1 IN IP4 [local_ip]\ns=-\nc=IN IP4 [media_ip]\nt=0 0\nm=audio [media_port] RTP/AVP 8 96\n" +
  "a=rtpmap:8 PCMA/8000\na=rtpmap:96 telephone-event/8000\n";
const described = (session: string) =>
  `${session}Content-Type: application/sdp\nContent-Length: [len]\n\n${SDP}`;
const reply = (status: string, to: string, rest: string) =>
  send(
    `SIP/2.0 ${status}\n[last_Via:]\n[last_From:]\n[last_To:]${to}\n[last_Call-ID:]\n[last_CSeq:]\nContact: <sip:[local_ip]:[local_port]>\n${rest}`,
    status.startsWith("200"),
  );
const ours = (method: string, cseq: string, from: string, to: string, rest = "Content-Length: 0\n") =>
  `${method} ${method === "INVITE" ? "sip:[service]@[remote_ip]:[remote_port]" : "[next_url]"} SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: ${from}
To: ${to}
Call-ID: [call_id]
CSeq: ${cseq} ${method}
Contact: <sip:[local_ip]:[local_port]>
Max-Forwards: 70
${rest}`;

/** Notes what the message says of its voice, from its o= line on. */
const notes = (name: string) => `<ereg regexp="o=.*" search_in="body" check_it="true" assign_to="${name}"/>`;
/** The refresh after 36 s: challenged; then with the password, and the voice as it was said first. */
const REFRESHED = `<recv request="INVITE" timeout="45000"/>
${reply("401 Unauthorized", "", 'WWW-Authenticate: Digest realm="carrier", nonce="n0nce", algorithm=MD5\nContent-Length: 0\n')}
<recv request="ACK"/>
<recv request="INVITE"><action>${notes("again")}<strcmp assign_to="differs" variable="first" variable2="again"/>
<verifyauth assign_to="right" username="line1" password="${PASSWORD}"/></action></recv>
<nop next="1" test="right"/>
${reply("403 Forbidden", "", "Content-Length: 0\n")}
<recv request="ACK"/>
<recv request="MESSAGE"/>
<label id="1"/>
${reply("200 OK", "", described("Session-Expires: 90;refresher=uac\nRequire: timer\n"))}
<recv request="ACK"/>
<nop><action><test assign_to="other" variable="differs" compare="not_equal" value="0"/></action></nop>
<nop next="2" test="other"/>
`;
const WRONG_VOICE = `<nop next="3"/>\n<label id="2"/>\n<recv request="MESSAGE"/>\n<label id="3"/>\n`;
const scenario = (text: string) =>
  `<?xml version="1.0" encoding="UTF-8" ?>\n<scenario name="refreshed">\n${text}</scenario>\n`;

const CALLED = scenario(`<recv request="INVITE" rrs="true"><action>${notes("first")}
<ereg regexp=".*" search_in="hdr" header="From:" assign_to="caller"/></action></recv>
${reply("200 OK", ";tag=c[call_number]", described("Session-Expires: 90;refresher=uac\nRequire: timer\n"))}
<recv request="ACK"/>
${REFRESHED}${send(ours("BYE", "1", "<sip:line@[local_ip]>;tag=c[call_number]", "[$caller]"), true)}
<recv response="200"/>
${WRONG_VOICE}`);

const FROM = "<sip:13900001111@[local_ip]>;tag=c[call_number]";
const CALLER = scenario(`${send(
  ours(
    "INVITE",
    "1",
    FROM,
    "<sip:[service]@[remote_ip]>",
    described("Supported: timer\nSession-Expires: 90;refresher=uas\nAllow: INVITE, ACK, BYE, CANCEL\n"),
  ),
  true,
)}
<recv response="100" optional="true"/>
<recv response="180" optional="true"/>
<recv response="183" optional="true"/>
<recv response="200" rrs="true"><action>${notes("first")}
<ereg regexp=".*" search_in="hdr" header="To:" assign_to="caller"/></action></recv>
${send(ours("ACK", "1", FROM, "[$caller]"))}
${REFRESHED}${send(ours("BYE", "2", FROM, "[$caller]"), true)}
<recv response="200"/>
${WRONG_VOICE}`);

/** Runs to its end as the scenario says, or tells what sipp and the exchange said. */
async function runs(name: string, options: Omit<SippOptions, "timeoutS">): Promise<void> {
  const { code, errors } = await runSipp({ ...options, timeoutS: 60 });
  if (code !== 0) throw new Error(`${name}: ${errors}\n${x.log.slice(-8).join("\n")}`);
}

test("its calls are refreshed by a re-INVITE that answers the challenge and changes no voice, and go on until it hangs up", async () => {
  const [phone] = await Promise.all([x.phone("1003"), x.phone("1001")]);
  const called = runs("called", { scenario: CALLED, local: { address: CARRIER_ADDRESS, port } });
  const caller = runs("caller", {
    scenario: CALLER,
    local: { address: CARRIER_ADDRESS, port: await freePort(CARRIER_ADDRESS) },
    remote: `${x.server.address}:${x.server.port}`,
    service: DID,
  });
  const call = await phone.dial("913800138000");
  expect(await call.answered).toBe(true);
  await Promise.all([called, caller]);
  await call.ended;
}, 70_000);

/**
 * sipp's branching scenarios on the engine alone. They register without a password, which the exchange never allows:
 * a small application takes the registrations and the calls and hands them on, as a back-to-back user agent.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Engine, startEngine } from "../../sip/engine/index.ts";
import { SrfFacade } from "../../sip/srf/facade.ts";
import type { IncomingRequest, OutgoingInvite } from "../../sip/srf/model.ts";
import type { SippResult } from "../kit/sipp.ts";
import { good, outcome, pairCertificate, SippPair, Stillness, TRANSPORTS } from "../kit/sipp-pair.ts";
import { binds, freePort, waitFor } from "../kit/wait.ts";

const HOST = "127.0.0.1";
const SDP =
  "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";
const certificate = pairCertificate();
const pairs: SippPair[] = [];
const app = new SrfFacade();
let engine: Engine;
let server: { readonly address: string; readonly port: number; readonly tlsPort: number };

beforeAll(async () => {
  server = { address: HOST, port: await freePort(), tlsPort: await freePort() };
  engine = await startEngine({
    contacts: [
      { protocol: "udp", address: HOST, port: server.port },
      { protocol: "tcp", address: HOST, port: server.port },
      { protocol: "tls", address: HOST, port: server.tlsPort, tls: certificate },
    ],
    agent: { address: HOST, port: 0, secret: "cymru" },
    tlsClient: { ca: certificate.cert },
  });
  app.handle("REGISTER", (request) => void register(request));
  app.handle("INVITE", (invite) => void bridge(invite));
  await app.connect({ host: HOST, port: engine.agentPort, secret: "cymru" });
}, 20_000);
afterAll(async () => {
  for (const pair of pairs) pair.close();
  app.stop();
  await engine?.stop();
}, 20_000);

/** Where the sipp waits that belongs to the one who calls. */
function target(request: IncomingRequest): string {
  const pair = pairs.find((one) => one.callerHost === request.source.address);
  if (pair === undefined) throw new Error(`Nobody belongs to ${request.source.address}`);
  const { host, port } = pair.callee;
  return `sip:ua2@${host}:${port};transport=${pair.transport}`;
}

/** Registration and call of one round bear one Call-ID, or branchs takes them for two. */
const heading = (request: IncomingRequest, from: string) => ({
  "Call-ID": `b-${request.header("Call-ID")}`,
  From: from,
  Contact: "<sip:app@localhost>",
});

async function register(request: IncomingRequest): Promise<void> {
  const uri = target(request);
  const reply = await app.request({
    method: "REGISTER",
    uri,
    headers: { ...heading(request, "<sip:ua1@localhost>"), To: "<sip:ua1@localhost>", Expires: "300" },
  }).final;
  await request.respond(reply.status, {
    headers: { Contact: request.header("Contact") ?? "", Expires: "300" },
  });
}

/** branchs takes callers whose From has "ua2" and refuses the others. */
async function bridge(invite: IncomingRequest): Promise<void> {
  const out: OutgoingInvite = app.invite({
    method: "INVITE",
    uri: target(invite),
    headers: heading(invite, '"ua2" <sip:ua1@localhost>'),
    body: invite.body,
    onProvisional: (reply) => void invite.respond(reply.status),
  });
  invite.onCancel(() => out.cancel());
  const far = await out.dialog;
  if (far === undefined) {
    const { status, reason } = await out.final;
    await invite.respond(status, { reason });
    return;
  }
  const near = await invite.accept({ body: far.remoteBody });
  near?.attach({ onEnd: () => void far.bye() });
}

test("branchc registers and calls branchs through the engine: both branches, nothing sent twice, nothing left", async () => {
  const still = new Stillness();
  const runs: Promise<SippResult>[] = [];
  // The 25th call takes another branch: it hangs up at once.
  const calls = 26;
  for (const transport of TRANSPORTS) {
    const pair = await SippPair.open(transport, pairs.length + 1, server, certificate);
    pairs.push(pair);
    runs.push(pair.answer("branchs", calls), pair.call("branchc", { calls, rate: 10 }));
  }
  const all = await Promise.all(runs);
  for (const run of all) expect(outcome(run)).toEqual(good(calls));
  expect(still.again(all)).toBe(0);
  await waitFor(
    () => {
      const { dialogs, serverTransactions, clientTransactions } = engine.stats();
      return dialogs + serverTransactions + clientTransactions === 0;
    },
    "nothing to be left of the calls",
    40_000,
  );
}, 58_000);

test("branchs refuses a caller it does not take; its 403 goes up and is acknowledged", async () => {
  const pair = await SippPair.open("udp", pairs.length + 1, server, certificate);
  pairs.push(pair);
  const { host, port } = pair.callee;
  const uri = `sip:ua2@${host}:${port};transport=${pair.transport}`;
  const answered = pair.answer("branchs", 1);
  await binds(port);
  const headers = {
    "Call-ID": `refused-${port}`,
    From: "<sip:ua1@localhost>",
    Contact: "<sip:app@localhost>",
  };
  const to = { ...headers, To: "<sip:ua1@localhost>" };
  expect((await app.request({ method: "REGISTER", uri, headers: to }).final).status).toBe(200);
  const out = app.invite({ method: "INVITE", uri, headers, body: SDP });
  expect((await out.final).status).toBe(403);
  // It waits for a BYE although there is no dialog to end.
  expect((await app.request({ method: "BYE", uri, headers }).final).status).toBe(200);
  expect(outcome(await answered)).toEqual(good(1));
}, 30_000);

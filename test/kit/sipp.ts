/** sipp as carrier, caller and phone: scenarios written on the spot, runs that always end. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface SippOptions {
  /** XML of the scenario, or the name of a built-in one ("uac", "3pcc-C-A"). */
  readonly scenario: string;
  /** Where requests go, "127.0.0.1:5060"; absent for scenarios that wait. */
  readonly remote?: string;
  /** Own address and port. */
  readonly local: { readonly address: string; readonly port: number };
  readonly transport?: "udp" | "tcp";
  /** One socket for all calls (default) or one each, as `-t u1` and `-t un`. */
  readonly sockets?: "one" | "each";
  /** Of the 3pcc scenarios: the twin socket, "127.0.0.1:5080". */
  readonly twin?: string;
  /** How long a call of the built-in uac lasts, ms; default 0. */
  readonly talkMs?: number;
  /** Calls to make or take; default 1. */
  readonly calls?: number;
  /** Calls a second; default 10. */
  readonly rate?: number;
  /** Whole run, s; default 20. */
  readonly timeoutS?: number;
  /** -s: the number called. */
  readonly service?: string;
  readonly auth?: { readonly user: string; readonly password: string };
  /** -key NAME VALUE, as [NAME] in scenarios. */
  readonly keys?: Readonly<Record<string, string>>;
}

export interface SippResult {
  /** 0 = every call went as the scenario says. */
  readonly code: number;
  readonly output: string;
  /** What sipp said about calls that did not. */
  readonly errors: string;
  /** From sipp's own statistics. */
  readonly counts: SippCounts;
}

export interface SippCounts {
  readonly ok: number;
  readonly failed: number;
  /** Requests and answers that sipp had to send again. */
  readonly again: number;
}

export interface SippRun {
  readonly result: Promise<SippResult>;
  stop(): void;
}

/** Starts sipp; it ends by itself after `calls` or `timeoutS`. */
export function startSipp(options: SippOptions): SippRun {
  const { transport = "udp", calls = 1, rate = 10, timeoutS = 20 } = options;
  let child: Bun.Subprocess<"ignore", "pipe", "pipe"> | undefined;
  const run = async (): Promise<SippResult> => {
    const folder = await mkdtemp(join(tmpdir(), "zongji-sipp-"));
    try {
      const builtIn = /^[\w-]+$/.test(options.scenario);
      const file = join(folder, "scenario.xml");
      if (!builtIn) await writeFile(file, options.scenario);
      const args = [
        ...(builtIn ? ["-sn", options.scenario] : ["-sf", file]),
        ...[
          "-i",
          options.local.address,
          "-p",
          String(options.local.port),
          "-m",
          String(calls),
          "-r",
          String(rate),
        ],
        ...[
          "-timeout",
          `${timeoutS}s`,
          "-timeout_error",
          "-recv_timeout",
          "10000",
          "-nostdin",
          "-max_socket",
          "1000",
        ],
        ...["-t", `${transport === "udp" ? "u" : "t"}${options.sockets === "each" ? "n" : "1"}`],
        ...["-trace_err", "-error_file", join(folder, "errors.log")],
        ...["-trace_stat", "-fd", "1", "-stf", join(folder, "counts.csv")],
        // Without it sipp names the machine's first address in SDP, wherever it is bound.
        ...["-mi", options.local.address],
        ...(options.twin === undefined ? [] : ["-3pcc", options.twin]),
        ...(options.talkMs === undefined ? [] : ["-d", String(options.talkMs)]),
        ...(options.service === undefined ? [] : ["-s", options.service]),
        ...(options.auth === undefined ? [] : ["-au", options.auth.user, "-ap", options.auth.password]),
        ...Object.entries(options.keys ?? {}).flatMap(([name, value]) => ["-key", name, value]),
        ...(options.remote === undefined ? [] : [options.remote]),
      ];
      child = Bun.spawn(["sipp", ...args], { cwd: folder, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
      const [output, complaints, code] = await Promise.all([
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
        child.exited,
      ]);
      const read = (name: string) =>
        Bun.file(join(folder, name))
          .text()
          .catch(() => "");
      const [log, csv] = await Promise.all([read("errors.log"), read("counts.csv")]);
      // Not a complaint: sipp tells there what it looks up.
      const complaint = complaints.replace(/^Resolving remote host .*\n/, "");
      return { code, output, errors: `${log}${complaint}`, counts: countsOf(csv) };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };
  return { result: run(), stop: () => child?.kill("SIGKILL") };
}

export function runSipp(options: SippOptions): Promise<SippResult> {
  return startSipp(options).result;
}

/** The last line of sipp's statistics; (C) marks totals of the whole run. */
function countsOf(csv: string): SippCounts {
  const lines = csv.trim().split("\n");
  const names = lines[0]?.split(";") ?? [];
  const last = lines.at(-1)?.split(";") ?? [];
  const value = (name: string) => Number(last[names.indexOf(name)] ?? Number.NaN);
  return {
    ok: value("SuccessfulCall(C)"),
    failed: value("FailedCall(C)"),
    again: value("Retransmissions(C)"),
  };
}

const HEAD = `<?xml version="1.0" encoding="UTF-8" ?>\n<scenario name="kit">\n`;
const TAIL = `</scenario>\n`;
const SDP = `v=0
o=sipp 1 1 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 8 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=sendrecv
`;

function send(text: string, retrans = true): string {
  return `<send${retrans ? ' retrans="500"' : ""}><![CDATA[\n${text}\n]]></send>\n`;
}

function registerText(user: string, cseq: number, contact: string, expires: number, auth: string): string {
  return `REGISTER sip:[remote_ip] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:${user}@[remote_ip]>;tag=[pid]t[call_number]
To: <sip:${user}@[remote_ip]>
Call-ID: [call_id]
CSeq: ${cseq} REGISTER
Max-Forwards: 70
Contact: ${contact}
Expires: ${expires}
User-Agent: sipp
${auth}Content-Length: 0
`;
}

/** REGISTER, 401, REGISTER with credentials, then `expect`. `aor`: the number to register, if not the own one. */
export function registerScenario(options: {
  readonly user: string;
  readonly aor?: string;
  readonly expect?: number;
  readonly expires?: number;
  readonly contact?: string;
}): string {
  const { user, aor = user, expect = 200, expires = 300 } = options;
  const contact =
    options.contact ??
    `&lt;sip:${user}@[local_ip]:[local_port]&gt;`.replaceAll("&lt;", "<").replaceAll("&gt;", ">");
  return (
    HEAD +
    send(registerText(aor, 1, contact, expires, "")) +
    `<recv response="401" auth="true"/>\n` +
    send(registerText(aor, 2, contact, expires, "[authentication]\n")) +
    `<recv response="${expect}"/>\n` +
    TAIL
  );
}

function inviteText(from: string, cseq: number, auth: string, sdp = SDP): string {
  return `INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:${from}@[remote_ip]>;tag=[pid]t[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: ${cseq} INVITE
Contact: <sip:${from}@[local_ip]:[local_port]>
Max-Forwards: 70
${auth}Content-Type: application/sdp
Content-Length: [len]

${sdp}`;
}

function inDialog(method: string, from: string, cseq: number): string {
  return `${method} [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
[routes]
From: <sip:${from}@[remote_ip]>;tag=[pid]t[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: ${cseq} ${method}
Max-Forwards: 70
Content-Length: 0
`;
}

function ackFailure(from: string, cseq: number): string {
  return `ACK sip:[service]@[remote_ip]:[remote_port] SIP/2.0
[last_Via:]
From: <sip:${from}@[remote_ip]>;tag=[pid]t[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: ${cseq} ACK
Max-Forwards: 70
Content-Length: 0
`;
}

/**
 * A caller: INVITE (answering a 401 when `auth`), then either a failure `expect`, or 200, talk for `talkMs`, BYE.
 * 100, 180 and 183 are optional on the way.
 */
export function callerScenario(options: {
  readonly from: string;
  readonly auth?: boolean;
  readonly expect?: number;
  readonly talkMs?: number;
}): string {
  const { from, auth = false, expect = 200, talkMs = 200 } = options;
  const cseq = auth ? 2 : 1;
  const progress = [100, 180, 183].map((code) => `<recv response="${code}" optional="true"/>\n`).join("");
  const challenge = auth
    ? send(inviteText(from, 1, "")) +
      `<recv response="100" optional="true"/>\n<recv response="401" auth="true"/>\n` +
      send(ackFailure(from, 1), false) +
      send(inviteText(from, 2, "[authentication]\n"))
    : send(inviteText(from, 1, ""));
  const rest =
    expect === 200
      ? `<recv response="200" rrs="true"/>\n${send(inDialog("ACK", from, cseq), false)}<pause milliseconds="${talkMs}"/>\n` +
        `${send(inDialog("BYE", from, cseq + 1))}<recv response="200"/>\n`
      : `<recv response="${expect}"/>\n${send(ackFailure(from, cseq), false)}`;
  return HEAD + challenge + progress + rest + TAIL;
}

function answer(status: string, sdp: boolean): string {
  return `SIP/2.0 ${status}
[last_Via:]
[last_From:]
[last_To:];tag=[pid]s[call_number]
[last_Call-ID:]
[last_CSeq:]
[last_Record-Route:]
Contact: <sip:[local_ip]:[local_port]>
${sdp ? `Content-Type: application/sdp\nContent-Length: [len]\n\n${SDP}` : "Content-Length: 0\n"}`;
}

const BYE_OK = `SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0
`;

/** One who is called: refuses with `status` ("486 Busy Here"). */
export function refusingScenario(status: string): string {
  return `${HEAD}<recv request="INVITE"/>\n${send(answer(status, false))}<recv request="ACK"/>\n${TAIL}`;
}

/** One who is called: 180, after `ringMs` 200, then waits for the BYE. `early`: 183 with SDP instead of 180. */
export function answeringScenario(
  options: { readonly ringMs?: number; readonly early?: boolean } = {},
): string {
  const ringing = send(
    answer(options.early === true ? "183 Session Progress" : "180 Ringing", options.early === true),
    false,
  );
  return (
    `${HEAD}<recv request="INVITE" rrs="true"/>\n${ringing}<pause milliseconds="${options.ringMs ?? 100}"/>\n` +
    `${send(answer("200 OK", true))}<recv request="ACK"/>\n<recv request="BYE"/>\n${send(BYE_OK, false)}${TAIL}`
  );
}

/** One who is called: 180, waits for the CANCEL, 200 and 487. */
export function cancelledScenario(): string {
  return (
    `${HEAD}<recv request="INVITE"/>\n${send(answer("180 Ringing", false), false)}<recv request="CANCEL"/>\n` +
    `${send(BYE_OK, false)}${send(
      answer("487 Request Terminated", false).replace("[last_CSeq:]", "CSeq: [cseq] INVITE"),
    )}<recv request="ACK"/>\n${TAIL}`
  );
}

/** One who answers although a CANCEL is there: 200 to both; the caller's side must ACK and send BYE (RFC 3261 §9.1). */
export function answersAnywayScenario(): string {
  const late = answer("200 OK", true).replace("[last_CSeq:]", "CSeq: [cseq] INVITE");
  return (
    `${HEAD}<recv request="INVITE" rrs="true"/>\n${send(answer("180 Ringing", false), false)}<recv request="CANCEL"/>\n` +
    `${send(BYE_OK, false)}${send(late)}<recv request="ACK"/>\n<recv request="BYE"/>\n${send(BYE_OK, false)}${TAIL}`
  );
}

/** Bad input over the wire and through the pages: refused in words where a word is possible, and the exchange goes on. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SYSTEM_ACTOR, UseCaseError } from "../../appliance/kernel.ts";
import { createWeb } from "../../ui/server.ts";
import {
  CARRIER_ADDRESS,
  type Exchange,
  nextCall,
  PROMPT_HZ,
  startExchange,
  toneOf,
} from "../kit/exchange.ts";
import { ADMIN, DID, secretOf } from "../kit/office.ts";
import { RawUdp, request, sendTcp } from "../kit/raw.ts";
import { registerScenario, runSipp } from "../kit/sipp.ts";
import { toneWav } from "../kit/tone.ts";
import { talk } from "../kit/voice.ts";
import { freePort, waitFor } from "../kit/wait.ts";

let x: Exchange;
let a: Awaited<ReturnType<Exchange["phone"]>>;
let b: Awaited<ReturnType<Exchange["phone"]>>;
/** Somebody without an account, and a socket on the carrier's address. */
let stranger: RawUdp;
let carrier: RawUdp;
let ids = 0;
const newId = () => `bad${++ids}x${Date.now()}`;

beforeAll(async () => {
  x = await startExchange();
  [a, b] = await Promise.all([x.phone("1001"), x.phone("1002")]);
  stranger = await RawUdp.open({ server: x.server, address: "127.0.0.9" });
  carrier = await RawUdp.open({ server: x.server, address: CARRIER_ADDRESS });
}, 40_000);
afterAll(async () => {
  stranger?.close();
  carrier?.close();
  await x?.stop();
}, 30_000);

/** After everything that was thrown at it the exchange answers OPTIONS and connects two phones. */
afterEach(async () => {
  const raw = await RawUdp.open({ server: x.server });
  const callId = newId();
  const { address, port } = raw;
  raw.send(request("OPTIONS", { via: "UDP", address, port, uri: `sip:${x.remote}`, callId }));
  expect(await raw.status(callId)).toBe(200);
  raw.close();
  const before = b.calls.length;
  const call = await a.dial("1002");
  const at = await nextCall(b, before);
  expect(await call.answered).toBe(true);
  await waitFor(() => call.hears(toneOf("1002")) && at.hears(toneOf("1001")), "both tones");
  await call.hangup();
  await waitFor(() => x.app.calls.live.picture().calls.length === 0, "no call to be left");
  expect((await x.app.sip.engine?.stats())?.counters.faults ?? 0).toBe(0);
}, 20_000);

const SDP = [
  "v=0",
  "o=- 1 1 IN IP4 127.0.0.2",
  "s=-",
  "c=IN IP4 127.0.0.2",
  "t=0 0",
  "m=audio 40000 RTP/AVP 8",
  "a=rtpmap:8 PCMA/8000",
  "",
].join("\r\n");

/** An INVITE from the carrier's address to our number. */
function invite(callId: string, more: Partial<Parameters<typeof request>[1]> = {}): string {
  const { address, port } = carrier;
  const uri = `sip:${DID}@${x.remote}`;
  return request("INVITE", {
    via: "UDP",
    address,
    port,
    uri,
    callId,
    from: "13600000000",
    body: SDP,
    ...more,
  });
}

/** Ends the transaction of a refused INVITE, so that the refusal is not sent again. */
function acknowledge(callId: string): void {
  const { address, port } = carrier;
  const uri = `sip:${DID}@${x.remote}`;
  carrier.send(request("ACK", { via: "UDP", address, port, uri, callId, from: "13600000000" }));
}

describe("what is no SIP", () => {
  test("garbage and half messages on UDP", async () => {
    const noise = new Uint8Array(1400);
    for (let i = 0; i < 40; i++) stranger.send(crypto.getRandomValues(noise));
    const whole = invite(newId());
    for (let cut = 1; cut < whole.length; cut += 23) stranger.send(whole.slice(0, cut));
    for (const text of ["", "\r\n\r\n", "\0", "GET / HTTP/1.1\r\n\r\n", "SIP/2.0 200 OK\r\n\r\n", "INVITE"])
      stranger.send(text);
    stranger.send(new Uint8Array(60_000).fill(0x41));
  }, 15_000);

  test("garbage and half messages on TCP: the connection is given up, others go on", async () => {
    const noise = crypto.getRandomValues(new Uint8Array(20_000));
    const whole = invite(newId(), { via: "TCP" });
    const results = await Promise.all([
      sendTcp(x.server, noise, { timeoutMs: 1500 }),
      sendTcp(x.server, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", { timeoutMs: 1500 }),
      sendTcp(x.server, whole.slice(0, 150), { halfClose: true, timeoutMs: 1500 }),
      sendTcp(x.server, whole.slice(0, -20), { halfClose: true, timeoutMs: 1500 }),
    ]);
    for (const { text } of results) expect(text).not.toMatch(/^SIP\/2\.0 [26]/);
  }, 15_000);

  test("headers of 64 KB: refused on TCP, silent or refused on UDP, never a call", async () => {
    const headers = [`X-Long: ${"y".repeat(65_536)}`];
    const { text, closed } = await sendTcp(x.server, invite(newId(), { via: "TCP", headers }), {
      until: /^SIP\/2\.0 [45]\d\d/m,
    });
    expect(closed || /^SIP\/2\.0 (400|413|513)/m.test(text)).toBe(true);
    const callId = newId();
    carrier.send(invite(callId, { headers: [`X-Long: ${"y".repeat(50_000)}`] }));
    const status = await carrier.status(callId, 1000).catch(() => 0);
    expect([0, 400, 413, 513]).toContain(status);
    expect(x.records().filter((row) => row.caller_original === "13600000000")).toHaveLength(0);
  }, 15_000);

  test("a wrong Content-Length: 400 when more is promised than comes on UDP; less is cut", async () => {
    const callId = newId();
    carrier.send(invite(callId, { contentLength: 5000 }));
    expect(await carrier.status(callId)).toBe(400);
    acknowledge(callId);
    const { text } = await sendTcp(x.server, invite(newId(), { via: "TCP", contentLength: -5 }), {
      until: /^SIP\/2\.0 400/m,
      timeoutMs: 1500,
    });
    expect(text === "" || /^SIP\/2\.0 400/m.test(text)).toBe(true);
  }, 15_000);
});

describe("calls that cannot be", () => {
  const refused = [
    [
      "SDP without audio",
      { body: SDP.replace(/m=audio[\s\S]*$/, "m=video 40000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n") },
      488,
    ],
    [
      "SDP with codecs nobody knows",
      { body: SDP.replace("RTP/AVP 8", "RTP/AVP 97").replace("8 PCMA", "97 X-NONSENSE") },
      488,
    ],
    ["SDP that is none", { body: "this is no session description\r\n" }, 488],
    ["an INVITE without Contact", { contact: false }, 400],
  ] as const;
  for (const [what, more, status] of refused)
    test(`${what}: ${status}`, async () => {
      const callId = newId();
      carrier.send(invite(callId, more));
      expect(await carrier.status(callId)).toBe(status);
      acknowledge(callId);
    }, 15_000);

  test("a number that is not ours: 404, and a word to the administrator", async () => {
    const call = await x.carrier.dial("02199999999", "13600000001");
    expect((await call.ended).status).toBe(404);
    expect(await x.ended(await x.journey("13600000001", "02199999999"))).toMatchObject({
      cause: "call-failed",
      sip_status: 404,
      talk_ms: 0,
    });
    expect(x.app.system.alarms.open().map((alarm) => alarm.code)).toContain("unknown-did");
    const inside = await a.dial("4040404");
    expect((await inside.ended).status).toBe(404);
  }, 15_000);

  test("REGISTER for another's number: 403, the other stays reachable", async () => {
    const scenario = registerScenario({ user: "1003", aor: "1002", expect: 403 });
    const local = { address: "127.0.0.1", port: await freePort() };
    const auth = { user: "1003", password: secretOf("1003") };
    const result = await runSipp({ scenario, remote: x.remote, local, auth });
    expect({ code: result.code, errors: result.errors }).toMatchObject({ code: 0 });
    expect(x.app.sip.devices.state(x.office.extensionIds["1002"] ?? 0).devices).toHaveLength(1);
  }, 15_000);
});

describe("what people type and upload", () => {
  test("uploads that are not audio are refused, whatever they are called", async () => {
    const uploads: readonly (readonly [string, Uint8Array])[] = [
      ["page.wav", new TextEncoder().encode("<html><script>alert(1)</script></html>")],
      ["program.mp3", new Uint8Array([0x7f, 0x45, 0x4c, 0x46, ...new Uint8Array(2000)])],
      ["empty.wav", new Uint8Array(0)],
      ["half.wav", new TextEncoder().encode("RIFF\0\0\0\0WAVEfmt ")],
      ["../../etc/passwd", crypto.getRandomValues(new Uint8Array(4000))],
    ];
    const before = (await x.app.routing.mediaFiles.list(SYSTEM_ACTOR, {})).total;
    for (const [fileName, bytes] of uploads) {
      const upload = {
        name: `up-${fileName.length}`,
        fileType: "voice",
        category: "",
        description: "",
      } as const;
      const refusal = await x.app.routing.mediaFiles
        .upload(SYSTEM_ACTOR, { ...upload, fileName, bytes })
        .then(
          () => undefined,
          (error: unknown) => error,
        );
      expect(refusal).toBeInstanceOf(UseCaseError);
    }
    expect(
      (await x.app.routing.mediaFiles.list(SYSTEM_ACTOR, {})).rows.filter((row) => !row.builtIn).length,
    ).toBe(1);
    expect((await x.app.routing.mediaFiles.list(SYSTEM_ACTOR, {})).total).toBeGreaterThanOrEqual(before);
  }, 20_000);

  test("HTML in names is shown as text; absurd dates are no error; a refused upload keeps what was typed", async () => {
    const evil = '"><script>alert(1)</script>';
    const call = await x.carrier.dial(DID, "13600000002", { name: evil });
    await call.answered;
    await waitFor(() => call.hears(PROMPT_HZ), "the menu");
    await call.hangup();
    const row = await x.ended(await x.journey("13600000002", DID));
    expect(row.caller_name).toContain("script");
    await x.app.queueing.groups.save(SYSTEM_ACTOR, x.office.groupId, {
      ...(await x.app.queueing.groups.get(SYSTEM_ACTOR, x.office.groupId)),
      name: evil,
    });
    const web = createWeb(x.app);
    const origin = "http://office.test";
    const signIn = await web.fetch(
      new Request(`${origin}/sign-in`, {
        method: "POST",
        headers: {
          origin,
          "sec-fetch-site": "same-origin",
          "content-type": "application/x-www-form-urlencoded",
        },
        body: new URLSearchParams({ username: ADMIN.username, password: ADMIN.password }).toString(),
        redirect: "manual",
      }),
    );
    const cookie = (signIn.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
    expect(cookie).not.toBe("");
    for (const asked of [
      "from=9999-99-99&to=0000-00-00",
      "from=nonsense&page=-7",
      "page=1e99&sort=drop%20table",
    ]) {
      const answer = await web.fetch(new Request(`${origin}/calls?${asked}`, { headers: { cookie } }));
      expect({ asked, status: answer.status }).toEqual({ asked, status: 200 });
    }
    for (const path of ["/", "/calls", `/calls/${row.journey}`, "/groups"]) {
      const answer = await web.fetch(new Request(`${origin}${path}`, { headers: { cookie } }));
      const html = await answer.text();
      expect({ path, status: answer.status }).toEqual({ path, status: 200 });
      // Between quotes a "<" is text; out of them it must not come.
      expect(html.replace(/="[^"]*"/g, "")).not.toContain("<script>alert");
      if (path !== "/") expect(html).toContain("&lt;script&gt;alert(1)");
    }
    const upload = async (name: string, file: File) => {
      const body = new FormData();
      for (const [key, value] of Object.entries({ name, fileType: "voice", category: "", description: "" }))
        body.append(key, value);
      body.append("file", file);
      return web.fetch(
        new Request(`${origin}/media-upload`, { method: "POST", headers: { cookie, origin }, body }),
      );
    };
    const refused = await upload("Typed name", new File(["no sound"], "song.wav"));
    expect(refused.status).toBe(422);
    expect(await refused.text()).toContain("Typed name");
    const taken = await upload("chime", new File([Uint8Array.from(toneWav(500, 1000))], "chime.wav"));
    expect(taken.status).toBe(303);
    const { rows } = await x.app.routing.mediaFiles.list(SYSTEM_ACTOR, { search: "chime" });
    const heard = await web.fetch(
      new Request(`${origin}/media-files/${rows[0]?.id}/audio`, { headers: { cookie } }),
    );
    expect(heard.headers.get("content-type")).toBe("audio/wav");
    expect((await heard.arrayBuffer()).byteLength).toBeGreaterThan(15_000);
  }, 20_000);
});

describe("a full disk", () => {
  const folder = () => join(x.folder, "recordings");
  const mount = (...args: string[]) => Bun.spawnSync(args, { stderr: "ignore" }).exitCode === 0;
  const mayMount = (() => {
    const probe = mkdtempSync(join(tmpdir(), "zongji-mount-"));
    const able = mount("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", probe);
    if (able) mount("umount", probe);
    rmSync(probe, { recursive: true });
    return able;
  })();

  test.skipIf(!mayMount)(
    "while recording: the call goes on, an alarm shows, the record tells",
    async () => {
      mkdirSync(folder(), { recursive: true });
      expect(mount("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder())).toBe(true);
      try {
        const before = a.calls.length;
        const call = await x.carrier.dial(DID, "13600000003");
        await call.answered;
        await call.press("1");
        const at = await nextCall(a, before);
        await at.answered;
        const failing = () => x.app.system.alarms.open().some((alarm) => alarm.code === "recording-failed");
        await waitFor(failing, "the alarm", 8000);
        await talk(x.app, 500);
        expect(call.hears(toneOf("1001"))).toBe(true);
        await call.hangup();
        const row = await x.ended(await x.journey("13600000003", DID));
        expect(row).toMatchObject({ result: "answered", cause: "normal", hangup_by: "caller" });
        expect(x.recording(row.recording)).toMatchObject({ state: "failed" });
      } finally {
        mount("umount", "-l", folder());
      }
    },
    20_000,
  );
});

/** Extensions that register the same Contact over connections: a call and a keep-alive reach the one they are for. */
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Directory, EndpointCredentials, RegistrationRow } from "../../sip/directory.ts";
import { answerChallenge, parseChallenges } from "../../sip/srf/digest.ts";
import { type Sip, startSip } from "../../sip/start.ts";
import { extension, trunkConfig } from "../../sip/test-support.ts";
import { answerTo, RawUdp } from "../kit/raw.ts";
import { freePort, waitFor } from "../kit/wait.ts";

setDefaultTimeout(30_000);

const HOST = "127.0.0.1";
const NUMBERS = ["101", "102", "110"];
const idOf = (number: string) => NUMBERS.indexOf(number) + 1;
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

/** An office with TCP and WS, and an IP trunk at `carrierPort`. */
async function office(carrierPort = 0): Promise<{ sip: Sip; tcp: number; ws: number }> {
  const folder = mkdtempSync(join(tmpdir(), "zongji-owner-"));
  const rows = new Map<string, RegistrationRow>();
  const endpoints = new Map<string, EndpointCredentials>(
    NUMBERS.map((number) => [number, extension({ extensionId: idOf(number), number }, `pw${number}`)]),
  );
  const directory: Directory = {
    realm: "zongji",
    endpointByUser: (user) => endpoints.get(user),
    trunks: () =>
      carrierPort === 0
        ? []
        : [trunkConfig({ kind: "ip", host: HOST, port: carrierPort, username: "", password: "" })],
    loadRegistrations: () => [...rows.values()],
    saveRegistrations({ saved, removed }) {
      for (const row of removed) rows.delete(`${row.extensionId} ${row.contact}`);
      for (const row of saved) rows.set(`${row.extensionId} ${row.contact}`, row);
      return undefined;
    },
  };
  const [tcp, ws] = [await freePort(HOST), await freePort(HOST)];
  const rtp = 44_100 + 2 * Math.floor(Math.random() * 100);
  const sip = await startSip(
    {
      engine: "embedded",
      contacts: [`sip:${HOST}:${tcp};transport=udp,tcp`, `sip:${HOST}:${ws};transport=ws`],
      address: HOST,
      lan: [],
      rtpPorts: { min: rtp, max: rtp + 50 },
      dataFolder: folder,
      keepAliveMs: 300,
    },
    directory,
  );
  cleanups.push(async () => {
    await sip.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  return { sip, tcp, ws };
}

interface Wire {
  send(text: string): void;
  close(): void;
}

/** A phone's connection. It answers OPTIONS, keeps all it gets, and registers whatever it is told. */
class Line {
  readonly received: string[] = [];
  #wire: Wire | undefined;
  #calls = 0;

  static async open(port: number, protocol: "tcp" | "ws" = "tcp"): Promise<Line> {
    const line = new Line();
    const opened = Promise.withResolvers<void>();
    if (protocol === "tcp") {
      const socket = connect(port, HOST, () => opened.resolve());
      let text = "";
      socket.on("error", opened.reject);
      socket.on("data", (bytes) => {
        text += bytes.toString("latin1");
        for (let size = sizeOf(text); size > 0; size = sizeOf(text)) {
          line.#take(text.slice(0, size));
          text = text.slice(size);
        }
      });
      line.#wire = { send: (message) => socket.write(message), close: () => socket.destroy() };
    } else {
      const socket = new WebSocket(`ws://${HOST}:${port}`, "sip");
      socket.onopen = () => opened.resolve();
      socket.onerror = opened.reject;
      socket.onmessage = (message) => line.#take(String(message.data));
      line.#wire = { send: (message) => socket.send(message), close: () => socket.close() };
    }
    await opened.promise;
    cleanups.push(() => line.close());
    return line;
  }

  /** Registers `contact` for `number` with its own password; gives the final status. */
  async register(number: string, contact: string, expires = 600): Promise<number> {
    const callId = `${number}-${++this.#calls}-${crypto.randomUUID()}`;
    const send = (cseq: number, ...extra: string[]) =>
      this.#wire?.send(
        [
          "REGISTER sip:zongji SIP/2.0",
          `Via: SIP/2.0/TCP ${HOST}:9;branch=z9hG4bK${callId}${cseq}`,
          ...["Max-Forwards: 70", `From: <sip:${number}@zongji>;tag=${number}`, `To: <sip:${number}@zongji>`],
          ...[`Call-ID: ${callId}`, `CSeq: ${cseq} REGISTER`, `Contact: <${contact}>`, `Expires: ${expires}`],
          ...[...extra, "Content-Length: 0", "", ""],
        ].join("\r\n"),
      );
    const answer = (cseq: number) =>
      waitFor(
        () => this.received.find((text) => text.includes(callId) && text.includes(`CSeq: ${cseq} REGISTER`)),
        `an answer to REGISTER ${cseq} of ${number}`,
      );
    send(1);
    const asked = /^WWW-Authenticate: (.*)$/im.exec(await answer(1))?.[1] ?? "";
    const [challenge] = parseChallenges(asked);
    if (challenge === undefined) throw new Error(`No challenge for ${number}`);
    const user = { username: number, password: `pw${number}` };
    const proof = answerChallenge(challenge, user, { method: "REGISTER", uri: "sip:zongji" }, 1, "c");
    send(2, `Authorization: ${proof}`);
    return Number((await answer(2)).slice(8, 11));
  }

  /** Users of the To of all requests of this method. */
  asked(method: "INVITE" | "OPTIONS"): string[] {
    const requests = this.received.filter((text) => text.startsWith(`${method} `));
    return requests.map((text) => /^To: <sip:([^@]*)@/m.exec(text)?.[1] ?? "");
  }

  close(): void {
    this.#wire?.close();
  }

  #take(text: string): void {
    this.received.push(text);
    if (text.startsWith("OPTIONS ")) this.#wire?.send(answerTo(text, "200 OK"));
    if (text.startsWith("INVITE ")) this.#wire?.send(answerTo(text, "486 Busy Here"));
  }
}

/** Bytes of the first whole message in `text`, 0 when there is none yet. */
function sizeOf(text: string): number {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return 0;
  const size = end + 4 + Number(/^Content-Length: *(\d+)/im.exec(text.slice(0, end))?.[1] ?? 0);
  return text.length < size ? 0 : size;
}

/** Dials an extension and waits for the end; gives its cause. */
async function dial(sip: Sip, number: string): Promise<string> {
  const leg = crypto.randomUUID();
  const ended = Promise.withResolvers<string>();
  const off = sip.legs.onEvent((event) => {
    if (event.leg === leg && event.type === "ended") ended.resolve(event.cause);
  });
  sip.legs.dial({
    leg,
    target: { kind: "extension", extensionId: idOf(number), number },
    callerNumber: "100",
    timeoutMs: 5000,
  });
  return ended.promise.finally(off);
}

const DESK = `sip:102@192.168.1.50:5060;transport=tcp`;
const TAB = "sip:k3j9@a1b2c3.invalid;transport=ws";

for (const [protocol, contact] of [
  ["tcp", DESK],
  ["ws", TAB],
] as const)
  for (const order of ["after", "before"] as const)
    test(`${protocol}: who registers another's Contact ${order} them gets none of their calls and keep-alives`, async () => {
      const { sip, ...ports } = await office();
      const [owner, other] = [
        await Line.open(ports[protocol], protocol),
        await Line.open(ports[protocol], protocol),
      ];
      if (order === "before") expect(await other.register("101", contact)).toBe(200);
      expect(await owner.register("102", contact)).toBe(200);
      if (order === "after") expect(await other.register("101", contact)).toBe(200);
      expect(await dial(sip, "102")).toBe("busy");
      expect([owner.asked("INVITE"), other.asked("INVITE")]).toEqual([["102"], []]);
      await waitFor(
        () => owner.asked("OPTIONS").length > 1 && other.asked("OPTIONS").length > 1,
        "keep-alives",
      );
      expect(new Set(owner.asked("OPTIONS"))).toEqual(new Set(["102"]));
      expect(new Set(other.asked("OPTIONS"))).toEqual(new Set(["101"]));
    });

test("while the owner is away the other with its Contact is not asked in its place, nor takes the way when it leaves", async () => {
  const { sip, ws } = await office();
  const [owner, other] = [await Line.open(ws, "ws"), await Line.open(ws, "ws")];
  await owner.register("102", TAB);
  await other.register("101", TAB);
  owner.close();
  expect(await dial(sip, "102")).not.toBe("busy");
  expect(other.asked("INVITE")).toEqual([]);
  // The other's leave takes nothing from the owner either.
  const back = await Line.open(ws, "ws");
  await back.register("102", TAB);
  expect(await other.register("101", TAB, 0)).toBe(200);
  expect(await dial(sip, "102")).toBe("busy");
  expect(back.asked("INVITE")).toEqual(["102"]);
});

test("two extensions on one phone: the same Contact over one connection, and Contacts of their own", async () => {
  const { sip, tcp } = await office();
  const phone = await Line.open(tcp);
  for (const number of ["101", "102"]) expect(await phone.register(number, DESK)).toBe(200);
  for (const number of ["101", "102"]) expect(await dial(sip, number)).toBe("busy");
  expect(phone.asked("INVITE")).toEqual(["101", "102"]);
  for (const number of ["101", "102"])
    await phone.register(number, `sip:${number}@192.168.1.50:5061;transport=tcp`);
  for (const number of ["101", "102"]) expect(await dial(sip, number)).toBe("busy");
  expect(phone.asked("INVITE").toSorted()).toEqual(["101", "101", "101", "102", "102", "102"]);
});

test("a phone that connects anew is reached over the new connection at once", async () => {
  const { sip, tcp } = await office();
  const old = await Line.open(tcp);
  await old.register("102", DESK);
  const fresh = await Line.open(tcp);
  await fresh.register("102", DESK);
  expect(await dial(sip, "102")).toBe("busy");
  expect([old.asked("INVITE"), fresh.asked("INVITE")]).toEqual([[], ["102"]]);
});

test("who registers a carrier's address as its Contact gets no call to the carrier", async () => {
  const carrier = await RawUdp.open({ server: { address: HOST, port: 9 } });
  cleanups.push(() => carrier.close());
  const { sip, tcp } = await office(carrier.port);
  const other = await Line.open(tcp);
  expect(await other.register("101", `sip:13800138000@${HOST}:${carrier.port}`)).toBe(200);
  expect(await other.register("110", `sip:110@${HOST}:${carrier.port}`)).toBe(200);
  for (const number of ["13800138000", "110"]) {
    const leg = `out-${number}`;
    sip.legs.dial({
      leg,
      target: { kind: "trunk", trunkId: 1, number },
      callerNumber: "101",
      timeoutMs: 5000,
    });
    await waitFor(
      () => carrier.received.some((text) => text.startsWith(`INVITE sip:${number}@`)),
      `the call to ${number}`,
    );
    sip.legs.hangup(leg);
  }
  expect(other.asked("INVITE")).toEqual([]);
});

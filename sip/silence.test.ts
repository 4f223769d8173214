/** Parties that vanish without a word: no voice, no answer in the dialog. Real engine, real rtpengine, phones by TCP. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, waitFor } from "../test/kit/wait.ts";
import type { Directory, EndpointCredentials, RegistrationRow } from "./directory.ts";
import type { LegEvent } from "./legs/model.ts";
import type { MediaEvent } from "./media/index.ts";
import { makeHa1 } from "./srf/digest.ts";
import { type Sip, startSip } from "./start.ts";
import { createTestPhone, type TestCall, type TestPhone } from "./testphone/index.ts";

const HOST = "127.0.0.1";
const SILENT_MS = 400;

function endpoint(id: number, number: string): EndpointCredentials {
  return {
    extensionId: id,
    number,
    name: "",
    ha1Md5: makeHa1("MD5", number, "zongji", "pw"),
    ha1Sha256: makeHa1("SHA-256", number, "zongji", "pw"),
    enabled: true,
    allowRemote: false,
  };
}

const rows: RegistrationRow[] = [];
const directory: Directory = {
  realm: "zongji",
  endpointByUser: (user) => [endpoint(1, "1001"), endpoint(2, "1002")].find((one) => one.number === user),
  trunks: () => [],
  loadRegistrations: () => rows,
  saveRegistrations: () => undefined,
};
const folder = mkdtempSync(join(tmpdir(), "zongji-silence-"));
let sip: Sip;
let port = 0;
let phones: TestPhone[] = [];
const legEvents: LegEvent[] = [];
const mediaEvents: MediaEvent[] = [];

beforeAll(async () => {
  port = await freePort();
  const rtp = 43_400 + 2 * Math.floor(Math.random() * 100);
  sip = await startSip(
    {
      engine: "embedded",
      contacts: [`sip:${HOST}:${port};transport=udp,tcp`],
      address: HOST,
      lan: [],
      rtpPorts: { min: rtp, max: rtp + 150 },
      dataFolder: folder,
      silentMs: SILENT_MS,
    },
    directory,
  );
  sip.legs.onEvent((event) => {
    legEvents.push(event);
    if (event.type === "incoming") void sip.legs.answer(event.leg);
  });
  sip.media.onEvent((event) => mediaEvents.push(event));
  const server = { address: HOST, port };
  phones = await Promise.all(
    ["1001", "1002"].map((number) =>
      createTestPhone({ server, number, password: "pw", transport: "tcp", hz: 400, listenFor: [400] }),
    ),
  );
}, 30_000);
afterAll(async () => {
  await Promise.all(phones.map((phone) => phone.vanish()));
  await sip?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 30_000);

/** A call that the exchange has answered, and its leg. */
async function call(index: number): Promise<{ leg: string; at: TestCall; phone: TestPhone }> {
  const phone = phones[index];
  if (phone === undefined) throw new Error("no such phone");
  const from = legEvents.length;
  const at = await phone.dial("9000");
  expect(await at.answered).toBe(true);
  const leg = legEvents.slice(from).find((event) => event.type === "incoming")?.leg ?? "";
  return { leg, at, phone };
}
const silences = (leg: string) =>
  mediaEvents.filter((event) => event.type === "silent" && event.leg === leg).length;
const ended = (leg: string) => legEvents.find((event) => event.leg === leg && event.type === "ended");

test("a phone that sends nothing but answers keeps its call; one on hold is not even asked", async () => {
  const muted = await call(0);
  muted.at.audio.pause();
  await waitFor(() => silences(muted.leg) >= 3, "three silences");
  expect(ended(muted.leg)).toBeUndefined();
  expect(await muted.at.hold(true)).toBe(200);
  await waitFor(
    () => legEvents.some((event) => event.leg === muted.leg && event.type === "held"),
    "the hold",
  );
  const talking = await call(1);
  const before = silences(muted.leg);
  talking.at.audio.pause();
  await waitFor(() => silences(talking.leg) >= 2, "the other's silence");
  expect(silences(muted.leg)).toBe(before);
  await Promise.all([muted.at.hangup(), talking.at.hangup()]);
  await waitFor(() => ended(muted.leg) && ended(talking.leg), "both ends");
  expect(ended(muted.leg)).toMatchObject({ cause: "normal", by: "remote" });
});

test("while voice comes nobody is asked; phones that vanish are ended as lost, with nothing left", async () => {
  const [one, two] = [await call(0), await call(1)];
  await waitFor(() => one.at.audio.packetsSent > (2 * SILENT_MS) / 20, "a while of talk");
  expect(silences(one.leg)).toBe(0);
  await Promise.all(phones.map((phone) => phone.vanish()));
  const ends = await waitFor(() => {
    const both = [ended(one.leg), ended(two.leg)];
    return both.every((event) => event !== undefined) ? both : undefined;
  }, "the end of both calls");
  for (const end of ends) expect(end).toMatchObject({ cause: "lost", by: "system" });
  await waitFor(async () => {
    const { legs, dialogs, media } = await sip.stats();
    return legs === 0 && dialogs === 0 && media.channels === 0 && media.rtpengine.calls === 0;
  }, "nothing to be left");
});

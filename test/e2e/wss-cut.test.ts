/** A browser phone whose WebSocket is cut in the middle of a call: the voice goes on, it comes back, both can hang up. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { connect, createServer, type Server, type Socket } from "node:net";
import { createWeb, type WebServer } from "../../ui/server.ts";
import { type Exchange, nextCall, startExchange, toneOf } from "../kit/exchange.ts";
import { secretOf } from "../kit/office.ts";
import { BrowserPhone } from "../kit/softphone.ts";
import { waitFor } from "../kit/wait.ts";

setDefaultTimeout(60_000);

const MICROPHONE_HZ = 1600;
let x: Exchange;
let web: WebServer;
let line: Server;
let phone: BrowserPhone;
const wires = new Set<Socket>();
let origin = "";

beforeAll(async () => {
  x = await startExchange({ https: true });
  web = await createWeb(x.app).listen("127.0.0.1", 0);
  await x.phone("1002");
  line = createServer((near) => {
    const far = connect(web.httpsPort, "127.0.0.1");
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      wires.add(from);
      from.on("error", () => {});
      from.on("close", () => {
        wires.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => line.listen(0, "127.0.0.1", resolve));
  const address = line.address();
  origin = `127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
  phone = await BrowserPhone.open(`https://${origin}`, MICROPHONE_HZ);
  expect(await phone.ask("register", `wss://${origin}/sip`, "1001", "zongji", secretOf("1001"))).toBe(
    "registered",
  );
}, 60_000);
afterAll(async () => {
  await phone?.close();
  line?.close();
  for (const wire of wires) wire.destroy();
  await web?.stop();
  await x?.stop();
}, 40_000);

const sources = () =>
  x.app.sip.devices.state(x.office.extensionIds["1001"] ?? 0).devices.map((device) => device.source);

for (const hangsUp of ["the desk phone", "the browser"] as const)
  test(`the call stands, the browser registers again, ${hangsUp} hangs up and the other is told`, async () => {
    const [desk] = x.phones;
    if (desk === undefined) throw new Error("no desk phone");
    const before = desk.calls.length;
    await phone.ask("dial", "1002", "zongji");
    const at = await nextCall(desk, before);
    await phone.logged("confirmed");
    await phone.hears(toneOf("1002"));
    const [former] = sources();
    for (const wire of wires) wire.destroy();
    await waitFor(
      () => sources().some((source) => source !== former && source.startsWith("wss:")),
      "the browser to register over a new connection",
      20_000,
    );
    await waitFor(() => at.hears(MICROPHONE_HZ), "the microphone at the desk phone", 8_000);
    await phone.hears(toneOf("1002"));
    if (hangsUp === "the browser") await phone.ask("hangUp");
    else await at.hangup();
    if (hangsUp === "the browser") expect(await at.ended).toMatchObject({ by: "remote" });
    else await phone.logged("ended remote");
    await waitFor(
      async () => {
        const stats = await x.app.sip.stats();
        return stats.legs === 0 && stats.media.channels === 0;
      },
      "all legs to be gone",
      8_000,
    );
  });

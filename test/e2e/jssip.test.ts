/** A browser phone: JsSIP in chromium over the ports of the pages (WS and WSS), with a microphone that plays a tone. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createWeb, type WebServer } from "../../ui/server.ts";
import { type Exchange, nextCall, startExchange, toneOf } from "../kit/exchange.ts";
import { secretOf } from "../kit/office.ts";
import { BrowserPhone } from "../kit/softphone.ts";
import { waitFor } from "../kit/wait.ts";

setDefaultTimeout(40_000);

const MICROPHONE_HZ = 1600;
let x: Exchange;
let web: WebServer;
let phone: BrowserPhone;

beforeAll(async () => {
  x = await startExchange({ https: true });
  web = await createWeb(x.app).listen("127.0.0.1", 0);
  await x.phone("1002");
}, 60_000);
afterAll(async () => {
  await web?.stop();
  await x?.stop();
}, 40_000);

const desk = () => {
  const [found] = x.phones;
  if (found === undefined) throw new Error("no desk phone");
  return found;
};
const quiet = () =>
  waitFor(
    async () => {
      const stats = await x.app.sip.stats();
      return stats.legs === 0 && stats.media.channels === 0 && stats.media.rtpengine.calls === 0;
    },
    "all legs and their media to be gone",
    8000,
  );

for (const scheme of ["wss", "ws"] as const)
  describe(scheme, () => {
    const port = () => (scheme === "wss" ? web.httpsPort : web.port);
    beforeAll(async () => {
      phone = await BrowserPhone.open(
        `${scheme === "wss" ? "https" : "http"}://127.0.0.1:${port()}`,
        MICROPHONE_HZ,
      );
    });
    afterAll(async () => {
      await phone.ask("leave");
      await phone.close();
      desk().behaviour = { kind: "answer", afterMs: 100 };
    });

    test("it registers; a wrong secret does not", async () => {
      const socket = `${scheme}://127.0.0.1:${port()}/sip`;
      expect(await phone.ask("register", socket, "1001", "zongji", "not the secret")).not.toBe("registered");
      await phone.ask("leave");
      expect(await phone.ask("register", socket, "1001", "zongji", secretOf("1001"))).toBe("registered");
      const sources = () =>
        x.app.sip.devices.state(x.office.extensionIds["1001"] ?? 0).devices.map(({ source }) => source);
      // The one of the other transport has said that it goes.
      await waitFor(() => sources().length === 1, "the only registration");
      expect(sources()[0]).toStartWith(`${scheme}:127.0.0.1:`);
    });

    test("it calls a desk phone: tones both ways under DTLS-SRTP, keys both ways, hold; it hangs up", async () => {
      const before = desk().calls.length;
      await phone.ask("dial", "1002", "zongji");
      const at = await nextCall(desk(), before);
      await phone.logged("confirmed");
      await phone.hears(toneOf("1002"));
      await waitFor(() => at.hears(MICROPHONE_HZ), "the microphone's tone at the desk phone", 8000);
      expect(await phone.ask("carried")).toMatchObject({
        codec: "audio/PCMA",
        cipher: expect.stringMatching(/AES/),
      });
      await phone.ask("press", "15#", "INFO");
      await waitFor(() => at.audio.keysReceived === "15#", "keys by INFO");
      await phone.ask("press", "27*", "RFC2833");
      await waitFor(() => at.audio.keysReceived === "15#27*", "keys by RFC 4733");
      expect(await phone.ask("hold", true)).toBe(true);
      await waitFor(() => !at.hears(MICROPHONE_HZ), "the held phone no longer to hear the microphone");
      expect(await phone.ask("hold", false)).toBe(true);
      await waitFor(() => at.hears(MICROPHONE_HZ), "the microphone again", 8000);
      await phone.hears(toneOf("1002"));
      await phone.ask("hangUp");
      expect(await at.ended).toMatchObject({ by: "remote" });
      await quiet();
    });

    test("a desk phone calls it: it is offered WebRTC and answers; the desk phone hangs up", async () => {
      const calls = await phone.ask("calls");
      const call = await desk().dial("1001");
      await phone.rings(calls);
      await phone.ask("answer");
      expect(await call.answered).toBe(true);
      await phone.hears(toneOf("1002"));
      await waitFor(() => call.hears(MICROPHONE_HZ), "the microphone's tone at the desk phone", 8000);
      await call.hangup();
      await phone.logged("ended remote");
      await quiet();
    });

    test("browser and desk phone of one extension: each gets its own offer, who answers talks", async () => {
      const other = await x.phone("1001", { hz: 400, behaviour: { kind: "ring" } });
      for (const winner of ["browser", "desk"] as const) {
        const [before, calls] = [other.calls.length, await phone.ask("calls")];
        const call = await desk().dial("1001");
        const at = await nextCall(other, before);
        await phone.rings(calls);
        expect(at.invite?.body).toMatch(/^m=audio \d+ RTP\/AVP /m);
        if (winner === "browser") await phone.ask("answer");
        else await at.answer();
        expect(await call.answered).toBe(true);
        await waitFor(() => call.hears(winner === "browser" ? MICROPHONE_HZ : 400), `the ${winner}`, 8000);
        await (winner === "browser" ? at.ended : phone.logged("failed remote"));
        await call.hangup();
        await quiet();
      }
      await other.stop();
    });

    test("it cancels its call, refuses a call, and its caller gives up", async () => {
      desk().behaviour = { kind: "ring" };
      const before = desk().calls.length;
      await phone.ask("dial", "1002", "zongji");
      const ringing = await nextCall(desk(), before);
      await phone.logged("progress");
      await phone.ask("hangUp");
      expect(await ringing.ended).toMatchObject({ status: 487 });
      await quiet();
      let calls = await phone.ask("calls");
      const refused = await desk().dial("1001");
      await phone.rings(calls);
      await phone.ask("hangUp");
      expect(await refused.answered).toBe(false);
      await quiet();
      calls = await phone.ask("calls");
      const given = await desk().dial("1001");
      await phone.rings(calls);
      await given.hangup();
      await phone.logged("failed remote Canceled");
      await quiet();
    });
  });

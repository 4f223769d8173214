/** Phones that are not ours: two baresips, each with its own tone, over UDP and TCP, in the clear and encrypted. */
import { expect, test } from "bun:test";
import { ownAddress } from "../../sip/index.ts";
import { tonesOnChannels } from "../kit/audio-proof.ts";
import { Baresip, type BaresipOptions } from "../kit/baresip.ts";
import { startExchange } from "../kit/exchange.ts";
import { secretOf } from "../kit/office.ts";
import { talk } from "../kit/voice.ts";
import { waitFor } from "../kit/wait.ts";

const MODES: readonly [string, BaresipOptions["mediaenc"], BaresipOptions["mediaenc"]][] = [
  ["in the clear", undefined, undefined],
  // A phone over UDP is offered plain voice first and refuses it; the other offers keys beside plain voice.
  ["one insists on SRTP, one takes it if it can", "srtp-mand", "srtp"],
];

// baresip refuses the loopback interface.
test.skipIf(ownAddress() === "127.0.0.1").each([...MODES])(
  "two baresips call each other through the exchange, talk, hold, hang up from either side: %s",
  async (_, first, second) => {
    const address = ownAddress();
    const x = await startExchange({ address, settings: { recordInternal: true } });
    const phones: Baresip[] = [];
    try {
      for (const [user, hz, transport, mediaenc] of [
        ["1001", 500, "udp", first],
        ["1002", 900, "tcp", second],
      ] as const)
        phones.push(
          await Baresip.start({
            ...{ user, password: secretOf(user), server: x.remote, address, hz, transport },
            ...(mediaenc === undefined ? {} : { mediaenc }),
          }),
        );
      const [one, two] = phones as [Baresip, Baresip];
      for (const number of ["1001", "1002"])
        await waitFor(
          () => x.app.sip.devices.state(x.office.extensionIds[number] ?? 0).online,
          `${number} to register`,
          8000,
        );
      one.command("dial", `sip:1002@${x.remote}`);
      await two.event("CALL_INCOMING");
      two.command("accept");
      await Promise.all([one.event("CALL_ESTABLISHED"), two.event("CALL_ESTABLISHED")]);
      await talk(x.app, 1500);
      const secured = [one, two].map((phone) =>
        phone.messages.some((message) => message.type === "CALL_MENC"),
      );
      // Called over TCP, the second is offered plain voice and can take it.
      expect(secured).toEqual([first !== undefined, false]);
      two.command("hold");
      const live = () => x.app.calls.live.picture().calls[0]?.stage;
      await waitFor(() => live() === "held", "the call to be held");
      two.command("resume");
      await waitFor(() => live() === "talking", "the call to be resumed");
      two.command("hangup");
      await one.event("CALL_CLOSED");
      const row = await x.ended(await x.journey("1001", "1002"));
      expect(row).toMatchObject({
        result: "answered",
        cause: "normal",
        hangup_by: "callee",
        hold_count: 1,
        agent_id: x.office.agentIds["1002"],
      });
      const [left, right] = await tonesOnChannels(x.recording(row.recording)?.file ?? "", [500, 900]);
      expect(left?.heard[500]).toBeGreaterThan(1000);
      expect(left?.heard[900]).toBe(0);
      expect(right?.heard[900]).toBeGreaterThan(1000);
      expect(right?.heard[500]).toBe(0);
      const file = await waitFor(() => one.heardFile(), "what 1001 heard");
      const [heard] = await tonesOnChannels(file, [500, 900]);
      expect(heard?.heard[900]).toBeGreaterThan(800);
      expect(heard?.heard[500]).toBe(0);

      two.command("dial", `sip:1001@${x.remote}`);
      await one.event("CALL_INCOMING");
      one.command("hangup");
      expect(await x.ended(await x.journey("1002", "1001"))).toMatchObject({
        cause: "callee-busy",
        hangup_by: "callee",
        talk_ms: 0,
      });
      one.clear();
      two.clear();
      two.command("dial", `sip:1001@${x.remote}`);
      await one.event("CALL_INCOMING");
      one.command("accept");
      await Promise.all([one.event("CALL_ESTABLISHED"), two.event("CALL_ESTABLISHED")]);
      if (first !== undefined) await Promise.all([one.event("CALL_MENC"), two.event("CALL_MENC")]);
      one.command("hangup");
      await two.event("CALL_CLOSED");
    } finally {
      await Promise.all(phones.map((phone) => phone.stop()));
      await x.stop();
    }
  },
  45_000,
);

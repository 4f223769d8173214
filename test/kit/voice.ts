/** Waiting for voice instead of for time: it has flowed for so long when so many packets of 20 ms have come. */
import type { App } from "../../appliance/app.ts";
import type { TestCall } from "../../sip/testphone/index.ts";
import { waitFor } from "./wait.ts";

const PACKET_MS = 20;
const patience = (ms: number) => 5000 + 3 * ms;

/** `ms` of voice have come to the exchange from every party that is answered now. @throws without such a party */
export async function talk(app: App, ms: number): Promise<void> {
  const legs = app.sip.legs.alive().flatMap(({ leg, state }) => (state === "answered" ? [leg] : []));
  if (legs.length === 0) throw new Error("Nobody talks");
  const counts = () => Promise.all(legs.map(async (leg) => (await app.sip.packetsIn(leg)) ?? 0));
  const before = await counts();
  const enough = (now: readonly number[]) =>
    now.every((count, index) => (count - (before[index] ?? 0)) * PACKET_MS >= ms);
  await waitFor(
    async () => enough(await counts()),
    `${ms} ms of voice from ${legs.length} parties`,
    patience(ms),
  );
}

/** `ms` of voice have come from the exchange to the phone of `call`. */
export async function listen(call: TestCall, ms: number): Promise<void> {
  const before = call.audio.packetsReceived;
  const heard = () => (call.audio.packetsReceived - before) * PACKET_MS;
  await waitFor(() => heard() >= ms, `${ms} ms of voice to the phone`, patience(ms));
}

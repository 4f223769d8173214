/** Between two tests at one exchange. */
import type { Exchange } from "./exchange.ts";
import { waitFor } from "./wait.ts";

/** Hangs all calls up, lets phones and carrier answer again, and waits until no call is left and all agents are idle. */
export async function rest(x: Exchange): Promise<void> {
  for (const agent of [...x.phones, x.carrier]) {
    for (const call of agent.calls) void call.hangup();
    agent.behaviour = { kind: "answer", afterMs: 100 };
  }
  await waitFor(async () => {
    const { legs, dialogs, media } = await x.app.sip.stats();
    return legs + dialogs + media.channels + media.rtpengine.calls === 0;
  }, "nothing to be left");
  const states = () => x.app.calls.live.picture().agents.map((agent) => agent.state);
  await waitFor(() => states().every((state) => state === "idle"), "all agents to be idle");
}

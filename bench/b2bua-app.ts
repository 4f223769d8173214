/** The smallest office on the engine, for the bench: each call goes on to the port given; a BYE of one side ends the other. */

import { SrfFacade } from "../sip/srf/facade.ts";
import { launchEngine } from "../sip/srf/launch.ts";

const [port = "0", target = ""] = process.argv.slice(2);
const engine = await launchEngine({
  contacts: [`sip:127.0.0.1:${port};transport=udp`],
  worker: true,
  undefended: true,
});
const facade = new SrfFacade();
facade.handle("INVITE", async (invite) => {
  const out = facade.invite({ method: "INVITE", uri: target, body: invite.body });
  const far = await out.dialog;
  if (!far) {
    await invite.respond((await out.final).status);
    return;
  }
  const near = await invite.accept({ body: far.remoteBody });
  if (!near) {
    await far.bye();
    return;
  }
  near.attach({ onEnd: () => void far.bye() });
  far.attach({ onEnd: () => void near.bye() });
});
await facade.connect(engine.agent);
console.log("ready");
process.on("SIGTERM", async () => {
  facade.stop();
  await engine.stop();
  process.exit(0);
});

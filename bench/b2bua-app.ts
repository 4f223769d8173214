/** The smallest office on an engine, for the bench: each call goes on to the address given; a BYE of one side ends the other. */

import { parseEngineAddress, SrfFacade } from "../sip/srf/facade.ts";

const [engine = "", target = ""] = process.argv.slice(2);
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
await facade.connect(parseEngineAddress(engine));
console.log("ready");
process.on("SIGTERM", () => {
  facade.stop();
  process.exit(0);
});

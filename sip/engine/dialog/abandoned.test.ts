import { expect, test } from "bun:test";
import { bare, call, field, LEFT, RIGHT } from "./fake-calls.ts";

/** The callee's phone from now on: bare answers instead of an engine. */
function takeOver(network: ReturnType<typeof call>["network"], answer: (text: string) => string | undefined) {
  const got: string[] = [];
  const send = network.peer(RIGHT, (text) => {
    got.push(text);
    const status = answer(text);
    if (status === undefined) return;
    const lines = ["Via", "From", "To", "Call-ID", "CSeq"].map((name) => `${name}: ${field(text, name)}`);
    send(
      LEFT,
      `SIP/2.0 ${status}\r\n${lines.join("\r\n")}\r\nContact: <sip:a b@${RIGHT}>\r\nContent-Length: 0\r\n\r\n`,
    );
  });
  return got;
}

test("a re-INVITE that only rings ends with its call, whoever hangs up", () => {
  for (const hangs of ["caller", "callee"]) {
    const { network, caller, left } = call();
    const got = takeOver(network, (text) =>
      text.startsWith("INVITE") ? "180 Ringing" : text.startsWith("BYE") ? "200 OK" : undefined,
    );
    caller.ask("INVITE", "v=0\r\n");
    network.clock.advance(1_000);
    const [invite = ""] = got;
    if (hangs === "caller") caller.ask("BYE");
    else
      network.peer(RIGHT, () => {})(
        LEFT,
        `BYE sip:a@${LEFT} SIP/2.0\r\nVia: SIP/2.0/UDP ${RIGHT};branch=z9hG4bKbye\r\nMax-Forwards: 70\r\nFrom: ${field(invite, "To")}\r\n` +
          `To: ${field(invite, "From")}\r\nCall-ID: ${field(invite, "Call-ID")}\r\nCSeq: 9 BYE\r\nContent-Length: 0\r\n\r\n`,
      );
    network.clock.advance(120_000);
    expect(left.layer.clientCount).toBe(0);
    expect(left.core.context.clients.size).toBe(0);
    expect(caller.answers("INVITE")).toEqual([hangs === "caller" ? "487" : "408"]);
  }
});

test("a Contact that cannot stand in a request line is not taken as the target", () => {
  const { network, caller } = call();
  const got = takeOver(network, (text) => (text.startsWith("ACK") ? undefined : "200 OK"));
  caller.ask("INVITE", "v=0\r\n");
  network.clock.advance(100);
  caller.ask("BYE");
  network.clock.advance(100);
  expect(got.map((text) => text.split("\r\n")[0])).toEqual([
    `INVITE sip:bob@${RIGHT}:5060 SIP/2.0`,
    `ACK sip:bob@${RIGHT}:5060 SIP/2.0`,
    `BYE sip:bob@${RIGHT}:5060 SIP/2.0`,
  ]);
});

test("a phone that answers after its caller's app has gone gets ACK and BYE", () => {
  const scene = bare();
  scene.app.say(
    "||",
    `INVITE sip:p@${RIGHT} SIP/2.0\r\nFrom: <sip:me@${LEFT}>;tag=me\r\nCall-ID: c1\r\n\r\n`,
  );
  scene.network.clock.advance(20);
  scene.respond("INVITE", "180 Ringing", "p");
  scene.left.core.onGone(scene.app);
  scene.network.clock.advance(5_000);
  scene.respond("INVITE", "200 OK", "p");
  const methods = scene.got.map((text) => text.split(" ")[0]);
  expect(methods.slice(0, 2)).toEqual(["INVITE", "CANCEL"]);
  expect(methods.slice(-2)).toEqual(["ACK", "BYE"]);
  scene.respond("BYE", "200 OK", "p");
  scene.network.clock.advance(200_000);
  expect(scene.left.core.context.dialogs.size + scene.left.layer.clientCount + scene.left.wheel.size).toBe(0);
});

/** The whole exchange by TLS: SIP and HTTPS under the office's own authority, a softphone by WSS on the web port. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { connect } from "node:tls";
import type { App } from "../../appliance/app.ts";
import { compose } from "../../appliance/compose.ts";
import { SYSTEM_ACTOR } from "../../appliance/kernel.ts";
import { createWeb, type WebServer } from "../../ui/server.ts";
import { CARRIER_ADDRESS, Place } from "../kit/exchange.ts";
import { furnish, secretOf } from "../kit/office.ts";
import { freePort, waitFor } from "../kit/wait.ts";

setDefaultTimeout(30_000);

let place: Place;
let app: App;
let web: WebServer;
let ca = "";
let tlsPort = 0;

beforeAll(async () => {
  place = await Place.make();
  tlsPort = await freePort();
  const { sip, web: pages } = place.config;
  app = await compose(
    {
      ...place.config,
      web: { ...pages, httpsPort: await freePort() },
      sip: { ...sip, contacts: [...sip.contacts, `sip:127.0.0.1:${tlsPort};transport=tls`] },
    },
    { log: () => {} },
  );
  place.office = await furnish(app, { host: CARRIER_ADDRESS, port: place.carrierPort }, {});
  web = await createWeb(app).listen("127.0.0.1", 0);
  ca = app.certificates.authority(SYSTEM_ACTOR);
});
afterAll(async () => {
  await web?.stop();
  await app?.stop();
  await place?.closePlace();
});

const md5 = (text: string) => createHash("md5").update(text).digest("hex");

/** REGISTER of extension 1001; with the challenge of a 401 it answers that. */
function register(via: string, contact: string, cseq: number, challenge = ""): string {
  const uri = "sip:127.0.0.1";
  const value = (name: string) => new RegExp(`${name}="?([^",]+)`).exec(challenge)?.[1] ?? "";
  const ha1 = md5(`1001:${value("realm")}:${secretOf("1001")}`);
  const response = md5(`${ha1}:${value("nonce")}:00000001:abc:auth:${md5(`REGISTER:${uri}`)}`);
  return [
    `REGISTER ${uri} SIP/2.0`,
    `Via: SIP/2.0/${via} 192.0.2.9:7;branch=z9hG4bK${via}${cseq}`,
    "Max-Forwards: 70",
    `From: <sip:1001@127.0.0.1>;tag=${via}`,
    "To: <sip:1001@127.0.0.1>",
    `Call-ID: secure-${via}`,
    `CSeq: ${cseq} REGISTER`,
    `Contact: <${contact}>`,
    "Expires: 300",
    ...(challenge === ""
      ? []
      : [
          `Authorization: Digest username="1001", realm="${value("realm")}", nonce="${value("nonce")}", uri="${uri}", ` +
            `response="${response}", algorithm=MD5, qop=auth, nc=00000001, cnonce="abc"`,
        ]),
    "Content-Length: 0",
    "",
    "",
  ].join("\r\n");
}

/** Registers over anything that carries text; @returns the source the exchange keeps for it. */
async function signIn(send: (text: string) => void, got: () => string, via: string, contact: string) {
  send(register(via, contact, 1));
  const challenge = await waitFor(
    () => /^WWW-Authenticate: (Digest .*algorithm=MD5.*|Digest (?!.*algorithm).*)$/im.exec(got())?.[1],
    "a challenge",
  );
  send(register(via, contact, 2, challenge));
  await waitFor(() => /SIP\/2.0 200/.test(got()), "the registration");
  const extension = place.office.extensionIds["1001"] ?? 0;
  return waitFor(
    () => app.sip.devices.state(extension).devices.find((device) => device.contact === contact)?.source,
    "the device",
  );
}

test("a phone that trusts the office's authority registers by TLS", async () => {
  let text = "";
  const socket = connect({ host: "127.0.0.1", port: tlsPort, ca });
  socket.on("data", (bytes) => {
    text += bytes.toString();
  });
  await new Promise((resolve, reject) => {
    socket.once("secureConnect", resolve);
    socket.once("error", reject);
  });
  expect(socket.authorized).toBe(true);
  const contact = "sip:1001@192.0.2.9:7;transport=tls";
  const source = await signIn(
    (part) => socket.write(part),
    () => text,
    "TLS",
    contact,
  );
  expect(source).toMatch(/^tls:127\.0\.0\.1:\d+$/);
  socket.destroy();
});

test("a softphone registers by WSS on the port of the pages, and is gone with its socket", async () => {
  const Dial = WebSocket as unknown as new (url: string, options: object) => WebSocket;
  const socket = new Dial(`wss://127.0.0.1:${web.httpsPort}/sip`, { protocols: ["sip"], tls: { ca } });
  let text = "";
  socket.onmessage = (event) => {
    text += String(event.data);
  };
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  const before = (await app.sip.engine?.stats())?.connections ?? 0;
  const contact = "sip:web@q1w2.invalid;transport=ws";
  const source = await signIn(
    (part) => socket.send(part),
    () => text,
    "WSS",
    contact,
  );
  expect(source).toMatch(/^wss:127\.0\.0\.1:\d+$/);
  socket.close();
  await waitFor(async () => ((await app.sip.engine?.stats())?.connections ?? 99) < before, "the end");
});

test("the page of certificates shows them and gives the authority's to those who may", async () => {
  await app.people.resetAdministrator("boss", "correct horse 9");
  const origin = `https://127.0.0.1:${web.httpsPort}`;
  const signedIn = await fetch(`${origin}/sign-in`, {
    method: "POST",
    redirect: "manual",
    headers: { origin, "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ username: "boss", password: "correct horse 9" }).toString(),
    tls: { ca },
  });
  const cookie = signedIn.headers.get("set-cookie") ?? "";
  expect(cookie).toMatch(/^__Host-zongji_session=.*; Secure/);
  const headers = { cookie: cookie.split(";")[0] ?? "" };
  const page = await (await fetch(`${origin}/certificates`, { headers, tls: { ca } })).text();
  expect(page).toContain(join(place.folder, "certificates", "server.pem"));
  expect(page).not.toContain("PRIVATE KEY");
  const file = await fetch(`${origin}/certificates/authority.pem`, { headers, tls: { ca } });
  expect(file.headers.get("content-type")).toBe("application/x-x509-ca-cert");
  expect(await file.text()).toBe(ca);
  const stranger = await fetch(`${origin}/certificates/authority.pem`, { redirect: "manual", tls: { ca } });
  expect(stranger.status).toBe(303);
});

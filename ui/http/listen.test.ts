/** The pages by HTTPS: the certificate a client asks for by name, versions of TLS, a renewal while streams are open. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { App } from "../../appliance/app.ts";
import { type Certificates, createCertificates } from "../../appliance/certificates/index.ts";
import { SYSTEM_ACTOR } from "../../appliance/kernel.ts";
import { freePort, waitFor } from "../../test/kit/wait.ts";
import { listenWeb, type WebServer } from "./listen.ts";

let folder: string;
let certificates: Certificates;
let web: WebServer;
let hosts: readonly string[] = [];
let streamEnd: (() => void) | undefined;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "zongji-https-"));
  certificates = await createCertificates({ folder, names: ["pbx.office"] });
  const app = {
    config: { web: { httpsPort: await freePort("127.0.0.1") } },
    certificates,
    sip: { engine: undefined },
  } as unknown as App;
  const answer = async (request: Request, address: string): Promise<Response> => {
    if (!request.url.endsWith("/stream")) return new Response(`${new URL(request.url).protocol} ${address}`);
    return new Response(
      new ReadableStream({
        start(controller) {
          controller.enqueue("begin ");
          streamEnd = () => {
            controller.enqueue("end");
            controller.close();
          };
        },
      }),
    );
  };
  web = await listenWeb(app, answer, "127.0.0.1", 0);
  hosts = certificates.list(SYSTEM_ACTOR).rows[1]?.names ?? [];
});
afterAll(async () => {
  await web.stop();
  certificates.stop();
  rmSync(folder, { recursive: true });
});

const trusting = () => ({ tls: { ca: certificates.authority(SYSTEM_ACTOR) } });

async function openssl(...more: string[]): Promise<string> {
  const args = ["s_client", "-connect", `127.0.0.1:${web.httpsPort}`, "-CAfile", join(folder, "ca.pem")];
  const child = Bun.spawn(["openssl", ...args, ...more], { stdin: "pipe", stdout: "pipe", stderr: "pipe" });
  child.stdin.end();
  return (await new Response(child.stdout).text()) + (await new Response(child.stderr).text());
}

function give(name: string): void {
  const made = Bun.spawnSync([
    "openssl",
    ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30".split(" "),
    ...["-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${name}`],
    ...["-out", join(folder, "own", `${name}.pem`), "-keyout", join(folder, "own", `${name}-key.pem`)],
  ]);
  expect(made.exitCode).toBe(0);
}

test("both schemes are served with the client's address; the chain is trusted by the authority", async () => {
  expect(await (await fetch(`http://127.0.0.1:${web.port}/`)).text()).toBe("http: 127.0.0.1");
  const secure = await fetch(`https://127.0.0.1:${web.httpsPort}/`, trusting());
  expect(await secure.text()).toBe("https: 127.0.0.1");
  expect(fetch(`https://127.0.0.1:${web.httpsPort}/`)).rejects.toThrow();
  expect(hosts).toContain("pbx.office");
  const seen = await openssl("-verify_hostname", "pbx.office", "-verify_return_error");
  expect(seen).toContain("Verify return code: 0 (ok)");
});

test("TLS 1.2 and 1.3, nothing older", async () => {
  const old = ["-cipher", "ALL:@SECLEVEL=0"];
  expect(await openssl("-tls1_2")).toMatch(/Cipher is (?!\(NONE\))/);
  expect(await openssl("-tls1_3")).toMatch(/Cipher is (?!\(NONE\))/);
  expect(await openssl("-tls1_1", ...old)).not.toMatch(/Cipher is (?!\(NONE\))/);
  expect(await openssl("-tls1", ...old)).not.toMatch(/Cipher is (?!\(NONE\))/);
});

test("a certificate given while it runs is shown to those who ask for its name; open streams go on", async () => {
  expect(await openssl("-servername", "shop.example")).not.toContain("subject=CN = shop.example");
  const stream = await fetch(`https://127.0.0.1:${web.httpsPort}/stream`, trusting());
  const reader = stream.body?.getReader();
  expect(Buffer.from((await reader?.read())?.value ?? "").toString()).toBe("begin ");
  give("shop.example");
  await certificates.refresh();
  expect(await openssl("-servername", "shop.example")).toMatch(/subject=CN ?= ?shop\.example/);
  expect(await openssl("-servername", "pbx.office")).not.toMatch(/subject=CN ?= ?shop\.example/);
  expect(await openssl("-noservername")).not.toMatch(/subject=CN ?= ?shop\.example/);
  streamEnd?.();
  expect(Buffer.from((await reader?.read())?.value ?? "").toString()).toBe("end");
});

test("one address keeps a thousand connections; those beyond are answered and closed", async () => {
  const get = () => fetch(`http://127.0.0.1:${web.port}/`, { keepalive: false });
  expect((await get()).headers.get("connection")).not.toBe("close");
  const open: Socket[] = [];
  const ask = () =>
    new Promise<string>((resolve, reject) => {
      const socket = connect({ port: web.port, host: "127.0.0.1", localAddress: "127.0.0.66" });
      open.push(socket);
      socket.on("error", reject);
      socket.on("data", (bytes) => resolve(bytes.toString("latin1")));
      socket.on("connect", () => socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    });
  for (let hundred = 0; hundred < 10; hundred++)
    for (const text of await Promise.all(Array.from({ length: 100 }, ask)))
      expect(text).not.toMatch(/^connection: close/im);
  const beyond = await ask();
  expect(beyond).toMatch(/^HTTP\/1.1 200 .*^connection: close/ims);
  const last = open.at(-1);
  await waitFor(() => last?.destroyed || last?.readableEnded, "the connection to be closed");
  // Another address is served as ever.
  expect((await get()).headers.get("connection")).not.toBe("close");
  for (const socket of open) socket.destroy();
}, 20_000);

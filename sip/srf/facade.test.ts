import { afterEach, describe, expect, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import { parseEngineAddress, SrfFacade } from "./facade.ts";
import type { DialogEnd, IncomingRequest } from "./model.ts";

const SDP = "v=0\r\nm=audio 4000 RTP/AVP 8\r\n";

/** The agent protocol's server side, as far as a script needs it. */
class ScriptedEngine {
  readonly frames: string[] = [];
  #socket: Socket | undefined;
  #server: Server;
  #buffer = "";
  #waiters: (() => void)[] = [];
  #next = 0;

  private constructor(readonly secret: string) {
    this.#server = createServer((socket) => {
      this.#socket = socket;
      this.#buffer = "";
      socket.on("error", () => {});
      socket.on("data", (bytes) => this.#data(bytes.toString("latin1")));
    });
  }

  static async start(secret = "s"): Promise<ScriptedEngine> {
    const engine = new ScriptedEngine(secret);
    await new Promise<void>((resolve) => engine.#server.listen(0, "127.0.0.1", resolve));
    return engine;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  drop(): void {
    this.#socket?.destroy();
  }

  stop(): void {
    this.drop();
    this.#server.close();
  }

  send(payload: string): void {
    this.#socket?.write(`${Buffer.byteLength(payload)}#${payload}`);
  }

  /** The next frame whose payload holds `text`. */
  async frame(text: string): Promise<string> {
    for (;;) {
      while (this.#next < this.frames.length) {
        const frame = this.frames[this.#next++] ?? "";
        if (frame.includes(text)) return frame;
      }
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }

  /** Answers a request frame of the application with an echo; gives the transaction id. */
  echo(frame: string, uri: string, extra: string): string {
    const id = frame.split("|")[0] ?? "";
    const method = /\r\n([A-Z]+) /.exec(frame)?.[1] ?? "";
    const cseq = /CSeq: (\d+)/i.exec(frame)?.[1] ?? "1";
    const txn = crypto.randomUUID();
    const message = `${method} ${uri} SIP/2.0\r\n${extra}CSeq: ${cseq} ${method}\r\nContent-Length: 0\r\n\r\n`;
    this.send(
      `${id}|response|${id}|OK|application|99|udp|10.0.0.9|5060|00:00:00.000000|${txn}|Msg sent:|\r\n${message}`,
    );
    return txn;
  }

  respond(txn: string, dialog: string, head: string, method: string, headers: string, body = ""): void {
    const message = `SIP/2.0 ${head}\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@h>;tag=l\r\nTo: <sip:b@h>;tag=r\r\nCall-ID: c1\r\nCSeq: 1 ${method}\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`;
    this.send(`u|sip|network|99|udp|10.0.0.9|5060|00:00:00.000000|${txn}|${dialog}|\r\n${message}`);
  }

  #data(text: string): void {
    this.#buffer += text;
    for (;;) {
      const hash = this.#buffer.indexOf("#");
      const length = Number(this.#buffer.slice(0, hash));
      if (hash < 0 || this.#buffer.length < hash + 1 + length) return;
      const payload = this.#buffer.slice(hash + 1, hash + 1 + length);
      this.#buffer = this.#buffer.slice(hash + 1 + length);
      const [id = "", verb, argument] = payload.split(/[|\r]/);
      if (verb === "authenticate") {
        this.send(
          argument === this.secret
            ? `u|response|${id}|OK|udp/10.0.0.1:5060|v0.9.10|`
            : `u|response|${id}|NO|incorrect secret`,
        );
      } else if (verb === "sip") {
        this.frames.push(payload);
        for (const wake of this.#waiters.splice(0)) wake();
      } else this.send(`u|response|${id}|OK|`);
    }
  }
}

const open: { stop(): void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.stop();
});
async function pair(): Promise<{ engine: ScriptedEngine; facade: SrfFacade }> {
  const engine = await ScriptedEngine.start();
  const facade = new SrfFacade();
  open.push(facade, engine);
  await facade.connect({ host: "127.0.0.1", port: engine.port, secret: "s" });
  return { engine, facade };
}
const HEAD = "From: <sip:a@h>;tag=l\r\nTo: <sip:b@h>\r\nCall-ID: c1\r\n";

async function answeredCall(engine: ScriptedEngine, facade: SrfFacade) {
  const call = facade.invite({
    method: "INVITE",
    uri: "sip:b@carrier.cn",
    body: SDP,
    credentials: { username: "acct", password: "pw" },
  });
  const txn = engine.echo(await engine.frame("INVITE"), "sip:b@carrier.cn", HEAD);
  engine.respond(txn, "c1;from-tag=l", "200 OK", "INVITE", "Contact: <sip:b@10.0.0.9>\r\n", SDP);
  const dialog = await call.dialog;
  if (dialog === undefined) throw new Error("no dialog");
  await engine.frame("ACK");
  return dialog;
}

describe("the stack over drachtio-srf", () => {
  test("engine addresses", () => {
    expect(parseEngineAddress("drachtio://cymru@10.0.0.5:9023")).toEqual({
      host: "10.0.0.5",
      port: 9023,
      secret: "cymru",
    });
    expect(parseEngineAddress("drachtio://x@[::1]")).toEqual({ host: "::1", port: 9022, secret: "x" });
    expect(() => parseEngineAddress("http://x")).toThrow("Not an engine address");
  });

  test("a wrong secret is said to be refused", async () => {
    const engine = await ScriptedEngine.start("right");
    const facade = new SrfFacade();
    open.push(facade, engine);
    const joined = facade.connect({ host: "127.0.0.1", port: engine.port, secret: "wrong" });
    await expect(joined).rejects.toMatchObject({ code: "engine-refused" });
  });

  test("a request arrives, two challenges leave on lines of their own, and no header can be smuggled in", async () => {
    const { engine, facade } = await pair();
    const got = Promise.withResolvers<IncomingRequest>();
    facade.handle("REGISTER", got.resolve);
    engine.send(
      `u|sip|network|99|udp|192.168.1.9|5061|00:00:00.000000|t1||10.0.0.1|5060|\r\nREGISTER sip:z SIP/2.0\r\n${HEAD}CSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n`,
    );
    const request = await got.promise;
    expect(request.source).toEqual({ protocol: "udp", address: "192.168.1.9", port: 5061 });
    void request.respond(401, {
      headers: { "WWW-Authenticate": ["Digest a=1", "Digest b=2"], "X-Note": "a\r\nX-Evil: 1" },
    });
    const frame = await engine.frame("401");
    expect(frame.match(/^WWW-Authenticate: Digest [ab]=\d$/gim)).toHaveLength(2);
    expect(frame).not.toMatch(/^X-Evil/m);
  });

  test("a challenged INVITE is sent again with the same Call-ID and tag, CSeq + 1 and SHA-256", async () => {
    const { engine, facade } = await pair();
    const call = facade.invite({
      method: "INVITE",
      uri: "sip:b@carrier.cn",
      body: SDP,
      credentials: { username: "acct", password: "pw" },
    });
    const txn = engine.echo(await engine.frame("INVITE"), "sip:b@carrier.cn", HEAD);
    engine.respond(
      txn,
      "",
      "407 Auth",
      "INVITE",
      'Proxy-Authenticate: Digest realm="c", nonce="n", algorithm=SHA-256, qop="auth"\r\n',
    );
    const again = await engine.frame("Proxy-Authorization");
    expect(again).toMatch(/CSeq: 2 INVITE/);
    expect(again).toMatch(/call-id: c1/i);
    expect(again).toMatch(/From: <sip:a@h>;tag=l/);
    expect(again).toMatch(/algorithm=SHA-256/);
    expect(again.split("\r\n")[0]).toContain("|sip:10.0.0.9:5060;transport=udp");
    const second = engine.echo(again, "sip:b@carrier.cn", HEAD);
    engine.respond(
      second,
      "",
      "407 Auth",
      "INVITE",
      'Proxy-Authenticate: Digest realm="c", nonce="m", algorithm=SHA-256, qop="auth"\r\n',
    );
    expect(await call.final).toMatchObject({ status: 407 });
    expect(await call.dialog).toBeUndefined();
  });

  test("INVITE and its 2xx say what we take (RFC 3261 §13.2.1), a refusal and other requests do not", async () => {
    const { engine, facade } = await pair();
    facade.invite({ method: "INVITE", uri: "sip:b@carrier.cn", body: SDP });
    const said = /^allow: INVITE,.*\bREFER\b.*\bUPDATE\b[\s\S]*^supported: replaces,timer\r$/im;
    expect(await engine.frame("INVITE sip:b")).toMatch(said);
    facade.request({ method: "OPTIONS", uri: "sip:b@carrier.cn" });
    expect(await engine.frame("OPTIONS sip:b")).not.toMatch(/^(allow|supported):/im);
    facade.handle(
      "INVITE",
      (request) => void (request.callId === "yes" ? request.accept({}) : request.respond(486)),
    );
    const ring = async (callId: string, answer: string) => {
      engine.send(
        `u|sip|network|99|udp|192.168.1.9|5061|00:00:00.000000|t-${callId}||10.0.0.1|5060|\r\nINVITE sip:z SIP/2.0\r\n${HEAD.replace("c1", callId)}CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n`,
      );
      return engine.frame(`SIP/2.0 ${answer}`);
    };
    expect(await ring("yes", "200")).toMatch(said);
    expect(await ring("no", "486")).not.toMatch(/^(allow|supported):/im);
  });

  test("a challenged BYE is answered over the real Request-URI", async () => {
    const { engine, facade } = await pair();
    const dialog = await answeredCall(engine, facade);
    const bye = dialog.bye();
    const txn = engine.echo(await engine.frame("BYE"), "sip:b@10.0.0.9:5070", HEAD);
    engine.respond(
      txn,
      "c1;from-tag=l",
      "401 Auth",
      "BYE",
      'WWW-Authenticate: Digest realm="c", nonce="n", qop="auth-int"\r\n',
    );
    const again = await engine.frame("Authorization");
    expect(again).toContain('uri="sip:b@10.0.0.9:5070"');
    expect(again).toContain("qop=auth-int");
    expect(again.split("\r\n")[0]).toContain("|c1;from-tag=l");
    engine.respond(engine.echo(again, "sip:b@10.0.0.9:5070", HEAD), "c1;from-tag=l", "200 OK", "BYE", "");
    expect(await bye).toMatchObject({ status: 200 });
    expect(facade.dialogs()).toEqual([]);
  });

  test("CANCEL waits for the request to be out, and an answer that crosses it is ended", async () => {
    const { engine, facade } = await pair();
    const call = facade.invite({ method: "INVITE", uri: "sip:b@h", body: SDP });
    const frame = await engine.frame("INVITE");
    call.cancel({ Reason: "SIP;cause=200" });
    const txn = engine.echo(frame, "sip:b@h", HEAD);
    expect(await engine.frame("CANCEL")).toContain(txn);
    engine.respond(txn, "c1;from-tag=l", "200 OK", "INVITE", "Contact: <sip:b@10.0.0.9>\r\n", SDP);
    await engine.frame("ACK");
    await engine.frame("BYE");
    expect(await call.dialog).toBeUndefined();
  });

  test("losing the engine ends calls as lost, and the connection comes back", async () => {
    const { engine, facade } = await pair();
    const dialog = await answeredCall(engine, facade);
    const ended = Promise.withResolvers<DialogEnd>();
    dialog.attach({ onEnd: ended.resolve });
    const pending = facade.request({ method: "OPTIONS", uri: "sip:x" });
    await engine.frame("OPTIONS");
    const back = Promise.withResolvers<void>();
    facade.onConnection((connected) => {
      if (connected) back.resolve();
    });
    engine.drop();
    expect(await ended.promise).toMatchObject({ by: "system", lost: true });
    expect(await pending.final).toMatchObject({ status: 503, origin: "local" });
    expect(await facade.request({ method: "OPTIONS", uri: "sip:x" }).final).toMatchObject({
      origin: "local",
    });
    await back.promise;
    expect(facade.connected).toBe(true);
  });

  test("who asks by OPTIONS after a call that is not gets 481", async () => {
    const { engine } = await pair();
    engine.send(
      "o|sip|network|99|udp|1.2.3.4|5061|00:00:00.000000|t9|gone|\r\nOPTIONS sip:z SIP/2.0\r\nFrom: <sip:a@h>;tag=l\r\nTo: <sip:a@h>;tag=r\r\nCall-ID: gone\r\nCSeq: 2 OPTIONS\r\nContent-Length: 0\r\n\r\n",
    );
    expect(await engine.frame("SIP/2.0 481")).toContain("t9");
  });

  test("the engine's own BYE ends the dialog as its doing", async () => {
    const { engine, facade } = await pair();
    const dialog = await answeredCall(engine, facade);
    const ended = Promise.withResolvers<DialogEnd>();
    dialog.attach({ onEnd: ended.resolve });
    engine.send(
      `u|sip|application|99|udp|10.0.0.9|5060|00:00:00.000000|unsolicited|c1;from-tag=l|\r\nBYE sip:b@h SIP/2.0\r\n${HEAD}CSeq: 2 BYE\r\nReason: SIP;cause=200;text="ACK timeout"\r\nContent-Length: 0\r\n\r\n`,
    );
    expect(await ended.promise).toEqual({ by: "system", reason: "ACK timeout", lost: false });
  });

  test("a frame too large for the real server is not sent", async () => {
    const { facade } = await pair();
    const reply = await facade.request({ method: "MESSAGE", uri: "sip:x", body: "x".repeat(12_000) }).final;
    expect(reply).toMatchObject({ status: 513, origin: "local" });
  });
});

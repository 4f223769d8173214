/**
 * A load generator that keeps a fixed number of transactions open and starts the next when one ends: what it drives is
 * never overloaded, so that CPU per transaction can be told on a busy machine too. It repeats nothing; what gets no
 * answer in two seconds counts as lost.
 */
import { createHash } from "node:crypto";
import { enlargeReceiveBuffer } from "../sip/engine/transport/buffers.ts";

export interface GeneratorTarget {
  readonly address: string;
  readonly port: number;
}

export interface GeneratorUser {
  readonly number: string;
  readonly secret: string;
}

export interface GeneratorResult {
  readonly succeeded: number;
  /** Other final answers than expected. */
  readonly failed: number;
  readonly lost: number;
  readonly seconds: number;
  /** From the first request of a transaction to its last answer, ms. */
  readonly times: number[];
}

/** A challenge somebody has answered already: its nonce is good for more, with the next count (RFC 7616 §3.4). */
interface Known {
  readonly realm: string;
  readonly nonce: string;
  count: number;
}

interface Open {
  readonly started: number;
  readonly at: number;
  readonly challenged: boolean;
}

const LOST_MS = 2000;

function md5(text: string): string {
  return createHash("md5").update(text).digest("hex");
}

/**
 * Sends `count` REGISTERs with digest (each: a challenge and its answer) or OPTIONS, `window` of them open at any time.
 * `perSecond` slows it down to that rate. `knowing`: as phones that register again, with the nonce they were given once
 * and no new challenge.
 */
export async function generate(
  kind: "REGISTER" | "OPTIONS",
  target: GeneratorTarget,
  users: readonly GeneratorUser[],
  options: {
    readonly count: number;
    readonly window: number;
    readonly perSecond?: number;
    readonly knowing?: boolean;
  },
): Promise<GeneratorResult> {
  const { count, window, perSecond, knowing = false } = options;
  const known = new Map<number, Known>();
  const done = Promise.withResolvers<void>();
  const open = new Map<string, Open>();
  const times: number[] = [];
  const run = crypto.randomUUID().slice(0, 8);
  let [started, succeeded, failed, lost] = [0, 0, 0, 0];
  let out: (string | number)[] = [];
  let flushing = false;
  const socket = await Bun.udpSocket({
    hostname: "127.0.0.1",
    port: 0,
    binaryType: "buffer",
    socket: { data: (_, bytes) => receive(bytes.toString("latin1")) },
  });
  enlargeReceiveBuffer(socket);

  function send(text: string): void {
    out.push(text, target.port, target.address);
    if (flushing) return;
    flushing = true;
    setImmediate(() => {
      flushing = false;
      const batch = out;
      out = [];
      let sent = socket.sendMany(batch);
      // The system's buffer may be full for a moment: what did not leave is tried again one by one.
      for (; sent < batch.length / 3; sent++) {
        const [text, port, address] = batch.slice(sent * 3, sent * 3 + 3);
        socket.send(String(text), Number(port), String(address));
      }
    });
  }

  function request(n: number, cseq: number, authorization: string): string {
    const user = users[n % users.length];
    const number = user?.number ?? "";
    const uri = `sip:${target.address}:${target.port}`;
    const head = `${kind} ${uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:${socket.port};rport;branch=z9hG4bK${run}-${n}-${cseq}\r\nMax-Forwards: 70\r\nFrom: <sip:${number}@${target.address}>;tag=${run}${n}\r\nTo: <sip:${number}@${target.address}>\r\nCall-ID: ${run}-${n}\r\nCSeq: ${cseq} ${kind}\r\n`;
    const contact =
      kind === "REGISTER"
        ? `Contact: <sip:${number}@127.0.0.1:${socket.port}>\r\nExpires: 300\r\n${authorization}`
        : "";
    return `${head}${contact}User-Agent: bench\r\nContent-Length: 0\r\n\r\n`;
  }

  /** The next use of that challenge by that user. */
  function authorization(userAt: number, challenge: Known): string {
    const user = users[userAt];
    const uri = `sip:${target.address}:${target.port}`;
    const ha1 = md5(`${user?.number}:${challenge.realm}:${user?.secret}`);
    const nc = (++challenge.count).toString(16).padStart(8, "0");
    const response = md5(`${ha1}:${challenge.nonce}:${nc}:c:auth:${md5(`${kind}:${uri}`)}`);
    return `Authorization: Digest username="${user?.number}", realm="${challenge.realm}", nonce="${challenge.nonce}", uri="${uri}", response="${response}", algorithm=MD5, qop=auth, nc=${nc}, cnonce="c"\r\n`;
  }

  function next(): void {
    const now = performance.now();
    const due = perSecond === undefined ? count : Math.min(count, ((now - begun) / 1000) * perSecond);
    while (started < due && open.size < window) {
      const n = started++;
      open.set(`${run}-${n}`, { started: now, at: now, challenged: false });
      const challenge = known.get(n % users.length);
      send(request(n, 1, challenge ? authorization(n % users.length, challenge) : ""));
    }
    if (succeeded + failed + lost >= count) done.resolve();
  }

  function receive(text: string): void {
    const status = Number(text.slice(8, 11));
    const callId = /\r\ncall-id: *([^\r]+)/i.exec(text)?.[1] ?? "";
    const one = open.get(callId);
    if (!text.startsWith("SIP/2.0 ") || one === undefined || status < 200) return;
    const now = performance.now();
    if (status === 401 && !one.challenged) {
      const challenge = /\r\nwww-authenticate: *digest ([^\r]*md5[^\r]*)/i.exec(text)?.[1] ?? "";
      const realm = /realm="([^"]*)"/.exec(challenge)?.[1] ?? "";
      const nonce = /nonce="([^"]*)"/.exec(challenge)?.[1] ?? "";
      const n = Number(callId.slice(run.length + 1));
      const answered: Known = { realm, nonce, count: 0 };
      if (knowing) known.set(n % users.length, answered);
      open.set(callId, { ...one, at: now, challenged: true });
      send(request(n, 2, authorization(n % users.length, answered)));
      return;
    }
    open.delete(callId);
    if (status === 200) {
      succeeded++;
      times.push(now - one.started);
    } else failed++;
    next();
  }

  const begun = performance.now();
  const timer = setInterval(
    () => {
      const now = performance.now();
      for (const [callId, one] of open) {
        if (now - one.at < LOST_MS) break;
        open.delete(callId);
        lost++;
      }
      next();
    },
    perSecond === undefined ? 100 : 2,
  );
  next();
  await done.promise;
  clearInterval(timer);
  const seconds = (performance.now() - begun) / 1000;
  socket.close();
  return { succeeded, failed, lost, seconds, times };
}

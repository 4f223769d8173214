/** The hostile side of a fuzzed exchange: knows how SIP goes, and bends every second message. */
import { mutate } from "./parser.ts";

const REQUESTS = [
  "INVITE",
  "INVITE",
  "INVITE",
  "OPTIONS",
  "REGISTER",
  "SUBSCRIBE",
  "MESSAGE",
  "REFER",
  "NOTIFY",
  "PUBLISH",
  "FOO",
];
const IN_DIALOG = [
  "ACK",
  "ACK",
  "BYE",
  "INVITE",
  "UPDATE",
  "INFO",
  "PRACK",
  "CANCEL",
  "REFER",
  "NOTIFY",
  "SUBSCRIBE",
];
const STATUSES = [
  100, 180, 183, 199, 200, 200, 200, 202, 302, 380, 401, 403, 404, 407, 408, 420, 422, 423, 480, 481, 486,
  487, 488, 491, 494, 500, 503, 513, 600, 603, 606, 699,
];
const EXTRAS = [
  "Supported: 100rel, timer, replaces, path\r\n",
  "Require: 100rel\r\n",
  "Require: nothing-known\r\n",
  "Session-Expires: 90;refresher=uac\r\n",
  "Session-Expires: 10\r\nMin-SE: 5\r\n",
  "Session-Expires: 90;refresher=uas\r\n",
  "Min-SE: 4294967296\r\n",
  "Record-Route: <sip:192.0.2.66;lr>\r\n",
  "Record-Route: <sip:192.0.2.77>\r\nRecord-Route: <sip:[2001:db8::1];lr>\r\n",
  "Route: <sip:192.0.2.1;lr>\r\n",
  "RSeq: 1\r\nRequire: 100rel\r\n",
  "RSeq: 2\r\nRequire: 100rel\r\n",
  "RSeq: 4294967295\r\nRequire: 100rel\r\n",
  "RAck: 1 1 INVITE\r\n",
  "Replaces: nobody;to-tag=1;from-tag=2\r\n",
  "Refer-To: <sip:x@192.0.2.66?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>\r\n",
  "Event: refer\r\nSubscription-State: terminated;reason=timeout\r\n",
  "Event: presence\r\nExpires: 0\r\n",
  "Subscription-State: active;expires=99999999999\r\nEvent: dialog\r\n",
  'WWW-Authenticate: Digest realm="a",nonce="b",algorithm=MD5,qop="auth"\r\n',
  "Retry-After: 99999999999999999999\r\n",
  "Max-Forwards: 0\r\n",
  "Expires: -1\r\n",
  "Contact: *\r\n",
  "Contact: <sip:a@192.0.2.66>,<sip:b@192.0.2.66;transport=tcp>;q=0.1\r\n",
];

interface Known {
  readonly callId: string;
  /** Ours and theirs as From and To of the request that made it, ours first. */
  readonly ourTag: string;
  theirTag: string;
  cseq: number;
  readonly branch: string;
}

const headerOf = (text: string, name: string) =>
  new RegExp(`^${name}:[ \\t]*(.*?)\\r?$`, "im").exec(text)?.[1] ?? "";
const tagOf = (value: string) => /;\s*tag=([^;>\s]*)/i.exec(value)?.[1] ?? "";

export class Peer {
  readonly #dialogs: Known[] = [];
  /** Requests of the engine that we may answer, newest last. */
  readonly #asked: string[] = [];
  readonly #said: Buffer[] = [];
  #count = 0;

  constructor(
    private readonly next: (below: number) => number,
    private readonly own: string,
    private readonly engine: string,
  ) {}

  /** What the engine sent. */
  hear(text: string): void {
    if (!text.startsWith("SIP/2.0")) {
      this.#asked.push(text);
      if (this.#asked.length > 20) this.#asked.shift();
      if (/^(INVITE|SUBSCRIBE|REFER) /.test(text)) this.#joined(text);
      return;
    }
    const callId = headerOf(text, "Call-ID");
    const known = this.#dialogs.find((dialog) => dialog.callId === callId);
    const tag = tagOf(headerOf(text, "To"));
    if (known && tag !== "") known.theirTag = tag;
  }

  /** A dialog that the engine began: we are its remote side. */
  #joined(text: string): void {
    const callId = headerOf(text, "Call-ID");
    if (this.#dialogs.some((dialog) => dialog.callId === callId)) return;
    const theirTag = tagOf(headerOf(text, "From"));
    this.#dialogs.push({ callId, ourTag: "f0", theirTag, cseq: 1, branch: `z9hG4bKj${++this.#count}` });
  }

  /** The next message, well formed or bent. */
  speak(): Buffer {
    const { next } = this;
    const kind = next(10);
    let text: string;
    if (kind < 4 && this.#asked.length > 0) text = this.#answer();
    else if (kind < 8 && this.#dialogs.length > 0) text = this.#within();
    else if (kind < 9 && this.#said.length > 0) return this.#said[next(this.#said.length)] ?? Buffer.alloc(0);
    else text = this.#fresh();
    let bytes: Buffer = Buffer.from(next(4) === 0 ? this.#bend(text) : text);
    if (next(12) === 0) bytes = mutate([bytes], next);
    this.#said.push(bytes);
    if (this.#said.length > 20) this.#said.shift();
    return bytes;
  }

  #pick<T>(list: readonly T[]): T | undefined {
    return list[this.next(Math.max(1, list.length))];
  }

  #extras(): string {
    return Array.from({ length: this.next(4) }, () => this.#pick(EXTRAS)).join("");
  }

  #body(): string {
    const body =
      this.#pick([
        "",
        "v=0\r\no=- 1 1 IN IP4 192.0.2.66\r\ns=-\r\n",
        "Signal=5\r\n",
        "SIP/2.0 100 Trying\r\n",
        "\0\0\0",
      ]) ?? "";
    const type = this.#pick(["application/sdp", "application/dtmf-relay", "message/sipfrag", "x"]);
    return `${body === "" ? "" : `Content-Type: ${type}\r\n`}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  }

  #fresh(): string {
    const method = this.#pick(REQUESTS) ?? "OPTIONS";
    const n = ++this.#count;
    const known: Known = {
      callId: `c${n}@${this.own}`,
      ourTag: `o${n}`,
      theirTag: "",
      cseq: 1,
      branch: `z9hG4bK${n}`,
    };
    this.#dialogs.push(known);
    if (this.#dialogs.length > 8) this.#dialogs.shift();
    return this.#request(method, known, known.branch);
  }

  #within(): string {
    const known = this.next(3) === 0 ? this.#pick(this.#dialogs) : this.#dialogs.at(-1);
    if (!known) return this.#fresh();
    const method = this.#pick(IN_DIALOG) ?? "BYE";
    // ACK and CANCEL belong to the request before; sometimes they do not.
    const same = method === "CANCEL" || (method === "ACK" && this.next(2) === 0);
    if (!same && method !== "ACK") known.cseq += this.#pick([1, 1, 1, 1, 0, -1, 1_000]) ?? 1;
    return this.#request(method, known, same ? known.branch : `z9hG4bKi${++this.#count}`);
  }

  #request(method: string, known: Known, branch: string): string {
    const to = known.theirTag === "" ? "" : `;tag=${known.theirTag}`;
    return [
      `${method} sip:office@${this.engine} SIP/2.0`,
      `Via: SIP/2.0/UDP ${this.own}:5060;branch=${branch}`,
      "Max-Forwards: 70",
      `From: <sip:peer@${this.own}>;tag=${known.ourTag}`,
      `To: <sip:office@${this.engine}>${to}`,
      `Call-ID: ${known.callId}`,
      `CSeq: ${known.cseq} ${method}`,
      `Contact: <sip:peer@${this.own}>`,
      `${this.#extras()}${this.#body()}`,
    ].join("\r\n");
  }

  /** An answer to something the engine asked, with the fitting headers. */
  #answer(): string {
    const asked = this.#asked.at(-1 - this.next(2)) ?? this.#asked[0] ?? "";
    const status = this.#pick(STATUSES) ?? 200;
    if (status >= 200) this.#asked.splice(this.#asked.indexOf(asked), 1);
    const vias = asked.split("\r\n").filter((line) => /^Via:/i.test(line));
    const to = headerOf(asked, "To");
    const tag = tagOf(to) === "" ? `;tag=f${this.next(3)}` : "";
    return [
      `SIP/2.0 ${status} Whatever`,
      ...vias,
      `From: ${headerOf(asked, "From")}`,
      `To: ${to}${tag}`,
      `Call-ID: ${headerOf(asked, "Call-ID")}`,
      `CSeq: ${headerOf(asked, "CSeq")}`,
      `Contact: <sip:peer${this.next(3)}@${this.own}>`,
      `${this.#extras()}${this.#body()}`,
    ].join("\r\n");
  }

  /** Lines swapped, doubled, dropped, or with the value of another. */
  #bend(text: string): string {
    const lines = text.split("\r\n");
    const at = 1 + this.next(Math.max(1, lines.length - 1));
    const other = lines[1 + this.next(Math.max(1, lines.length - 1))] ?? "";
    const line = lines[at] ?? "";
    const kind = this.next(4);
    if (kind === 0) lines.splice(at, 1);
    else if (kind === 1) lines.splice(at, 0, line);
    else if (kind === 2) lines[at] = other;
    else lines[at] = `${line.slice(0, line.indexOf(":") + 1)} ${other.slice(other.indexOf(":") + 1)}`;
    return lines.join("\r\n");
  }
}

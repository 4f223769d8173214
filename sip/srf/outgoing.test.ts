import { describe, expect, test } from "bun:test";
import { parseAuth } from "../engine/message/auth.ts";
import { answerChallenge, parseChallenges } from "./digest.ts";
import type { Reply } from "./model.ts";
import { type FinalParts, NonceCounts, Outgoing, type OutgoingOptions } from "./outgoing.ts";
import type {
  VendorAck,
  VendorReply,
  VendorRequest,
  VendorRequestOptions,
  VendorResponse,
} from "./vendor.ts";

const credentials = { username: "acct", password: "pw" };

interface Sent {
  readonly options: VendorRequestOptions;
  readonly acks: Parameters<VendorAck>[0][];
  /** An UPDATE of the peer; gives status and body of the answer. */
  update(body: string): unknown[];
  reply(
    status: number,
    headers?: Record<string, string>,
    from?: { protocol?: string; dialog?: string },
  ): void;
}

/** Requests as the engine would get them; each waits for the test to answer. */
function carrier(options: Partial<OutgoingOptions> = {}) {
  const sent: Sent[] = [];
  const finals: { reply: Reply; parts: FinalParts | undefined }[] = [];
  const outgoing = new Outgoing(
    (wire, callback) => {
      let listener: ((response: VendorReply, ack: VendorAck) => void) | undefined;
      let onUpdate: ((request: VendorRequest, response: VendorResponse) => void) | undefined;
      const acks: Parameters<VendorAck>[0][] = [];
      const request = {
        method: wire.method,
        uri: wire.stackDialogId === undefined ? (wire.uri ?? "") : "sip:b@10.0.0.9:5070",
        get: (name: string) =>
          ({ cseq: `${sent.length} ${wire.method}`, "call-id": "c1", from: "<sip:a@h>" })[name],
        has: () => false,
        on: (event: string, heard: typeof listener & typeof onUpdate) => {
          if (event === "response") listener = heard;
          else if (event === "update") onUpdate = heard;
        },
        cancel: () => {},
      } as unknown as VendorRequest;
      sent.push({
        options: wire,
        acks,
        update: (body) => {
          const answer: unknown[] = [];
          const send: VendorResponse["send"] = (status, _reason, given) => answer.push(status, given.body);
          const response = { send } as VendorResponse;
          onUpdate?.({ body } as VendorRequest, response);
          return answer;
        },
        reply: (status, headers = {}, from = {}) =>
          listener?.(
            {
              status,
              reason: "",
              source_address: "10.0.0.9",
              source_port: 5061,
              protocol: from.protocol ?? "udp",
              stackDialogId: from.dialog,
              get: (name: string) => headers[name],
              has: (name: string) => headers[name] !== undefined,
            },
            (given) => acks.push(given),
          ),
      });
      callback(null, request);
    },
    new NonceCounts(),
    {
      method: "INVITE",
      uri: "sip:1@carrier.cn",
      credentials,
      ...options,
    },
    (reply, parts) => finals.push({ reply, parts }),
  ).start();
  const last = (): Sent => {
    const found = sent.at(-1);
    if (found === undefined) throw new Error("nothing sent");
    return found;
  };
  return { sent, finals, outgoing, last };
}
const www = (params: string) => ({ "WWW-Authenticate": `Digest ${params}` });
const proxy = (params: string) => ({ "Proxy-Authenticate": `Digest ${params}` });

describe("challenges of carriers", () => {
  test("a proxy's 407 and then the far end's 401 are both answered, and both stay in the request", async () => {
    const { sent, last, finals } = carrier();
    last().reply(407, proxy('realm="edge", nonce="1", qop="auth"'));
    last().reply(401, www('realm="core", nonce="2", algorithm=SHA-256, qop="auth"'));
    expect(sent).toHaveLength(3);
    expect(last().options.headers["Proxy-Authorization"]).toContain('realm="edge"');
    expect(last().options.headers.Authorization).toContain('realm="core"');
    expect(last().options.headers.Authorization).toContain("algorithm=SHA-256");
    last().reply(200, {}, { dialog: "d" });
    expect(finals.map((f) => f.reply.status)).toEqual([200]);
    // RFC 3261 §22.1: the ACK carries the same credentials.
    finals[0]?.parts?.ack();
    expect(last().acks[0]?.headers?.Authorization).toBe(last().options.headers.Authorization ?? "?");
    expect(last().acks[0]?.headers?.["Proxy-Authorization"]).toContain('realm="edge"');
  });

  test("several realms in one answer get a line each; the first known algorithm of each realm is taken", () => {
    const { last } = carrier();
    last().reply(
      401,
      www(
        'realm="a", nonce="1", algorithm=SHA-512-256,Digest realm="a", nonce="2", algorithm=SHA-256,Digest realm="b", nonce="3"',
      ),
    );
    const value = last().options.headers.Authorization ?? "";
    expect(value.match(/realm="(\w)"/g)).toEqual(['realm="a"', 'realm="b"']);
    expect(value).toContain("\r\nAuthorization: ");
    expect(value).toContain('nonce="2"');
  });

  test("a stale nonce is answered once more; the same nonce again raises the count", () => {
    const { sent, last, finals } = carrier();
    last().reply(401, www('realm="r", nonce="1", qop="auth"'));
    expect(last().options.headers.Authorization).toContain("nc=00000001");
    last().reply(401, www('realm="r", nonce="1", qop="auth", stale=true'));
    expect(last().options.headers.Authorization).toContain("nc=00000002");
    last().reply(401, www('realm="r", nonce="3", qop="auth", stale=true'));
    expect(sent).toHaveLength(3);
    expect(finals[0]?.reply.status).toBe(401);
  });

  test("a carrier that challenges for ever is given up: a new nonce, a new realm each time", () => {
    const same = carrier();
    same.last().reply(401, www('realm="r", nonce="1"'));
    same.last().reply(401, www('realm="r", nonce="2"'));
    expect([same.sent.length, same.finals.length]).toEqual([2, 1]);
    const other = carrier();
    for (let i = 0; i < 50; i++)
      other.last().reply(i % 2 ? 401 : 407, {
        ...www(`realm="r${i}", nonce="n"`),
        ...proxy(`realm="r${i}", nonce="n"`),
      });
    expect(other.sent.length).toBe(6);
    expect(other.finals).toHaveLength(1);
  });

  test("a challenge that cannot be answered is final: unknown algorithm or qop, giant nonce, no parameters", () => {
    for (const bad of [
      'realm="r", nonce="1", algorithm=ROT13',
      'realm="r", nonce="1", qop="secret"',
      `realm="r", nonce="${"x".repeat(9000)}"`,
      "",
      'realm="r", nonce="unfinished',
    ]) {
      const { sent, last, finals } = carrier();
      last().reply(401, www(bad));
      expect([bad.slice(0, 30), sent.length, finals[0]?.reply.status]).toEqual([bad.slice(0, 30), 1, 401]);
    }
  });

  test("quotes and commas in a realm come back as they came", () => {
    const { last } = carrier();
    last().reply(401, www('realm="a \\"b\\", c", nonce="1"'));
    expect(parseAuth(last().options.headers.Authorization ?? "")?.params.get("realm")).toBe('a "b", c');
  });

  test("without credentials a challenge is the answer", () => {
    const { sent, last, finals } = carrier({ credentials: undefined as never });
    last().reply(401, www('realm="r", nonce="1"'));
    expect([sent.length, finals[0]?.reply.status]).toEqual([1, 401]);
  });

  test("in a dialog the digest is over the URI that was really sent", () => {
    for (const method of ["BYE", "INVITE", "UPDATE", "INFO"]) {
      const { last } = carrier({ method, dialogId: "d", uri: undefined as never });
      last().reply(407, proxy('realm="r", nonce="1"'));
      const given = last().options.headers["Proxy-Authorization"] ?? "";
      const challenge = parseChallenges('Digest realm="r", nonce="1"')[0];
      if (challenge === undefined) throw new Error("not parsed");
      const right = answerChallenge(challenge, credentials, { method, uri: "sip:b@10.0.0.9:5070" }, 1, "");
      expect(parseAuth(given)?.params.get("response")).toBe(parseAuth(right)?.params.get("response") ?? "?");
      expect(last().options.stackDialogId).toBe("d");
    }
  });

  test("a challenged PRACK is answered", () => {
    const { sent } = carrier();
    const [invite] = sent;
    invite?.reply(183, { RSeq: "7" }, { dialog: "early" });
    expect(sent[1]?.options).toMatchObject({ method: "PRACK", stackDialogId: "early" });
    expect(sent[1]?.options.headers.RAck).toBe("7 1 INVITE");
    sent[1]?.reply(401, www('realm="r", nonce="1"'));
    expect(sent[2]?.options.method).toBe("PRACK");
    expect(sent[2]?.options.headers).toMatchObject({ RAck: "7 1 INVITE" });
    expect(sent[2]?.options.headers.Authorization).toContain('realm="r"');
  });

  test("an INVITE that the engine sent again for its session interval counts on from there", () => {
    const { sent, last } = carrier();
    last().reply(407, { ...proxy('realm="edge", nonce="1"'), CSeq: "9 INVITE" });
    expect(last().options.headers.CSeq).toBe("10 INVITE");
    last().reply(183, { RSeq: "7", CSeq: "12 INVITE" }, { dialog: "early" });
    expect(sent.at(-1)?.options.headers.RAck).toBe("7 12 INVITE");
  });

  test("an UPDATE before the answer gets no offer in its 200; one that offers is refused unless somebody takes it", () => {
    const { last } = carrier();
    expect(last().update("")).toEqual([200, undefined]);
    expect(last().update("v=0\r\n")).toEqual([488, undefined]);
    let taken = "";
    const taking = carrier({ onUpdate: (request) => (taken = request.body ?? "") });
    expect(taking.last().update("v=0\r\n")).toEqual([]);
    expect(taken).toBe("v=0\r\n");
  });

  test("the second try goes to the server that asked, loosely routed if it was; TLS keeps its name", () => {
    const loose = carrier({ proxy: "sip:edge.cn;lr" });
    loose.last().reply(401, www('realm="r", nonce="1"'));
    expect(loose.last().options.proxy).toBe("sip:10.0.0.9:5061;transport=udp;lr");
    const tls = carrier({ proxy: "sip:edge.cn;transport=tls;lr" });
    tls.last().reply(401, www('realm="r", nonce="1"'), { protocol: "tls" });
    expect(tls.last().options.proxy).toBe("sip:edge.cn;transport=tls;lr");
  });

  test("a redirect is not followed", async () => {
    const { sent, last, outgoing } = carrier();
    last().reply(302, { Contact: "<sip:1900premium@elsewhere.example>" });
    expect((await outgoing.final).status).toBe(302);
    expect(sent).toHaveLength(1);
  });
});

import { describe, expect, test } from "bun:test";
import type { EndpointCredentials } from "../directory.ts";
import { Authenticator, type AuthResultEvent } from "./authenticator.ts";
import {
  answerChallenge,
  chooseChallenges,
  type DigestAlgorithm,
  digestResponse,
  makeHa1,
  parseChallenges,
  parseCredentials,
  splitAuthValues,
} from "./digest.ts";
import { NonceStore } from "./nonce.ts";

const REALM = "zongji";
const endpoint: EndpointCredentials = {
  extensionId: 1,
  number: "1001",
  name: "Li",
  ha1Md5: makeHa1("MD5", "1001", REALM, "s3cret"),
  ha1Sha256: makeHa1("SHA-256", "1001", REALM, "s3cret"),
  enabled: true,
  allowRemote: false,
};

function setUp(options: { lifetimeMs?: number; capacity?: number } = {}) {
  let now = 1_000_000;
  const events: AuthResultEvent[] = [];
  const nonces = new NonceStore(options);
  const auth = new Authenticator(
    { realm: REALM, endpointByUser: (user) => (user === "1001" ? endpoint : undefined) },
    { nonces, now: () => now },
  );
  auth.onResult((event) => events.push(event));
  const ask = (credentials?: string) =>
    auth.check({
      method: "REGISTER",
      uri: "sip:zongji",
      body: "",
      credentials,
      sourceAddress: "192.168.1.9",
    });
  const reply = (algorithm: DigestAlgorithm, password: string, user = "1001", count = 1) => {
    const first = ask();
    if (first.kind !== "challenge") throw new Error("no challenge");
    const challenge = parseChallenges(first.challenges.join(", ")).find((c) => c.algorithm === algorithm);
    if (challenge === undefined) throw new Error("not offered");
    return answerChallenge(
      challenge,
      { username: user, password },
      { method: "REGISTER", uri: "sip:zongji" },
      count,
      "abc",
    );
  };
  return {
    auth,
    ask,
    reply,
    events,
    nonces,
    pass: (ms: number) => {
      now += ms;
    },
  };
}

describe("digest calculation", () => {
  test("gives the responses of RFC 7616 §3.9.1", () => {
    const base = {
      method: "GET",
      uri: "/dir/index.html",
      nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
      qop: "auth" as const,
      nc: "00000001",
      cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    };
    const realm = "http-auth@example.org";
    expect(
      digestResponse({
        ...base,
        algorithm: "MD5",
        ha1: makeHa1("MD5", "Mufasa", realm, "Circle of Life"),
      }),
    ).toBe("8ca523f5e9506fed4657c9700eebdbec");
    expect(
      digestResponse({
        ...base,
        algorithm: "SHA-256",
        ha1: makeHa1("SHA-256", "Mufasa", realm, "Circle of Life"),
      }),
    ).toBe("753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
  });

  test("auth-int depends on the body", () => {
    const challenge = parseChallenges('Digest realm="c", nonce="n", qop="auth-int"')[0];
    if (challenge === undefined) throw new Error("not parsed");
    const user = { username: "u", password: "p" };
    const a = answerChallenge(challenge, user, { method: "INVITE", uri: "sip:x", body: "v=0" }, 1, "c");
    const b = answerChallenge(challenge, user, { method: "INVITE", uri: "sip:x", body: "v=1" }, 1, "c");
    expect(a).not.toBe(b);
    expect(a).toContain("qop=auth-int");
  });

  test("several challenges in one value are told apart and one a realm is answered", () => {
    const value =
      'Digest realm="a,b", nonce="1", algorithm=SHA-512-256, Digest realm="a,b", nonce="2", algorithm=MD5, DIGEST realm="c", nonce="3", algorithm=SHA-256, qop="auth,auth-int"';
    expect(splitAuthValues(value)).toHaveLength(3);
    const chosen = chooseChallenges(parseChallenges(value));
    expect(chosen.map((c) => [c.realm, c.nonce, c.algorithm, c.qop])).toEqual([
      ["a,b", "2", "MD5", undefined],
      ["c", "3", "SHA-256", "auth"],
    ]);
  });

  test("credentials for another realm are not taken", () => {
    expect(parseCredentials('Digest username="a", realm="other", nonce="n"', REALM)).toBeUndefined();
    expect(parseCredentials("Bearer x=y", REALM)).toBeUndefined();
  });
});

describe("authenticator", () => {
  test("both algorithms are offered, MD5 first, and both are accepted", () => {
    const { ask, reply, events } = setUp();
    const first = ask();
    expect(
      first.kind === "challenge" && first.challenges.map((c) => /algorithm=([\w-]+)/.exec(c)?.[1]),
    ).toEqual(["MD5", "SHA-256"]);
    expect(ask(reply("MD5", "s3cret"))).toEqual({ kind: "ok", endpoint });
    expect(ask(reply("SHA-256", "s3cret"))).toEqual({ kind: "ok", endpoint });
    expect(events.map((e) => e.result)).toEqual(["ok", "ok"]);
  });

  test("an agent that two challenges puzzle gets MD5 alone the next time", () => {
    const { ask, reply } = setUp();
    const offered = () => {
      const verdict = ask();
      return verdict.kind === "challenge" ? verdict.challenges.length : 0;
    };
    expect([offered(), offered()]).toEqual([2, 1]);
    expect(ask(reply("MD5", "s3cret")).kind).toBe("ok");
    expect(offered()).toBe(2);
  });

  test("wrong password and unknown user get the same refusal and are reported", () => {
    const { ask, reply, events } = setUp();
    expect(ask(reply("MD5", "wrong"))).toEqual({ kind: "refused" });
    expect(ask(reply("MD5", "s3cret", "9999"))).toEqual({ kind: "refused" });
    expect(ask()).toHaveProperty("kind", "challenge");
    expect(events.map((e) => [e.result, e.user])).toEqual([
      ["failed", "1001"],
      ["failed", "9999"],
    ]);
  });

  test("an expired nonce is stale whatever the password", () => {
    const { ask, reply, pass, events } = setUp({ lifetimeMs: 1000 });
    const right = reply("MD5", "s3cret");
    const wrong = reply("MD5", "wrong");
    pass(1001);
    expect(ask(right)).toMatchObject({ kind: "challenge", stale: true });
    expect(ask(wrong)).toMatchObject({ kind: "challenge", stale: true });
    expect(events).toEqual([]);
  });

  test("a scheme nobody knows is challenged as if nothing had come (RFC 4475 §3.3.7)", () => {
    const { ask, events } = setUp();
    expect(ask("NoOneKnowsThisScheme opaque-data=here")).toMatchObject({ kind: "challenge" });
    expect(events).toEqual([]);
  });

  test("a made-up nonce is stale", () => {
    const { ask, reply } = setUp();
    expect(ask(reply("MD5", "s3cret").replace(/nonce="./, 'nonce="!'))).toMatchObject({ stale: true });
  });

  test("a replayed count is stale, a higher one is good", () => {
    const { ask, auth } = setUp();
    const first = ask();
    if (first.kind !== "challenge") throw new Error("no challenge");
    const challenge = parseChallenges(first.challenges[1] ?? "")[0];
    if (challenge === undefined) throw new Error("not parsed");
    const send = (count: number) =>
      auth.check({
        method: "REGISTER",
        uri: "sip:zongji",
        body: "",
        sourceAddress: "192.168.1.9",
        credentials: answerChallenge(
          challenge,
          { username: "1001", password: "s3cret" },
          { method: "REGISTER", uri: "sip:zongji" },
          count,
          "c",
        ),
      }).kind;
    expect([send(1), send(1), send(2), send(2)]).toEqual(["ok", "challenge", "ok", "challenge"]);
  });

  test("a nonce is good for the address it was made for: nobody can fail in another's name", () => {
    const { auth, reply, events } = setUp();
    const elsewhere = { method: "REGISTER", uri: "sip:zongji", body: "", sourceAddress: "192.168.1.10" };
    for (const password of ["s3cret", "wrong"])
      expect(auth.check({ ...elsewhere, credentials: reply("MD5", password) })).toMatchObject({
        stale: true,
      });
    expect(events).toEqual([]);
  });

  test("credentials for another method are refused", () => {
    const { auth, reply } = setUp();
    const verdict = auth.check({
      method: "INVITE",
      uri: "sip:zongji",
      body: "",
      credentials: reply("MD5", "s3cret"),
      sourceAddress: "192.168.1.9",
    });
    expect(verdict).toEqual({ kind: "refused" });
  });

  test("memory stays within its bound and what was forgotten cannot be replayed", () => {
    const store = new NonceStore({ capacity: 10 });
    const first = store.issue(1);
    expect(store.use(first, 1, 1)).toBe("good");
    for (let i = 2; i < 40; i++) store.use(store.issue(i), 1, i);
    expect(store.size).toBeLessThanOrEqual(10);
    expect(store.use(first, 1, 40)).toBe("expired");
  });
});

/** The messages of RFC 4475 and RFC 5118 as datagrams to a running engine with an app: each gets the answer it must get. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { bench, type Loose, until } from "./test-support.ts";

const { phone } = bench();
const FIXTURES = join(import.meta.dir, "../../test/fixtures");

/** Final status on the wire; "nothing" where no answer is allowed. What the app answers: 200, INVITE 486. */
const RFC4475: Record<string, number | "nothing"> = {
  // Its To has a tag: a request in a dialog nobody has.
  wsinv: 481,
  intmeth: 501,
  esc01: 486,
  escnull: 200,
  esc02: 501,
  lwsdisp: 200,
  longreq: 486,
  dblreq: 200,
  semiuri: 200,
  transports: 200,
  mpart01: 200,
  unreason: "nothing",
  noreason: "nothing",
  badinv01: 400,
  clerr: 400,
  ncl: 400,
  scalar02: 400,
  scalarlg: "nothing",
  quotbal: 400,
  ltgtruri: 400,
  lwsruri: 400,
  lwsstart: 486,
  trws: 200,
  escruri: 400,
  baddate: 486,
  regbadct: 400,
  badaspec: 200,
  baddn: 200,
  badvers: 505,
  mismatch01: 400,
  mismatch02: 400,
  bigcode: "nothing",
  badbranch: 200,
  insuf: 400,
  unkscm: 416,
  novelsc: 416,
  // An address of record must be a SIP URI (§3.3.4).
  unksm2: 400,
  bext01: 420,
  invut: 415,
  // The app here asks for no credentials; the 401 of one that does is proved with the authenticator.
  regaut01: 200,
  multi01: 400,
  mcl01: 400,
  bcast: "nothing",
  // OPTIONS without hops left may be answered by whoever has it (§3.3.11).
  zeromf: 200,
  cparam01: 200,
  cparam02: 200,
  regescrt: 200,
  sdp01: 406,
  // RFC 2543 asked for no Contact; without one there can be no dialog today.
  inv2543: 400,
  test: "nothing",
};

const RFC5118: Record<string, number | "nothing"> = {
  "ipv6-good": 200,
  "ipv6-bad": 400,
  "port-ambiguous": 200,
  "port-unambiguous": 200,
  "via-received-param-with-delim": 481,
  "via-received-param-no-delim": 200,
  "ipv6-in-sdp": 486,
  "mult-ip-in-header": 481,
  "mult-ip-in-sdp": 486,
  "ipv4-mapped-ipv6": 486,
  "ipv6-bug-abnf-3-colons": 200,
  "ipv6-correct-abnf-2-colons": 200,
};

/** Answers by message, each to a fresh engine, so that none is taken for a copy of another. */
async function answers(folder: string, name: string) {
  const { engine, srf } = await phone(undefined, { defence: { enabled: false } });
  const seen: Loose[] = [];
  srf.use((req: Loose, res: Loose) => {
    seen.push(req);
    res.send(
      req.method === "INVITE" ? 486 : 200,
      req.method === "REGISTER" ? { headers: { Contact: req.get("Contact") } } : {},
    );
  });
  for (const method of ["invite", "options", "register", "message"])
    srf[method]((_req: Loose, _res: Loose, next: () => void) => next());
  const got: string[] = [];
  const socket = await Bun.udpSocket({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data: (_socket, bytes) => void got.push(bytes.toString("utf8")), error() {} },
  });
  const port = engine.listening[0]?.port ?? 0;
  socket.send(readFileSync(join(FIXTURES, folder, `${name}.dat`)), port, "127.0.0.1");
  // A message that is always answered, behind it: when its answer is here, the first has had its turn.
  const probe = `OPTIONS sip:probe@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKprobe;rport\r\nMax-Forwards: 70\r\nFrom: <sip:p@x>;tag=p\r\nTo: <sip:p@y>\r\nCall-ID: probe\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n`;
  socket.send(probe, port, "127.0.0.1");
  const done = () => got.some((text) => text.includes("z9hG4bKprobe"));
  await until(done);
  const finals = () => got.filter((text) => !text.includes("z9hG4bKprobe") && !text.startsWith("SIP/2.0 1"));
  const trying = () => got.some((text) => text.startsWith("SIP/2.0 100"));
  if (trying() || seen.length > 1) await until(() => finals().length > 0);
  socket.close();
  return { finals: finals(), seen: seen.filter((req) => req.get("Call-ID") !== "probe") };
}

for (const [folder, table] of [
  ["rfc4475", RFC4475],
  ["rfc5118", RFC5118],
] as const) {
  test(`${folder}: every fixture has its line`, () => {
    const names = readdirSync(join(FIXTURES, folder))
      .filter((file) => file.endsWith(".dat"))
      .map((file) => file.slice(0, -4));
    expect(names.sort()).toEqual(Object.keys(table).sort());
  });

  for (const [name, expected] of Object.entries(table)) {
    test(`${folder} ${name}: ${expected}`, async () => {
      const { finals } = await answers(folder, name);
      const statuses = [...new Set(finals.map((text) => Number(/^SIP\/2\.0 (\d+)/.exec(text)?.[1])))];
      expect(statuses).toEqual(expected === "nothing" ? [] : [expected]);
    });
  }
}

test("420 names the two extensions, 415 what is taken instead (RFC 4475 §3.3.5, §3.3.6)", async () => {
  const [extensions] = (await answers("rfc4475", "bext01")).finals;
  expect(extensions).toContain("Unsupported: nothingSupportsThis, nothingSupportsThisEither\r\n");
  const [body] = (await answers("rfc4475", "invut")).finals;
  expect(body).toContain("Accept: application/sdp\r\n");
});

test("two requests in one datagram: only the first is served (RFC 4475 §3.1.1.8)", async () => {
  const { seen } = await answers("rfc4475", "dblreq");
  expect(seen.map((req) => req.method)).toEqual(["REGISTER"]);
});

test("Contacts of registrations reach the app as they were written (RFC 4475 §3.3.12–14)", async () => {
  const contact = async (name: string) => String((await answers("rfc4475", name)).seen[0]?.get("Contact"));
  expect(await contact("cparam01")).toBe("sip:+19725552222@gw1.example.net;unknownparam");
  expect(await contact("cparam02")).toBe("<sip:+19725552222@gw1.example.net;unknownparam>");
  expect(await contact("regescrt")).toBe("<sip:user@example.com?Route=%3Csip:sip.example.com%3E>");
});

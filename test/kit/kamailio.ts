/** kamailio as a carrier that challenges everything, or as a proxy in front of the exchange. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endOf, listenTo } from "./process.ts";
import { type TestCertificate, testCertificate } from "./tls.ts";
import { freePort, waitFor } from "./wait.ts";

export interface KamailioOptions {
  readonly address: string;
  readonly port?: number;
  /** "carrier": registrar with digest for every request; "edge": adds Path and passes on to `exchange`. */
  readonly role?: "carrier" | "edge";
  /** Requests from here are the exchange's: they are challenged. */
  readonly exchange: { readonly address: string; readonly port: number };
  /** The phone behind the carrier, for every number. */
  readonly behind?: { readonly address: string; readonly port: number };
  readonly user?: string;
  readonly password?: string;
  readonly algorithm?: "MD5" | "SHA-256";
  readonly qop?: "auth" | "auth-int";
  /** INVITEs are asked for a second realm too, by 401 after the 407. */
  readonly twoRealms?: boolean;
  /** REGISTER is answered with a Service-Route that INVITEs must carry. */
  readonly serviceRoute?: boolean;
  /** OPTIONS get no answer at all. */
  readonly deafToOptions?: boolean;
  readonly tls?: boolean;
}

function config(
  o: Required<Omit<KamailioOptions, "tls">>,
  tls: { port: number; folder: string } | undefined,
): string {
  const own = `${o.address}:${o.port}`;
  const modules = [
    "tm",
    "sl",
    "rr",
    "pv",
    "maxfwd",
    "textops",
    "siputils",
    "xlog",
    "auth",
    "usrloc",
    "registrar",
    "path",
  ];
  const challenge = (kind: "www" | "proxy", realm: string) => `
    if (!pv_${kind}_authenticate("${realm}", "${o.password}", "0") || $au != "${o.user}") {
      if ($hdr(${kind === "www" ? "Authorization" : "Proxy-Authorization"}) =~ "realm=.${realm}.") {
        xlog("L_ERR", "[refused] $rm $cs\\n");
        sl_send_reply("403", "Forbidden");
        exit;
      }
      xlog("L_ERR", "[challenged] $rm $cs ${realm}\\n");
      ${kind}_challenge("${realm}", "1");
      exit;
    }`;
  return `#!KAMAILIO
debug=0
log_stderror=yes
log_prefix="|"
children=1
tcp_children=1
dns=no
rev_dns=no
auto_aliases=no
listen=udp:${own}
listen=tcp:${own}
${tls === undefined ? "" : `enable_tls=yes\nlisten=tls:${o.address}:${tls.port}`}
${[...modules, ...(tls === undefined ? [] : ["tls"])].map((name) => `loadmodule "${name}.so"`).join("\n")}
${tls === undefined ? "" : `modparam("tls", "tls_method", "TLSv1.2+")\nmodparam("tls", "private_key", "${tls.folder}/key.pem")\nmodparam("tls", "certificate", "${tls.folder}/cert.pem")`}
modparam("auth", "algorithm", "${o.algorithm === "MD5" ? "" : o.algorithm}")
modparam("auth", "qop", "${o.qop}")
modparam("usrloc", "db_mode", 0)
modparam("registrar", "max_expires", 600)
modparam("path", "use_received", 0)

request_route {
  xlog("L_ERR", "[got] $rm $proto $si:$sp $ru\\n");
  if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
  if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
  if (has_totag()) {
    if (loose_route()) {
      if ($si == "${o.exchange.address}" && !is_method("ACK") && "${o.role}" == "carrier") route(CHALLENGE);
      t_relay();
      exit;
    }
    if (is_method("ACK")) { if (t_check_trans()) t_relay(); exit; }
    sl_send_reply("481", "No Such Call");
    exit;
  }
  t_check_trans();
  if ("${o.role}" == "edge") {
    if (is_method("REGISTER")) {
      add_path();
      $du = "sip:${o.exchange.address}:${o.exchange.port}";
      t_relay();
      exit;
    }
    loose_route();
    record_route();
    if ($si != "${o.exchange.address}") $du = "sip:${o.exchange.address}:${o.exchange.port}";
    t_relay();
    exit;
  }
  if (is_method("OPTIONS")) {
    if (${o.deafToOptions ? 1 : 0} == 1) exit;
    sl_send_reply("200", "OK");
    exit;
  }
  if (is_method("REGISTER")) {${challenge("www", "carrier")}
    ${o.serviceRoute ? `append_to_reply("Service-Route: <sip:orig@${own};lr>\\r\\n");` : ""}
    save("location");
    xlog("L_ERR", "[registered] $fU\\n");
    exit;
  }
  if ($si == "${o.exchange.address}") {
    $var(route) = $hdr(Route);
    loose_route();
    if (${o.serviceRoute ? 1 : 0} == 1 && !($var(route) =~ "orig@")) { sl_send_reply("403", "Use Service-Route"); exit; }
    route(CHALLENGE);
    record_route();
    $du = "sip:${o.behind.address}:${o.behind.port}";
    xlog("L_ERR", "[relayed] $rm $ru\\n");
    t_relay();
    exit;
  }
  record_route();
  $rU = "${o.user}";
  if (!lookup("location")) { sl_send_reply("480", "Line Not Registered"); exit; }
  t_relay();
}

route[CHALLENGE] {${challenge("proxy", "edge")}
  ${o.twoRealms ? `if (is_method("INVITE")) {${challenge("www", "core")}\n  }` : ""}
  xlog("L_ERR", "[authorised] $rm $cs\\n");
  consume_credentials();
}
`;
}

export class Kamailio {
  output = "";
  readonly address: string;
  readonly port: number;
  readonly tlsPort: number;
  readonly certificate: TestCertificate | undefined;
  readonly #folder: string;
  readonly #child: Bun.Subprocess<"ignore", "pipe", "pipe">;

  private constructor(
    at: { address: string; port: number; tlsPort: number },
    certificate: TestCertificate | undefined,
    folder: string,
    child: Bun.Subprocess<"ignore", "pipe", "pipe">,
  ) {
    this.address = at.address;
    this.port = at.port;
    this.tlsPort = at.tlsPort;
    this.certificate = certificate;
    this.#folder = folder;
    this.#child = child;
    listenTo(child, (text) => {
      this.output += text;
    });
  }

  /** Resolves when it listens. Rejects with its output when it ends. */
  static async start(options: KamailioOptions): Promise<Kamailio> {
    const { address } = options;
    const folder = mkdtempSync(join(tmpdir(), "zongji-kamailio-"));
    const port = options.port ?? (await freePort(address));
    const tlsPort = options.tls === true ? await freePort(address) : 0;
    const certificate = options.tls === true ? testCertificate([address]) : undefined;
    if (certificate !== undefined) {
      writeFileSync(join(folder, "key.pem"), certificate.key);
      writeFileSync(join(folder, "cert.pem"), certificate.cert);
    }
    const file = join(folder, "kamailio.cfg");
    const full = {
      role: "carrier" as const,
      behind: { address, port: 9 },
      user: "line1",
      password: "correct horse",
      algorithm: "MD5" as const,
      qop: "auth" as const,
      twoRealms: false,
      serviceRoute: false,
      deafToOptions: false,
      ...options,
      port,
    };
    writeFileSync(file, config(full, tlsPort === 0 ? undefined : { port: tlsPort, folder }));
    const child = Bun.spawn(
      ["kamailio", "-DD", "-E", "-f", file, "-Y", folder, "-P", join(folder, "pid"), "-m", "64", "-M", "8"],
      { stdin: "ignore", stdout: "pipe", stderr: "pipe" },
    );
    const kamailio = new Kamailio({ address, port, tlsPort }, certificate, folder, child);
    try {
      await waitFor(
        () => {
          if (child.exitCode !== null) throw new Error("it ended");
          return kamailio.#listens();
        },
        "kamailio to listen",
        10_000,
      );
    } catch (error) {
      await kamailio.stop();
      throw new Error(`kamailio: ${error}: ${kamailio.output}`);
    }
    return kamailio;
  }

  /** Lines "[word] …" that it wrote, without the word. */
  said(word: string): string[] {
    return [...this.output.matchAll(new RegExp(`\\[${word}\\] (.*)`, "g"))].map((match) => match[1] ?? "");
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    await endOf(this.#child, 4000);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #listens(): Promise<boolean> {
    return new Promise((resolve) => {
      const ended = () => resolve(false);
      Bun.connect({
        hostname: this.address,
        port: this.port,
        socket: {
          open: (socket) => {
            socket.end();
            resolve(true);
          },
          data: () => {},
          error: ended,
          connectError: ended,
        },
      }).catch(ended);
    });
  }
}

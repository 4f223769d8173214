import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { EngineConfigError, parseContact } from "./config.ts";
import { type Engine, startEngine } from "./engine.ts";
import type { ListenPoint, TlsIdentity } from "./transport/index.ts";

const USAGE = `usage: zongji sip-engine --contact "sip:IP:PORT;transport=udp,tcp" [--contact …]
                         [--address 127.0.0.1] [--port 9022] [--secret S] [--external-ip IP] [--cdr]
                         [--cert-file PEM --key-file PEM]   (for transports tls and wss)`;

/**
 * Runs the engine alone, with the real server's flags, until SIGINT or SIGTERM.
 * @returns the exit code: 0 after a stop, 1 when it cannot start, 2 for wrong arguments.
 */
export async function runSipEngine(argv: readonly string[]): Promise<number> {
  let engine: Engine;
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        contact: { type: "string", multiple: true },
        address: { type: "string", default: "127.0.0.1" },
        port: { type: "string", default: "9022" },
        secret: { type: "string", default: "cymru" },
        "external-ip": { type: "string" },
        "cert-file": { type: "string" },
        "key-file": { type: "string" },
        cdr: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) {
      console.log(USAGE);
      return 0;
    }
    const port = Number(values.port);
    if (!Number.isInteger(port) || port < 0 || port > 65_535)
      throw new EngineConfigError("--port is no port number");
    const contacts = (values.contact ?? ["sip:*:5060;transport=udp,tcp"]).flatMap(parseContact);
    const tls = readIdentity(values["cert-file"], values["key-file"]);
    const secure = contacts.some(({ protocol }) => isSecure(protocol));
    if (secure && !tls) throw new EngineConfigError("tls and wss need --cert-file and --key-file");
    engine = await startEngine({
      contacts: contacts.map((point) => ({
        ...point,
        externalAddress: values["external-ip"],
        ...(tls && isSecure(point.protocol) ? { tls } : {}),
      })),
      agent: { address: values.address, port, secret: values.secret },
      cdr: values.cdr,
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    console.error(`sip-engine: ${message}`);
    const usage = error instanceof EngineConfigError || error instanceof TypeError;
    if (usage) console.error(USAGE);
    return usage ? 2 : 1;
  }
  const bound = engine.listening.map((point) => `${point.protocol}/${point.address}:${point.port}`).join(" ");
  console.log(`sip-engine: listening on ${bound}, apps on port ${engine.agentPort}`);
  await new Promise<void>((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
  });
  await engine.stop();
  return 0;
}

function isSecure(protocol: ListenPoint["protocol"]): boolean {
  return protocol === "tls" || protocol === "wss";
}

/** @throws EngineConfigError when only one file is named or one cannot be read */
function readIdentity(cert: string | undefined, key: string | undefined): TlsIdentity | undefined {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined)
    throw new EngineConfigError("--cert-file and --key-file belong together");
  const read = (file: string) => {
    try {
      return readFileSync(file, "utf8");
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new EngineConfigError(`cannot read ${file}: ${reason}`);
    }
  };
  return { cert: read(cert), key: read(key) };
}

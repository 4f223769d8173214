/** What `sip` asks of the office (sip/directory.ts): credentials and trunks from memory, registrations on disk. */
import type { Directory, EndpointCredentials, TrunkConfig } from "../../sip/index.ts";
import type { Store } from "../../storage/database.ts";
import type { Configuration } from "../system/index.ts";

interface RegistrationRecord {
  extension_id: number;
  number: string;
  contact: string;
  source: string;
  user_agent: string;
  call_id: string;
  cseq: number;
  instance: string;
  path_json: string;
  registered_at: number;
  expires_at: number;
}

const ROWS =
  "SELECT registration.*, extension.number FROM registration JOIN extension ON extension.id = registration.extension_id";

const SAVE = `INSERT INTO registration (extension_id, contact, source, user_agent, call_id, cseq, instance, path_json, registered_at,
  expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (extension_id, contact) DO UPDATE SET source = excluded.source,
  user_agent = excluded.user_agent, call_id = excluded.call_id, cseq = excluded.cseq, instance = excluded.instance,
  path_json = excluded.path_json, registered_at = excluded.registered_at, expires_at = excluded.expires_at`;

export function createDirectory(deps: {
  readonly store: Store;
  readonly configuration: Configuration;
  readonly realm: string;
}): Directory {
  const { sync } = deps.store;
  let endpoints: ReadonlyMap<string, EndpointCredentials> = new Map();
  let trunks: readonly TrunkConfig[] = [];

  deps.configuration.addStage(async (tx) => {
    const rows = await tx.selectFrom("extension").selectAll().execute();
    const lines = await tx.selectFrom("trunk").selectAll().orderBy("id").execute();
    return () => {
      endpoints = new Map(
        rows.map((r) => [
          r.number,
          {
            extensionId: r.id,
            number: r.number,
            name: r.name,
            ha1Md5: r.ha1_md5,
            ha1Sha256: r.ha1_sha256,
            enabled: r.enabled === 1,
            allowRemote: r.allow_remote === 1,
          },
        ]),
      );
      trunks = lines.map((t) => ({
        id: t.id,
        name: t.name,
        enabled: t.enabled === 1,
        kind: t.kind as TrunkConfig["kind"],
        host: t.host,
        port: t.port,
        transport: t.transport as TrunkConfig["transport"],
        username: t.username,
        authUsername: t.auth_username,
        password: t.password,
        fromDomain: t.from_domain,
        outboundProxy: t.outbound_proxy,
        allowedAddresses: JSON.parse(t.allowed_addresses_json) as string[],
        maxCalls: t.max_calls,
        registerExpiresS: t.register_expires_s,
        optionsPingS: t.options_ping_s,
        codecs: JSON.parse(t.codecs_json) as string[],
        identityHeader: t.identity_header as TrunkConfig["identityHeader"],
        srtp: t.srtp as TrunkConfig["srtp"],
        dtmf: t.dtmf as TrunkConfig["dtmf"],
        earlyMedia: t.early_media === 1,
        callsPerSecond: t.calls_per_second,
        numberFormat: t.number_format as TrunkConfig["numberFormat"],
        callerFormat: t.caller_format as TrunkConfig["callerFormat"],
        country: t.country,
        areaCode: t.area_code,
        numberPrefix: t.number_prefix,
        fromUser: t.from_user as TrunkConfig["fromUser"],
        fromText: t.from_text,
        contactUser: t.contact_user as TrunkConfig["contactUser"],
        contactText: t.contact_text,
        diversion: t.diversion === 1,
        hideNumber: t.hide_number === 1,
      }));
    };
  });

  return {
    realm: deps.realm,
    endpointByUser: (user) => endpoints.get(user),
    trunks: () => trunks,
    loadRegistrations: () =>
      (sync.prepare(ROWS).all() as RegistrationRecord[]).map((r) => ({
        extensionId: r.extension_id,
        number: r.number,
        contact: r.contact,
        source: r.source,
        userAgent: r.user_agent,
        callId: r.call_id,
        cseq: r.cseq,
        instance: r.instance,
        path: JSON.parse(r.path_json) as string[],
        registeredAt: r.registered_at,
        expiresAt: r.expires_at,
      })),
    saveRegistrations({ saved, removed }) {
      if (saved.length + removed.length === 0) return undefined;
      sync.transaction(() => {
        const remove = sync.prepare("DELETE FROM registration WHERE extension_id = ? AND contact = ?");
        for (const row of removed) remove.run(row.extensionId, row.contact);
        const save = sync.prepare(SAVE);
        for (const row of saved)
          save.run(
            row.extensionId,
            row.contact,
            row.source,
            row.userAgent,
            row.callId,
            row.cseq,
            row.instance,
            JSON.stringify(row.path ?? []),
            row.registeredAt,
            row.expiresAt,
          );
      });
      return sync.flushed();
    },
  };
}

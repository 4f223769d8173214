/**
 * What `sip` asks of the office. The appliance implements it over the database; `sip` imports neither.
 * All methods are synchronous look-ups on short indexed statements or memory.
 */
export interface EndpointCredentials {
  readonly extensionId: number;
  /** The extension number = SIP user name. */
  readonly number: string;
  readonly name: string;
  /** HA1 = H(user:realm:password), lower-case hex. */
  readonly ha1Md5: string;
  readonly ha1Sha256: string;
  readonly enabled: boolean;
  /** REGISTER accepted from outside the LAN (design.md §8). */
  readonly allowRemote: boolean;
}

export interface RegistrationRow {
  readonly extensionId: number;
  /** Contact URI as sent by the device. */
  readonly contact: string;
  /** Source address to reach it ("udp:192.168.1.20:5060"); NAT is handled by using it. */
  readonly source: string;
  readonly userAgent: string;
  readonly callId: string;
  readonly cseq: number;
  /** +sip.instance, if any: a device replaces its own older binding. */
  readonly instance: string;
  readonly registeredAt: number;
  readonly expiresAt: number;
}

export interface TrunkConfig {
  readonly id: number;
  readonly name: string;
  readonly enabled: boolean;
  readonly kind: "registration" | "ip";
  /** Carrier host or IP and port (0 = by lookup / 5060). */
  readonly host: string;
  readonly port: number;
  readonly transport: "udp" | "tcp" | "tls";
  readonly username: string;
  readonly authUsername: string;
  /** Trunk secrets must be usable towards the carrier, so the clear text is stored (0600 file). */
  readonly password: string;
  readonly fromDomain: string;
  readonly outboundProxy: string;
  /** Extra source addresses/CIDRs accepted as this trunk. */
  readonly allowedAddresses: readonly string[];
  readonly maxCalls: number;
  readonly registerExpiresS: number;
  readonly optionsPingS: number;
  readonly codecs: readonly string[];
  /** How to send the caller number. */
  readonly identityHeader: "none" | "pai" | "ppi" | "rpid";
}

export interface Directory {
  readonly realm: string;
  endpointByUser(user: string): EndpointCredentials | undefined;
  trunks(): readonly TrunkConfig[];
  loadRegistrations(): readonly RegistrationRow[];
  /** Durable before the 200 to REGISTER leaves. */
  saveRegistration(row: RegistrationRow): void;
  removeRegistration(extensionId: number, contact: string): void;
}

export interface DeviceState {
  readonly extensionId: number;
  readonly online: boolean;
  readonly devices: readonly {
    readonly contact: string;
    readonly source: string;
    readonly userAgent: string;
    readonly expiresAt: number;
    readonly latencyMs: number | null;
  }[];
}

export interface TrunkState {
  readonly trunkId: number;
  readonly state: "disabled" | "registering" | "registered" | "up" | "down" | "refused" | "unreachable";
  /** In plain words, e.g. "403 Forbidden"; empty when well. */
  readonly reason: string;
  readonly since: number;
  readonly registeredUntil: number | null;
  readonly callsNow: number;
  readonly latencyMs: number | null;
}

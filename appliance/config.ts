/** The one typed configuration; every key is explained in zongji.example.toml. Loading and checks: loadConfig. */
export interface Config {
  readonly dataFolder: string;
  readonly web: {
    readonly address: string;
    readonly port: number;
    /** Pages of other hosts that may open a softphone here, "https://crm.example"; ours always may. */
    readonly origins?: readonly string[];
    /** The same pages by HTTPS; 0 or absent = not. */
    readonly httpsPort?: number;
  };
  readonly tls?: {
    /** Names and addresses of this machine that it does not know of itself. */
    readonly names: readonly string[];
    /** Folder of the administrator's own certificates; "" = certificates/own in the data folder. */
    readonly folder: string;
  };
  readonly sip: {
    /** "embedded" or "drachtio://secret@host:port". */
    readonly engine: string;
    /** Listening points, e.g. "sip:0.0.0.0:5060;transport=udp,tcp". */
    readonly contacts: readonly string[];
    /** Address put into Contact and SDP; "" = the machine's own LAN address. */
    readonly address: string;
    readonly lan: readonly string[];
    readonly realm: string;
    /** Most TCP, TLS and WebSocket connections in all and of one source address. */
    readonly maxConnections?: number;
    readonly maxConnectionsPerSource?: number;
    /** Names of carriers that never go to DNS, and their addresses, best first. */
    readonly hosts?: Readonly<Record<string, readonly string[]>>;
  };
  readonly media: {
    readonly portMin: number;
    readonly portMax: number;
    readonly tts: string;
    /** A party without voice for this long is asked whether it is still there; default 60. */
    readonly silenceSeconds?: number;
  };
  /** Traces of ended calls on disk; absent: kept in memory only. */
  readonly trace?: {
    readonly file: boolean;
    /** Older ones are removed. */
    readonly days: number;
    readonly megabytes: number;
  };
  /** Against attackers; see also the page "Attack defence". */
  readonly defence?: {
    /** Networks that are never judged. */
    readonly exempt: readonly string[];
    /** Length of a first ban, s. */
    readonly banSeconds: number;
    /** Also ban in the kernel: the program nft; "" = do not. */
    readonly nftables: string;
  };
  readonly demo: boolean;
}

/** The one typed configuration; every key is explained in zongji.example.toml. Loading and checks: loadConfig. */
export interface Config {
  readonly dataFolder: string;
  readonly web: {
    readonly address: string;
    readonly port: number;
    /** Pages of other hosts that may open a softphone here, "https://crm.example"; ours always may. */
    readonly origins?: readonly string[];
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
  };
  readonly media: { readonly portMin: number; readonly portMax: number; readonly tts: string };
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

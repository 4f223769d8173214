/** Routing: the configuration of where calls go, and the immutable picture of it that the deciders read. */
import type { Actor, Entity, ListQuery, Page } from "../kernel.ts";
import type { VersionRow } from "../system/model.ts";
import type { Office } from "./decide/index.ts";
import type {
  BlacklistInput,
  BlacklistRow,
  ConditionInput,
  ConditionRow,
  Destination,
  DidInput,
  DidRow,
  DisplayedNumberInput,
  DisplayedNumberRow,
  ExplainStep,
  FeatureCode,
  FlowInput,
  FlowRow,
  GraphFault,
  InboundRouteInput,
  InboundRouteRow,
  MediaFileInput,
  MediaFileRow,
  MediaUpload,
  OutboundRuleInput,
  OutboundRuleRow,
  TrunkInput,
  TrunkRow,
} from "./model.ts";
import type { TrunkLines } from "./trunk-lines.ts";

export { createRouting, destinationKey, parseDestination, type RoutingDeps } from "./create.ts";
export * from "./decide/index.ts";
export * from "./model.ts";
export { loadGroups } from "./rows.ts";
export type { TrunkLines } from "./trunk-lines.ts";
export { WHY_CODES, type Why, type WhyCode } from "./why.ts";

export interface MediaFiles extends Entity<MediaFileRow, MediaFileInput> {
  /** Sniffs, converts, stores. Up to 50 MB. @throws ValidationError at "file" when it is not audio. */
  upload(actor: Actor, upload: MediaUpload): Promise<MediaFileRow>;
  /** Absolute path of the converted 8 kHz WAV. */
  path(actor: Actor, id: number): Promise<string>;
  /**
   * Adds or replaces built-in prompts from WAVs that are converted already (first start). They are in force at once
   * (`current().prompts`).
   */
  installPrompts(prompts: readonly BuiltInPrompt[]): Promise<void>;
}

export interface BuiltInPrompt {
  readonly key: string;
  readonly language: string;
  readonly wav: Uint8Array;
  readonly durationMs: number;
  readonly fileType?: "voice" | "music";
}

export interface Blacklist extends Entity<BlacklistRow, BlacklistInput> {
  /** Several numbers by comma or line break (W-3.6.5.5); known ones are skipped. Returns how many were added. */
  addMany(actor: Actor, numbers: string, note: string): Promise<number>;
}

export interface DestinationOption {
  /** "flow:3", "hangup"; parse with parseDestination. */
  readonly value: string;
  readonly label: string;
  readonly destination: Destination;
}

export interface Routing {
  readonly dids: Entity<DidRow, DidInput>;
  readonly inboundRoutes: Entity<InboundRouteRow, InboundRouteInput>;
  readonly conditions: Entity<ConditionRow, ConditionInput>;
  readonly flows: Entity<FlowRow, FlowInput>;
  readonly outboundRules: Entity<OutboundRuleRow, OutboundRuleInput>;
  readonly trunks: Entity<TrunkRow, TrunkInput> & TrunkLines;
  readonly displayedNumbers: Entity<DisplayedNumberRow, DisplayedNumberInput>;
  readonly mediaFiles: MediaFiles;
  readonly blacklist: Blacklist;
  readonly featureCodes: {
    list(actor: Actor): Promise<readonly FeatureCode[]>;
    /** Replaces the whole table. */
    save(actor: Actor, codes: readonly FeatureCode[]): Promise<void>;
  };
  readonly defaultRoute: {
    get(actor: Actor): Promise<Destination | null>;
    save(actor: Actor, destination: Destination | null): Promise<void>;
  };
  readonly versions: {
    list(actor: Actor, query?: ListQuery): Promise<Page<VersionRow>>;
    /** Puts the configuration of a version back in force; itself a new version. */
    rollback(actor: Actor, id: number): Promise<void>;
  };
  /** Everything a destination picker offers, in the actor's order: type, then name. */
  destinations(actor: Actor): Promise<readonly DestinationOption[]>;
  /** All faults of the configuration as it stands; empty = sound. */
  checkGraph(): readonly GraphFault[];
  /** "What would happen to a call to `did` from `caller` at `at`". */
  explain(actor: Actor, did: string, caller: string, at: number): readonly ExplainStep[];
  /** The configuration in force; replaced whole after each save. */
  current(): Office;
  onChange(listener: (office: Office) => void): () => void;
}

export type ConvertAudio = (
  bytes: Uint8Array,
  fileName: string,
) => Promise<{ readonly wav8k: Uint8Array; readonly durationMs: number }>;
export { COUNTRIES } from "./trunk-options.ts";

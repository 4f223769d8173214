/** What the main thread and the jobs Worker say to each other. */
export interface JobOrder {
  readonly id: number;
  readonly kind: string;
  readonly folder: string;
  readonly file: string;
  readonly version: string;
  readonly params: Readonly<Record<string, unknown>>;
}

export type JobReport =
  | { readonly id: number; readonly type: "progress"; readonly percent: number }
  | { readonly id: number; readonly type: "done"; readonly result: Readonly<Record<string, unknown>> }
  | { readonly id: number; readonly type: "failed"; readonly error: string };

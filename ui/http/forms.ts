/** Forms as they were typed: values by field name, several where a name repeats. Typed reading is in FormReader. */
import { type Complaint, ValidationError } from "../../appliance/kernel.ts";

export type Values = Readonly<Record<string, readonly string[]>>;
export type Complaints = Readonly<Record<string, Complaint>>;

/** Largest ordinary form, bytes. */
export const FORM_LIMIT = 1024 * 1024;
/** Largest upload, bytes. */
export const UPLOAD_LIMIT = 52 * 1024 * 1024;

/** The request's body is over the limit. */
export class TooLargeError extends Error {
  readonly code = "page.413";
  constructor(readonly limit: number) {
    super("body too large");
  }
}

/** The form's fields and its files. @throws TooLargeError */
export async function readForm(
  request: Request,
  limit = FORM_LIMIT,
): Promise<{ values: Values; files: Readonly<Record<string, File>> }> {
  if (Number(request.headers.get("content-length") ?? "0") > limit) throw new TooLargeError(limit);
  const bytes = await boundedBody(request, limit);
  const type = request.headers.get("content-type") ?? "application/x-www-form-urlencoded";
  const data = await new Response(bytes, { headers: { "content-type": type } })
    .formData()
    .catch(() => new FormData());
  const values: Record<string, string[]> = {};
  const files: Record<string, File> = {};
  for (const [name, value] of data.entries()) {
    if (typeof value === "string") {
      if (!values[name]) values[name] = [];
      values[name]?.push(value);
    } else {
      const file: File = value;
      if (file.size > 0) files[name] = file;
    }
  }
  return { values, files };
}

async function boundedBody(request: Request, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  if (request.body) {
    const reader = request.body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      size += part.value.byteLength;
      if (size > limit) {
        await reader.cancel();
        throw new TooLargeError(limit);
      }
      chunks.push(part.value);
    }
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}

/** The first value of a name, "" when absent. */
export function value(values: Values, name: string): string {
  return values[name]?.[0] ?? "";
}

/** Values from plain data, for showing a stored row: true → "1", null → "", arrays → several. */
export function valuesOf(
  data: Readonly<Record<string, string | number | boolean | null | undefined | readonly (string | number)[]>>,
): Values {
  const values: Record<string, readonly string[]> = {};
  for (const [name, item] of Object.entries(data)) {
    if (Array.isArray(item)) values[name] = item.map(String);
    else if (item === true) values[name] = ["1"];
    else if (item === false || item === null || item === undefined) values[name] = [];
    else values[name] = [String(item)];
  }
  return values;
}

/** Reads typed values out of a form and collects complaints about what is no such value. */
export class FormReader {
  readonly complaints: Record<string, Complaint> = {};
  constructor(readonly values: Values) {}

  /** After reading. @throws ValidationError when something was no such value */
  check(): void {
    if (Object.keys(this.complaints).length > 0) throw new ValidationError(this.complaints);
  }

  text(name: string): string {
    return value(this.values, name).trim();
  }
  /** As typed, blanks kept (passwords). */
  raw(name: string): string {
    return value(this.values, name);
  }
  flag(name: string): boolean {
    return value(this.values, name) !== "";
  }
  /** A whole number; empty = `fallback`. */
  int(name: string, fallback: number): number {
    const text = this.text(name);
    if (text === "") return fallback;
    if (!/^-?\d{1,12}$/.test(text)) {
      this.complaints[name] = { code: "error.number" };
      return fallback;
    }
    return Number(text);
  }
  /** A chosen id; empty = null. */
  id(name: string): number | null {
    const text = this.text(name);
    return /^\d{1,15}$/.test(text) ? Number(text) : null;
  }
  /** One of the given words, else the first. */
  pick<const T extends string>(name: string, words: readonly [T, ...T[]]): T {
    const text = this.text(name);
    return words.find((word) => word === text) ?? words[0];
  }
  /** Several values of one name, or one value split at commas, spaces and line ends. */
  list(name: string): readonly string[] {
    return (this.values[name] ?? [])
      .flatMap((text) => text.split(/[\s,，;；]+/))
      .filter((text) => text !== "");
  }
  all(name: string): readonly string[] {
    return this.values[name] ?? [];
  }
  /** A required choice. */
  mustId(name: string): number {
    const id = this.id(name);
    if (id === null) this.complaints[name] = { code: "error.required" };
    return id ?? 0;
  }
}

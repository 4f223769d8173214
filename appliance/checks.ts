/** Gathers complaints about an input, field by field, and refuses it when there are any. */
import { type Complaint, ValidationError } from "./kernel.ts";

export class Checks {
  readonly #fields: Record<string, Complaint> = {};

  /** The first complaint about a field is kept. */
  fail(field: string, code: string, params?: Complaint["params"]): void {
    this.#fields[field] ??= params ? { code, params } : { code };
  }

  /** Trimmed text of at most `max` characters; "" is refused when `required`. */
  text(
    field: string,
    value: string,
    options: { readonly required?: boolean; readonly max?: number } = {},
  ): string {
    const text = String(value ?? "").trim();
    const max = options.max ?? 100;
    if (options.required && text === "") this.fail(field, "error.required");
    else if (text.length > max) this.fail(field, "error.too-long", { max });
    else if (hasControl(text)) this.fail(field, "error.characters");
    return text;
  }

  /** Whole number within the bounds. */
  int(field: string, value: number, min: number, max: number): number {
    if (!Number.isInteger(value) || value < min || value > max) this.fail(field, "error.range", { min, max });
    return value;
  }

  /** Digits only; "" passes unless `required`. */
  digits(
    field: string,
    value: string,
    options: { readonly required?: boolean; readonly max?: number } = {},
  ): string {
    const text = this.text(field, value, { ...options, max: options.max ?? 32 });
    if (text !== "" && !/^\d+$/.test(text)) this.fail(field, "error.digits");
    return text;
  }

  oneOf<T extends string>(field: string, value: T, allowed: readonly T[]): T {
    if (!allowed.includes(value)) this.fail(field, "error.choice");
    return value;
  }

  /** A row that must exist; null passes. */
  known(field: string, id: number | null | undefined, ids: { has(id: number): boolean }): void {
    if (id !== null && id !== undefined && !ids.has(id)) this.fail(field, "error.unknown-choice");
  }

  /** @throws ValidationError when anything was complained about. */
  done(): void {
    if (Object.keys(this.#fields).length > 0) throw new ValidationError(this.#fields);
  }
}

function hasControl(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if ((code < 32 && code !== 10 && code !== 13 && code !== 9) || code === 127) return true;
  }
  return false;
}

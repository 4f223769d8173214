/** CSV as spreadsheets expect it: UTF-8 with BOM, CRLF, and no cell that a spreadsheet would run as a formula. */

export const BOM = "\ufeff";

/** One cell; text that starts like a formula gets an apostrophe in front (design: security defaults). */
export function csvCell(value: string | number | null | undefined): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const guarded = /^[\s]*[=+\-@\t\r|%]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded;
}

export function csvLine(values: readonly (string | number | null | undefined)[]): string {
  return `${values.map(csvCell).join(",")}\r\n`;
}

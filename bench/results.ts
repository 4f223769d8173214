/** bench/RESULTS.md: one section a command, each written by the command that measured it. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./measure.ts";

const FILE = join(ROOT, "bench", "RESULTS.md");

/** The text with section `name` replaced, or added at its end; all others stay as they are. */
export function withSection(text: string, name: string, body: string): string {
  const parts = text.split(/^(?=## )/m).filter((part) => part.startsWith("## "));
  const section = `## ${name}\n\n${body.trim()}\n`;
  const index = parts.findIndex((part) => part.startsWith(`## ${name}\n`));
  if (index < 0) parts.push(section);
  else parts[index] = section;
  return `# Results\n\n${parts.map((part) => part.trim()).join("\n\n")}\n`;
}

export function writeSection(name: string, body: string): void {
  writeFileSync(FILE, withSection(existsSync(FILE) ? readFileSync(FILE, "utf8") : "", name, body));
}

import { expect, test } from "bun:test";
import { withSection } from "./results.ts";

test("a command replaces its own section of the results and leaves the others", () => {
  const first = withSection("", "Bench", "old");
  const both = withSection(first, "Soak", "an hour");
  expect(withSection(both, "Bench", "new")).toBe("# Results\n\n## Bench\n\nnew\n\n## Soak\n\nan hour\n");
});

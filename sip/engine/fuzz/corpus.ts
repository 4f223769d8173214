/** The messages all mutations start from. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const FIXTURES = join(import.meta.dir, "../../../test/fixtures");
/** RFC 4475 and RFC 5118. */
const FOLDERS = [join(FIXTURES, "rfc4475"), join(FIXTURES, "rfc5118")];

/** The messages (`*.dat`) of the folders, in an order that never changes; those of the two RFCs without an argument. */
export function readCorpus(folders: readonly string[] = FOLDERS): Buffer[] {
  return folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((file) => file.endsWith(".dat"))
      .sort()
      .map((file) => readFileSync(join(folder, file))),
  );
}

import { expect, test } from "bun:test";
import { FINDING_CODES } from "../../sip/index.ts";
import { t } from "./index.ts";

test("whatever is found has words and advice in both languages, with the same parameters", () => {
  const parameters = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();
  for (const code of FINDING_CODES)
    for (const key of [`why.${code}`, `fix.${code}`]) {
      const [zh, en] = [t("zh-CN").code(key), t("en").code(key)];
      expect([key, zh]).not.toEqual([key, key]);
      expect([key, en]).not.toEqual([key, key]);
      expect([key, parameters(en)]).toEqual([key, parameters(zh)]);
    }
});

import { expect, test } from "bun:test";
import { AUDIT_ACTIONS, AUDIT_SUBJECTS } from "../../../appliance/system/index.ts";
import { t } from "../../locale/index.ts";
import { detailWords, objectWords, summaryWords } from "./audit-words.ts";

// What is written is one of these lists: the compiler says so of every call in the program.
test("each action and each subject has words in both languages", () => {
  for (const language of ["zh-CN", "en"] as const) {
    for (const action of AUDIT_ACTIONS) expect(t(language).has(`audit.action.${action}`)).toBe(true);
    for (const subject of AUDIT_SUBJECTS) expect(t(language).has(`audit.of.${subject}`)).toBe(true);
  }
});

test("versions and objects in words, also those put back; what is unknown stays as it is", () => {
  expect(summaryWords(t("zh-CN"), "save did 02155501000")).toBe("保存 中继号码 02155501000");
  expect(summaryWords(t("en"), "rollback version save flow Main menu")).toBe(
    "Put back version Save IVR menu Main menu",
  );
  expect(summaryWords(t("en"), "remove group")).toBe("Delete group");
  expect(summaryWords(t("en"), "something else entirely")).toBe("something else entirely");
  const row = { subject: "agent", subjectId: "7", detail: { name: "1001", days: 3 } };
  expect(objectWords(t("zh-CN"), row)).toBe("坐席 7 1001");
  expect(detailWords(t("zh-CN"), { name: "x", days: 3, recordings: ["a", "b"], odd: "y" })).toBe(
    "天数: 3 · 录音: a、b · odd: y",
  );
});

test("settings and the defence in the words of their pages", () => {
  expect(summaryWords(t("zh-CN"), "save settings recordOutbound, holdMusicId, unheardOf")).toBe(
    "保存 系统设置 呼出录音、保持音乐、unheardOf",
  );
  expect(summaryWords(t("en"), "rollback version save settings defaultRoute")).toBe(
    "Put back version Save preferences Default route",
  );
  expect(summaryWords(t("zh-CN"), "save security + 192.0.2.0/24")).toBe(
    "保存 安全防护 白名单增加 192.0.2.0/24",
  );
  expect(summaryWords(t("en"), "save security - ::1")).toBe("Save security ::1 taken off the allow list");
  expect(summaryWords(t("en"), "save security anonymousCalls true")).toBe(
    "Save security calls from strangers allowed",
  );
});

/** Words of the built-in prompts, by key and language. */
export const PROMPT_LANGUAGES = ["zh-CN", "en"] as const;
export type PromptLanguage = (typeof PROMPT_LANGUAGES)[number];

const WORDS: Readonly<Record<string, Readonly<Record<PromptLanguage, string>>>> = {
  welcome: {
    "zh-CN": "您好，欢迎致电。请按键选择服务，或直拨分机号码。",
    en: "Welcome. Please choose an option, or dial an extension.",
  },
  "please-hold": { "zh-CN": "正在为您转接，请稍候。", en: "Please hold while we connect you." },
  "position-before": { "zh-CN": "您前面的排队位置是第", en: "You are number" },
  "position-after": { "zh-CN": "位，请耐心等待。", en: "in the queue. Please wait." },
  "invalid-key": { "zh-CN": "输入有误。", en: "That is not a valid choice." },
  timeout: { "zh-CN": "没有收到您的输入。", en: "We did not receive your input." },
  pin: { "zh-CN": "请输入密码，按井号键结束。", en: "Please enter your password, followed by the hash key." },
  "pin-wrong": { "zh-CN": "密码错误，请重新输入。", en: "Wrong password. Please try again." },
  "signed-in": { "zh-CN": "已签入。", en: "You are signed in." },
  "signed-out": { "zh-CN": "已签出。", en: "You are signed out." },
  paused: { "zh-CN": "已暂停。", en: "You are paused." },
  idle: { "zh-CN": "已置闲。", en: "You are ready for calls." },
  disabled: {
    "zh-CN": "您的账号已停用，不能签入，请联系管理员。",
    en: "Your account is disabled. Please contact the administrator.",
  },
  "not-allowed": { "zh-CN": "此操作不允许。", en: "This is not allowed." },
  "own-number": { "zh-CN": "本机号码是", en: "This extension is" },
  goodbye: { "zh-CN": "再见。", en: "Goodbye." },
};

const DIGITS = ["零", "一", "二", "三", "四", "五", "六", "七", "八", "九"];

/** 0–99 as read in Chinese: 10 = 十, 21 = 二十一. */
export function chineseNumber(n: number): string {
  const tens = Math.floor(n / 10);
  const ones = n % 10;
  if (tens === 0) return DIGITS[ones] ?? "";
  return `${tens === 1 ? "" : (DIGITS[tens] ?? "")}十${ones === 0 ? "" : (DIGITS[ones] ?? "")}`;
}

export interface PromptText {
  readonly key: string;
  readonly text: string;
}

/** Everything spoken in a language: sentences, digits, numbers 0–99. */
export function promptTexts(language: PromptLanguage): readonly PromptText[] {
  const number = (n: number) => (language === "zh-CN" ? chineseNumber(n) : String(n));
  return [
    ...Object.entries(WORDS).map(([key, words]) => ({ key, text: words[language] })),
    ...Array.from({ length: 10 }, (_, n) => ({ key: `digit-${n}`, text: number(n) })),
    ...Array.from({ length: 100 }, (_, n) => ({ key: `number-${n}`, text: number(n) })),
  ];
}

/** Words of the system pages. */
export const systemZh = {} as const;

export const systemEn: Record<keyof typeof systemZh, string> = {};

/** Refusals and complaints, by the codes of the use cases. */
export const errorsZh = {
  "error.validation": "有内容需要修改。",
  "error.required": "必填。",
  "error.number": "请输入数字。",
  "error.forbidden": "没有权限（{permission}）。",
  "error.not-found": "记录不存在，可能已被删除。",
  "error.in-use": "正在被使用，不能删除：{users}。请先解除引用。",
  "error.sign-in": "用户名或密码不正确。",
  "error.sign-in-disabled": "该账号已停用，请联系管理员。",
  "error.sign-in-slow": "尝试次数过多，请在 {seconds} 秒后再试。",
  "error.file": "请选择一个音频文件。",
  "error.unknown": "操作未完成：{code}",
} as const;

export const errorsEn: Record<keyof typeof errorsZh, string> = {
  "error.validation": "Some entries need correcting.",
  "error.required": "Required.",
  "error.number": "Enter a number.",
  "error.forbidden": "Not allowed ({permission}).",
  "error.not-found": "This record does not exist. It may have been deleted.",
  "error.in-use": "In use, so it cannot be deleted: {users}. Change those first.",
  "error.sign-in": "User name or password is wrong.",
  "error.sign-in-disabled": "This account is disabled. Ask an administrator.",
  "error.sign-in-slow": "Too many attempts. Try again in {seconds} seconds.",
  "error.file": "Choose an audio file.",
  "error.unknown": "Not completed: {code}",
};

/** What an alarm says: what happened, and what to do. {subject} and {detail} are filled in where they help. */
import type { AlarmCode } from "../../appliance/system/index.ts";

export const alarmsZh = {
  "alarm.trunk-down": "线路“{subject}”不可用：{detail}。请在“线路”页面查看原因。",
  "alarm.engine-down": "内置 SIP 服务器已断开，话机暂时无法通话。系统会自动重新连接。",
  "alarm.media-lost": "语音服务中断，受影响的通话已结束。系统会自动恢复。",
  "alarm.disk-low": "磁盘空间不足，只剩 {detail}。请删除旧文件或缩短录音保留天数。",
  "alarm.recording-failed": "录音无法写入磁盘：{detail}。通话不受影响，请检查磁盘空间。",
  "alarm.retention": "到期的录音无法删除：{detail}。请检查文件权限。",
  "alarm.certificate": "证书 {subject} 无法使用，原因见“证书”页面。",
  "alarm.prompts": "缺少的提示音无法生成：{detail}。请检查语音合成程序。",
  "alarm.prompt-missing": "菜单“{detail}”的提示音文件不存在。请重新选择或上传。",
  "alarm.unknown-did": "有人拨打未登记的号码 {subject}。如果这是您的号码，请在“号码”页面添加。",
  "alarm.log-waiting": "通话记录暂时无法写入磁盘，会继续重试：{detail}。",
  "alarm.log-lost": "磁盘长时间无法写入，部分通话记录已丢失：{detail}。",
  "alarm.call-fault": "一通电话因程序错误被结束：{detail}",
  "alarm.internal-error": "程序内部错误：{detail}",
} as const satisfies Record<`alarm.${AlarmCode}`, string>;

export const alarmsEn: Record<keyof typeof alarmsZh, string> = {
  "alarm.trunk-down": "The trunk “{subject}” does not work: {detail}. The trunk page tells more.",
  "alarm.engine-down": "The built-in SIP server is away, phones cannot call. It is started again by itself.",
  "alarm.media-lost": "The voice service broke off, calls on it were ended. It comes back by itself.",
  "alarm.disk-low":
    "The disk is nearly full, {detail} left. Remove old files or keep recordings for fewer days.",
  "alarm.recording-failed": "A recording could not be written: {detail}. Calls go on; check the disk.",
  "alarm.retention":
    "Recordings whose days are over cannot be deleted: {detail}. Check the files' permissions.",
  "alarm.certificate": "The certificate {subject} cannot be used; the certificates page says why.",
  "alarm.prompts": "Missing prompts could not be made: {detail}. Check the speech program.",
  "alarm.prompt-missing": "A prompt of the menu “{detail}” has no file. Choose another or upload it.",
  "alarm.unknown-did":
    "Somebody called {subject}, which is not set up. If it is yours, add it to the numbers.",
  "alarm.log-waiting": "Call records cannot be written now, this is tried again: {detail}.",
  "alarm.log-lost": "The disk refused for too long, some call records are lost: {detail}.",
  "alarm.call-fault": "A call was ended by an error of the program: {detail}",
  "alarm.internal-error": "Internal error: {detail}",
};

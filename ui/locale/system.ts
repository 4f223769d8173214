/** Words of preferences, media, audit log and versions. */
export const systemZh = {
  "media.type": "类型", "media.voice": "语音", "media.music": "音乐", "media.category": "分类", "media.length": "时长", "media.file": "音频文件", "media.file-help": "wav、mp3、ogg 或 m4a，最大 50 MB。",
  "set.outbound-ring": "呼出振铃时长", "set.extension-ring": "分机振铃时长", "set.max-inbound": "呼入最大并发", "set.record-inbound": "呼入录音", "set.record-outbound": "呼出录音", "set.record-internal": "内部通话录音", "set.recording-days": "录音保留天数", "set.recording-days-help": "0 表示永久保留。",
  "audit.at": "时间", "audit.actor": "操作人", "audit.action": "操作", "audit.subject": "对象", "audit.address": "来源地址", "audit.detail": "详情",
  "versions.lead": "每次保存配置都会生成一个版本，可一键恢复；恢复本身也是一个新版本。", "versions.summary": "更改", "versions.rollback": "恢复到此版本",
} as const;

export const systemEn: Record<keyof typeof systemZh, string> = {
  "media.type": "Type", "media.voice": "Voice", "media.music": "Music", "media.category": "Category", "media.length": "Length", "media.file": "Audio file", "media.file-help": "wav, mp3, ogg or m4a, up to 50 MB.",
  "set.outbound-ring": "Ring outside numbers for", "set.extension-ring": "Ring extensions for", "set.max-inbound": "Most inbound calls at once", "set.record-inbound": "Record inbound calls", "set.record-outbound": "Record outbound calls", "set.record-internal": "Record internal calls", "set.recording-days": "Keep recordings for days", "set.recording-days-help": "0 = for ever.",
  "audit.at": "Time", "audit.actor": "By", "audit.action": "Action", "audit.subject": "Subject", "audit.address": "From", "audit.detail": "Detail",
  "versions.lead": "Every save of the configuration makes a version that can be put back in one click; putting it back is a version too.", "versions.summary": "Change", "versions.rollback": "Put back",
};

/** Words of the page of certificates. */
export const certificatesZh = {
  "nav.certificates": "证书",
  "certificates.lead":
    "话机的 TLS、网页的 HTTPS 与浏览器软电话所用的证书。机构证书在首次启动时生成，私钥不离开本机。",
  "certificates.trust-title": "让话机和浏览器信任本机",
  "certificates.trust":
    "下载机构证书，装入话机（受信任的 CA）和浏览器或操作系统。之后本机更新证书时无需再装。",
  "certificates.fingerprint": "指纹 (SHA-256)",
  "certificates.download": "下载机构证书",
  "certificates.kind": "种类",
  "certificate.ca": "机构（CA）",
  "certificate.own": "本机",
  "certificate.given": "自备",
  "certificates.names": "名称与地址",
  "certificates.issuer": "签发者",
  "certificates.until": "有效期至",
  "certificates.file": "文件",
  "certificates.renewed":
    "本机证书在到期前 60 天自动更新。自备证书（NAME.pem 与 NAME-key.pem）请放入 {folder}，一分钟内生效。",
  "certificates.problem": "{file} 未被使用：{reason}",
  "certificate.unreadable": "不是可读的证书和私钥",
  "certificate.no-key": "缺少私钥文件",
  "certificate.wrong-key": "私钥与证书不匹配",
  "certificate.expired": "已过期",
  "certificate.not-yet": "尚未生效",
  "certificate.no-names": "证书中没有名称",
} as const;

export const certificatesEn: Record<keyof typeof certificatesZh, string> = {
  "nav.certificates": "Certificates",
  "certificates.lead":
    "For phones by TLS, these pages by HTTPS and softphones in browsers. The authority was made at the first start; its key never leaves this machine.",
  "certificates.trust-title": "Let phones and browsers trust this machine",
  "certificates.trust":
    "Download the authority's certificate and put it into the phones (trusted CA) and into the browser or system. It need not be done again when this machine's certificate is renewed.",
  "certificates.fingerprint": "Fingerprint (SHA-256)",
  "certificates.download": "Download the authority's certificate",
  "certificates.kind": "Kind",
  "certificate.ca": "Authority (CA)",
  "certificate.own": "This machine",
  "certificate.given": "Yours",
  "certificates.names": "Names and addresses",
  "certificates.issuer": "Issued by",
  "certificates.until": "Valid until",
  "certificates.file": "File",
  "certificates.renewed":
    "This machine's certificate is renewed 60 days before its end. Put certificates of your own (NAME.pem with NAME-key.pem) into {folder}; they are taken within a minute.",
  "certificates.problem": "{file} is not used: {reason}",
  "certificate.unreadable": "no readable certificate and key",
  "certificate.no-key": "the key file is missing",
  "certificate.wrong-key": "the key does not belong to the certificate",
  "certificate.expired": "it has expired",
  "certificate.not-yet": "it is not valid yet",
  "certificate.no-names": "there is no name in it",
};

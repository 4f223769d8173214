/** What never leaves the engine's memory in a trace: credentials, media keys, pressed keys, text messages. */

/** Header lines, and the same lines inside of bodies (message/sipfrag). */
const SECRETS =
  /^((?:Proxy-)?Authorization|(?:Proxy-)?Authentication-Info|(?:Proxy-|WWW-)?Authenticate|X-[A-Za-z-]*(?:Secret|Token|Password)[A-Za-z-]*|k)(\s*[:=]\s*)(.*)$/gim;
const DIGEST_PART = /\b(response|rspauth|cnonce|nextnonce|nonce|opaque)\s*=\s*("(?:\\.|[^"\\])*"?|[^,\s]*)/gi;
/** Keys a phone sends by INFO (dtmf-relay, dtmf): they may be somebody's PIN. */
const RELAYED_KEY = /^(\s*(?:Signal|d)\s*[=:]\s*).*$/gim;
const NAMED_SECRET =
  /(\b(?:password|passwd|pwd|passcode|secret|pin|token|密码|口令)["']?\s*[=:：]\s*)("[^"]*"|[^\s;,&<>]+)/gi;
/** A person's words, not signalling. */
const PRIVATE = "*** (text not kept)";

/** A message with its secrets put out of sight; where one stood is still seen. */
export function masked(text: string): string {
  const headEnd = text.indexOf("\r\n\r\n");
  const head = headEnd < 0 ? text : text.slice(0, headEnd);
  const body = headEnd < 0 ? "" : text.slice(headEnd + 4);
  const shownHead = hideCredentials(head).replace(/(sips?:[^\s:@;>"]+):[^\s@;>"]+@/gi, "$1:***@");
  if (headEnd < 0) return hideKeys(shownHead);
  const shownBody = bodyOf(head, body);
  // The length must fit what is shown, or readers of the capture would wait for more.
  const length = `$1${Buffer.byteLength(shownBody)}`;
  const fitting = shownBody === body ? shownHead : shownHead.replace(/^(Content-Length:\s*)\d+/im, length);
  return `${fitting}\r\n\r\n${shownBody}`;
}

function bodyOf(head: string, body: string): string {
  if (body === "") return body;
  const method = /^CSeq:\s*\d+\s+(\S+)/im.exec(head)?.[1]?.toUpperCase();
  if (method === "MESSAGE") return PRIVATE;
  const kind = /^Content-Type:\s*([^\s;]+)/im.exec(head)?.[1]?.toLowerCase() ?? "";
  if (kind === "application/dtmf-relay") return body.replace(RELAYED_KEY, "$1*");
  if (/^application\/(?:dtmf|vnd\.nortelnetworks\.digits)$/.test(kind))
    return body.includes("=") ? body.replace(RELAYED_KEY, "$1*") : "*";
  return hideKeys(hideCredentials(body)).replace(NAMED_SECRET, "$1***");
}

function hideCredentials(text: string): string {
  return text.replace(SECRETS, (_line, name: string, sign: string, value: string) => {
    const digest = /^digest\b/i.test(value) || /^[\w-]*Authentication-Info$/i.test(name);
    return `${name}${sign}${digest ? value.replace(DIGEST_PART, '$1="***"') : "***"}`;
  });
}

/** Keys of SDES (RFC 4568) and MIKEY (RFC 4567), passwords of ICE (RFC 8839). */
function hideKeys(text: string): string {
  return text
    .replace(/(inline:)[^\s;|]+/g, "$1***")
    .replace(/^(a=key-mgmt:\S+ ).*$/gm, "$1***")
    .replace(/^(a=ice-pwd:).*$/gm, "$1***");
}

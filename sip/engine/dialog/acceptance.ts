/**
 * What a user agent server must refuse before it looks at the content (RFC 3261 §8.2.3, §10.3, §13.2.1, §21.4.7). An
 * app that proxies gets such requests all the same: to a proxy their content is nothing.
 */
import { getHeader, getList } from "../message/headers.ts";
import type { SipHeader, SipRequest } from "../message/model.ts";
import { uriOf } from "../transaction/index.ts";

export interface Refusal {
  readonly status: number;
  readonly reason?: string;
  readonly extra?: readonly SipHeader[];
}

/** The refusal a request outside a dialog deserves for its form, or undefined. */
export function formFault(request: SipRequest): Refusal | undefined {
  if (request.method === "REGISTER") {
    // An address of record is a SIP URI (RFC 3261 §10.2).
    const aor = uriOf(getHeader(request, "To") ?? "");
    return /^sips?:/i.test(aor)
      ? undefined
      : { status: 400, reason: "Address Of Record Is No SIP URI", extra: [] };
  }
  if (request.method !== "INVITE") return undefined;
  return bodyFault(request) ?? answerFault(request);
}

/** 415 for a body that is neither SDP nor a multipart which may hold one. */
function bodyFault(request: SipRequest): Refusal | undefined {
  if (request.body.length === 0) return undefined;
  const optional = /;\s*handling\s*=\s*"?optional/i.test(getHeader(request, "Content-Disposition") ?? "");
  const type =
    (getHeader(request, "Content-Type") ?? "application/sdp").split(";")[0]?.trim().toLowerCase() ?? "";
  if (!optional && type !== "application/sdp" && !type.startsWith("multipart/")) {
    return { status: 415, extra: [{ name: "Accept", value: "application/sdp" }] };
  }
  const encoding = getHeader(request, "Content-Encoding")?.trim().toLowerCase() ?? "identity";
  if (encoding !== "identity")
    return { status: 415, extra: [{ name: "Accept-Encoding", value: "identity" }] };
  return undefined;
}

/** 406 for a caller that takes no SDP in the answer. */
function answerFault(request: SipRequest): Refusal | undefined {
  if (getHeader(request, "Accept") === undefined) return undefined;
  const kinds = getList(request, "Accept").map((kind) => kind.split(";")[0]?.trim().toLowerCase());
  const suits = kinds.some(
    (kind) => kind === "application/sdp" || kind === "application/*" || kind === "*/*",
  );
  return suits ? undefined : { status: 406, extra: [] };
}

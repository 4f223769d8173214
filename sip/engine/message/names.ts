/** Canonical header names and the compact forms of RFC 3261 §20 and its extensions. */

const FULL =
  "Accept,Accept-Contact,Accept-Encoding,Accept-Language,Alert-Info,Allow,Allow-Events,Authentication-Info," +
  "Authorization,Call-ID,Call-Info,Contact,Content-Disposition,Content-Encoding,Content-Language," +
  "Content-Length,Content-Transfer-Encoding,Content-Type,CSeq,Date,Diversion,Error-Info,Event,Expires," +
  "Flow-Timer,From,Geolocation,History-Info,Identity,Identity-Info,In-Reply-To,Info-Package,Join," +
  "Max-Forwards,MIME-Version,Min-Expires,Min-SE,Organization,P-Access-Network-Info,P-Asserted-Identity," +
  "P-Associated-URI,P-Called-Party-ID,P-Charging-Vector,P-Early-Media,P-Preferred-Identity,Path,Priority," +
  "Privacy,Proxy-Authenticate,Proxy-Authentication-Info,Proxy-Authorization,Proxy-Require,RAck,Reason," +
  "Record-Route,Recv-Info,Refer-Sub,Refer-To,Referred-By,Reject-Contact,Remote-Party-ID,Replaces,Reply-To," +
  "Request-Disposition,Require,Resource-Priority,Retry-After,Route,RSeq,Server,Service-Route," +
  "Session-Expires,SIP-ETag,SIP-If-Match,Subject,Subscription-State,Supported,Target-Dialog,Timestamp,To," +
  "Unsupported,User-Agent,User-to-User,Via,Warning,WWW-Authenticate,X-Asterisk-HangupCause";

const COMPACT: Readonly<Record<string, string>> = {
  a: "Accept-Contact",
  b: "Referred-By",
  c: "Content-Type",
  d: "Request-Disposition",
  e: "Content-Encoding",
  f: "From",
  i: "Call-ID",
  j: "Reject-Contact",
  k: "Supported",
  l: "Content-Length",
  m: "Contact",
  n: "Identity-Info",
  o: "Event",
  r: "Refer-To",
  s: "Subject",
  t: "To",
  u: "Allow-Events",
  v: "Via",
  x: "Session-Expires",
  y: "Identity",
};

/** As written → canonical; both the exact and the lower-case spelling are keys, so the usual case needs one look-up. */
const byName = new Map<string, string>();
const canonical = new Set<string>();
for (const name of FULL.split(",")) {
  canonical.add(name);
  byName.set(name, name);
  byName.set(name.toLowerCase(), name);
}
for (const [short, name] of Object.entries(COMPACT)) {
  byName.set(short, name);
  byName.set(short.toUpperCase(), name);
}

/** Canonical spelling of a header name: known names and compact forms in any case; unknown names unchanged. */
export function canonicalName(name: string): string {
  return byName.get(name) ?? byName.get(name.toLowerCase()) ?? name;
}

/** Whether the name is one this module knows, in canonical spelling. */
export function isCanonical(name: string): boolean {
  return canonical.has(name);
}

/** Reason phrases of RFC 3261 §21 and the extensions the engine can answer with. */
const REASONS: Readonly<Record<number, string>> = {
  100: "Trying",
  180: "Ringing",
  181: "Call Is Being Forwarded",
  182: "Queued",
  183: "Session Progress",
  199: "Early Dialog Terminated",
  200: "OK",
  202: "Accepted",
  204: "No Notification",
  300: "Multiple Choices",
  301: "Moved Permanently",
  302: "Moved Temporarily",
  305: "Use Proxy",
  380: "Alternative Service",
  400: "Bad Request",
  401: "Unauthorized",
  402: "Payment Required",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  407: "Proxy Authentication Required",
  408: "Request Timeout",
  410: "Gone",
  412: "Conditional Request Failed",
  413: "Request Entity Too Large",
  414: "Request-URI Too Long",
  415: "Unsupported Media Type",
  416: "Unsupported URI Scheme",
  420: "Bad Extension",
  421: "Extension Required",
  422: "Session Interval Too Small",
  423: "Interval Too Brief",
  428: "Use Identity Header",
  429: "Provide Referrer Identity",
  430: "Flow Failed",
  433: "Anonymity Disallowed",
  439: "First Hop Lacks Outbound Support",
  440: "Max-Breadth Exceeded",
  469: "Bad Info Package",
  470: "Consent Needed",
  480: "Temporarily Unavailable",
  481: "Call/Transaction Does Not Exist",
  482: "Loop Detected",
  483: "Too Many Hops",
  484: "Address Incomplete",
  485: "Ambiguous",
  486: "Busy Here",
  487: "Request Terminated",
  488: "Not Acceptable Here",
  489: "Bad Event",
  491: "Request Pending",
  493: "Undecipherable",
  494: "Security Agreement Required",
  500: "Server Internal Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Server Time-out",
  505: "Version Not Supported",
  513: "Message Too Large",
  580: "Precondition Failure",
  600: "Busy Everywhere",
  603: "Decline",
  604: "Does Not Exist Anywhere",
  606: "Not Acceptable",
};

/** The standard reason phrase of a status, or "" for an unknown one. */
export function reasonPhrase(status: number): string {
  return REASONS[status] ?? "";
}

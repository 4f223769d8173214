/** What can go wrong with media, each with a stable `code`. */

/** Warning codes of RFC 3261 §20.43 for media: network protocol, transport or its security, kind of media, codec. */
export type MediaWarning = 300 | 302 | 304 | 305;

/** The party offers or answers nothing we can speak (→ 488 Not Acceptable Here with a Warning). */
export class UnsupportedMediaError extends Error {
  readonly code = "unsupported-media";
  override name = "UnsupportedMediaError";
  readonly warning: MediaWarning;
  constructor(message: string, warning: MediaWarning = 305) {
    super(message);
    this.warning = warning;
  }
}

/** Media cannot be set up now: rtpengine or the port is down, or ports have run out (→ 503). */
export class MediaUnavailableError extends Error {
  readonly code = "media-unavailable";
  override name = "MediaUnavailableError";
}

/** rtpengine cannot be started; the message is one sentence for the person who starts the program. */
export class RtpengineStartError extends Error {
  override name = "RtpengineStartError";
  readonly code: "rtpengine-missing" | "rtpengine-port-in-use" | "rtpengine-failed";
  constructor(code: RtpengineStartError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/** rtpengine did not answer within the time, in spite of retransmissions. */
export class RtpengineTimeoutError extends Error {
  readonly code = "rtpengine-timeout";
  override name = "RtpengineTimeoutError";
}

/** rtpengine refused a command; the message is its `error-reason`. */
export class RtpengineRefusedError extends Error {
  readonly code = "rtpengine-refused";
  override name = "RtpengineRefusedError";
}

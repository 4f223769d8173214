/** A call as a test phone or test carrier has it. */
import { tagOf } from "../engine/message/address.ts";
import { infoDigit } from "../legs/dtmf.ts";
import type { DialogName, IncomingRequest, OutgoingInvite, Reply, SipDialog } from "../srf/model.ts";
import type { HeardTone, TestAudio } from "./audio.ts";

export type TestCallState = "calling" | "ringing" | "answered" | "ended";

export interface TestCallEnd {
  readonly by: "remote" | "local" | "system";
  /** Final status of a call that was not answered. */
  readonly status?: number;
  readonly reason: string;
}

/** Address and port where the peer wants its audio; undefined without audio. */
export function audioTarget(sdp: string): { address: string; port: number } | undefined {
  const port = Number(/^m=audio (\d+)/m.exec(sdp)?.[1] ?? 0);
  const media = sdp.slice(Math.max(0, sdp.search(/^m=audio/m)));
  const address = (/^c=IN IP[46] (\S+)/m.exec(media) ?? /^c=IN IP[46] (\S+)/m.exec(sdp))?.[1];
  return port === 0 || address === undefined ? undefined : { address, port };
}

export class TestCall {
  readonly direction: "in" | "out";
  /** The other side's number. */
  readonly number: string;
  readonly audio: TestAudio;
  state: TestCallState = "calling";
  /** Provisional responses received, in order. */
  readonly progress: number[] = [];
  /** Keys received by SIP INFO, in order. */
  keysByInfo = "";
  /** What a transfer of ours came to, as the exchange told by NOTIFY (RFC 3515 §2.4.5), in order. */
  readonly told: number[] = [];
  readonly #answered = Promise.withResolvers<boolean>();
  readonly #ended = Promise.withResolvers<TestCallEnd>();
  #invite: IncomingRequest | undefined;
  #outgoing: OutgoingInvite | undefined;
  #dialog: SipDialog | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #version = 1;
  #early: DialogName | undefined;

  constructor(direction: "in" | "out", number: string, audio: TestAudio) {
    this.direction = direction;
    this.number = number;
    this.audio = audio;
  }

  /** True when answered, false when it ended before. */
  get answered(): Promise<boolean> {
    return this.#answered.promise;
  }

  get ended(): Promise<TestCallEnd> {
    return this.#ended.promise;
  }

  get invite(): IncomingRequest | undefined {
    return this.#invite;
  }

  get dialog(): SipDialog | undefined {
    return this.#dialog;
  }

  /** Takes a call that came in; `ringing` sends 180. */
  receive(invite: IncomingRequest, ringing: boolean): void {
    this.#invite = invite;
    invite.onCancel((reason) => this.#end({ by: "remote", status: 487, reason: reason ?? "" }));
    if (!ringing) return;
    this.state = "ringing";
    void invite.respond(180);
  }

  /** Answers after `ms`, if it still rings. */
  answerAfter(ms: number): void {
    this.#timer = setTimeout(() => void this.answer(), ms);
  }

  async answer(): Promise<void> {
    const invite = this.#invite;
    if (invite === undefined || this.state === "answered" || this.state === "ended") return;
    const dialog = await invite.accept({ body: this.audio.sdp() });
    // The 200 could not be sent: cancelled in this moment.
    if (dialog === undefined) return this.#end({ by: "remote", status: 487, reason: "" });
    this.#take(dialog, invite.body);
  }

  refuse(status: number, reason?: string): void {
    if (this.#invite === undefined || this.state === "answered" || this.state === "ended") return;
    void this.#invite.respond(status, reason === undefined ? {} : { reason });
    this.#end({ by: "local", status, reason: reason ?? "" });
  }

  /** Follows a call that we placed. */
  follow(outgoing: OutgoingInvite): void {
    this.#outgoing = outgoing;
    void outgoing.dialog.then((dialog) => {
      if (dialog === undefined) return;
      if (this.state === "ended") void dialog.bye();
      else this.#take(dialog, dialog.remoteBody);
    });
    void outgoing.final.then((reply) => {
      if (reply.status >= 300) this.#end({ by: "remote", status: reply.status, reason: reply.reason });
    });
  }

  /** The dialog before the answer, named as this phone sees it; undefined before the 180. */
  get early(): DialogName | undefined {
    if (this.#invite === undefined) return this.#early;
    const { callId, localTag } = this.#invite;
    const remoteTag = tagOf(this.#invite.header("From") ?? "");
    return localTag === undefined || remoteTag === undefined ? undefined : { callId, localTag, remoteTag };
  }

  provisional(reply: Reply): void {
    const [localTag, remoteTag] = [tagOf(reply.header("From") ?? ""), tagOf(reply.header("To") ?? "")];
    if (localTag !== undefined && remoteTag !== undefined)
      this.#early = { callId: reply.header("Call-ID") ?? "", localTag, remoteTag };
    this.progress.push(reply.status);
    if (this.state === "calling") this.state = "ringing";
    const target = audioTarget(reply.body);
    if (target !== undefined) this.audio.sendTo(target.address, target.port);
  }

  /** CANCEL, BYE or refusal. */
  async hangup(): Promise<void> {
    if (this.state === "ended") return;
    const { state } = this;
    this.#end({ by: "local", reason: "" });
    if (state === "answered") await this.#dialog?.bye();
    else if (this.#outgoing !== undefined) this.#outgoing.cancel();
    else void this.#invite?.respond(603);
  }

  /** Presses keys: RFC 4733 in the audio, SIP INFO, or both as some phones do. */
  async press(digits: string, via: "rfc4733" | "info" | "both" = "rfc4733"): Promise<void> {
    if (via !== "info") this.audio.press(digits);
    if (via === "rfc4733") return;
    for (const digit of digits) {
      const body = `Signal=${digit}\r\nDuration=160\r\n`;
      await this.#dialog?.request({
        method: "INFO",
        headers: { "Content-Type": "application/dtmf-relay" },
        body,
      });
    }
  }

  /** re-INVITE with sendonly (hold) or sendrecv. Gives the status. */
  async hold(on: boolean): Promise<number> {
    const body = this.audio.sdp(on ? "sendonly" : "sendrecv", ++this.#version);
    return (await this.#dialog?.request({ method: "INVITE", body }))?.status ?? 481;
  }

  /** REFER; gives the status of its answer. */
  async transfer(referTo: string): Promise<number> {
    const headers = { "Refer-To": `<${referTo}>`, "Referred-By": "<sip:testphone@localhost>" };
    return (await this.#dialog?.request({ method: "REFER", headers }))?.status ?? 481;
  }

  hears(hz: number, withinMs?: number): boolean {
    return this.audio.hears(hz, withinMs);
  }

  heard(): HeardTone[] {
    return this.audio.heard();
  }

  #take(dialog: SipDialog, sdp: string): void {
    this.#dialog = dialog;
    this.state = "answered";
    const target = audioTarget(sdp);
    if (target !== undefined) this.audio.sendTo(target.address, target.port);
    dialog.attach({
      onEnd: (end) => this.#end({ by: end.by, reason: end.reason }),
      onInfo: (request) => {
        this.keysByInfo += infoDigit(request.header("Content-Type"), request.body) ?? "";
        void request.respond(200);
      },
      onNotify: (request) => this.told.push(Number(/^SIP\/2\.0 (\d{3})/.exec(request.body)?.[1])),
      onReoffer: (request) => {
        const moved = audioTarget(request.body);
        if (moved !== undefined) this.audio.sendTo(moved.address, moved.port);
        void request.respond(200, { body: this.audio.sdp("sendrecv", ++this.#version) });
      },
      // A delayed offer: the ACK says where our audio goes.
      onAck: (body) => {
        const late = audioTarget(body);
        if (late !== undefined) this.audio.sendTo(late.address, late.port);
      },
    });
    this.#answered.resolve(true);
  }

  #end(end: TestCallEnd): void {
    if (this.state === "ended") return;
    this.state = "ended";
    clearTimeout(this.#timer);
    this.audio.close();
    this.#answered.resolve(false);
    this.#ended.resolve(end);
  }
}

/** Runs in the browser: JsSIP as a softphone with what a test asks of it. Bundled by `softphone.ts`. */
import JsSIP from "jssip";

type Session = InstanceType<typeof JsSIP.UA>["call"] extends (...args: never[]) => infer R ? R : never;

interface Call {
  readonly session: Session;
  readonly log: string[];
  analyser: AnalyserNode | undefined;
}

interface Stat {
  readonly id: string;
  readonly type: string;
  readonly codecId?: string;
  readonly mimeType?: string;
  readonly srtpCipher?: string;
  readonly packetsReceived?: number;
}

let ua: InstanceType<typeof JsSIP.UA> | undefined;
let call: Call | undefined;
let calls = 0;
const audio = new AudioContext();
const FFT = 4096;

function listen(stream: MediaStream): void {
  if (call === undefined) return;
  // Chromium decodes a remote stream only while an element plays it.
  const element = new Audio();
  element.srcObject = stream;
  element.muted = true;
  void element.play();
  call.analyser = new AnalyserNode(audio, { fftSize: FFT });
  audio.createMediaStreamSource(stream).connect(call.analyser);
}

function follow(session: Session): void {
  const log: string[] = [];
  call = { session, log, analyser: undefined };
  calls++;
  const note = (name: string) => log.push(name);
  for (const name of ["progress", "accepted", "confirmed", "hold", "unhold"] as const)
    session.on(name, () => note(name));
  session.on("ended", (event: { originator: string; cause: string }) =>
    note(`ended ${event.originator} ${event.cause}`),
  );
  session.on("failed", (event: { originator: string; cause: string }) =>
    note(`failed ${event.originator} ${event.cause}`),
  );
  const watch = (connection: RTCPeerConnection) =>
    connection.addEventListener("track", (event) =>
      listen(event.streams[0] ?? new MediaStream([event.track])),
    );
  if (session.connection) watch(session.connection);
  else
    session.on("peerconnection", ({ peerconnection }: { peerconnection: RTCPeerConnection }) =>
      watch(peerconnection),
    );
}

const media = { mediaConstraints: { audio: true, video: false }, pcConfig: { iceServers: [] } };

const softphone = {
  /** Registers; gives "registered" or the cause of the refusal. */
  register(socket: string, number: string, realm: string, password: string): Promise<string> {
    const phone = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(socket)],
      uri: `sip:${number}@${realm}`,
      authorization_user: number,
      password,
      register_expires: 120,
    });
    ua = phone;
    phone.on("newRTCSession", ({ session }: { session: Session }) => follow(session));
    return new Promise((resolve) => {
      phone.on("registered", () => resolve("registered"));
      phone.on("registrationFailed", ({ cause }: { cause?: string }) => resolve(cause ?? "failed"));
      phone.start();
    });
  },
  dial: (number: string, realm: string) => void ua?.call(`sip:${number}@${realm}`, media),
  answer: () => call?.session.answer(media),
  hangUp: () => call?.session.terminate(),
  /** Resolves when the other side has agreed; false when it cannot be done now. */
  hold: (on: boolean) =>
    new Promise<boolean>((resolve) => {
      const done = () => resolve(true);
      const begun = on ? call?.session.hold({}, done) : call?.session.unhold({}, done);
      if (begun !== true) resolve(false);
    }),
  /** Presses keys, as INFO or as RFC 4733 events. */
  press: (keys: string, via: "INFO" | "RFC2833") =>
    call?.session.sendDTMF(keys, {
      transportType: via as never,
      duration: 120,
      interToneGap: 120,
    }),
  /** Calls so far, both ways. */
  calls: () => calls,
  log: (): readonly string[] => call?.log ?? [],
  /** The strongest frequency that is heard now, Hz; 0 in silence. */
  hz(): number {
    const analyser = call?.analyser;
    if (analyser === undefined) return 0;
    const levels = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(levels);
    let best = 0;
    for (let bin = 1; bin < levels.length; bin++)
      if ((levels[bin] ?? -200) > (levels[best] ?? -200)) best = bin;
    return (levels[best] ?? -200) < -50 ? 0 : Math.round((best * audio.sampleRate) / FFT);
  },
  /** How the voice is carried: codec, kind of protection, packets received. */
  async carried(): Promise<{ codec: string; cipher: string; packets: number }> {
    const report = await call?.session.connection?.getStats();
    const entries: Stat[] = [];
    report?.forEach((entry: Stat) => {
      entries.push(entry);
    });
    const inbound = entries.find((entry) => entry.type === "inbound-rtp");
    return {
      codec: entries.find((entry) => entry.id === inbound?.codecId)?.mimeType ?? "",
      cipher: entries.find((entry) => entry.type === "transport")?.srtpCipher ?? "",
      packets: inbound?.packetsReceived ?? 0,
    };
  },
  async leave(): Promise<void> {
    ua?.stop();
  },
};

export type Softphone = typeof softphone;
Object.assign(globalThis, { softphone });

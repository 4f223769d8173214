/** Entry of the media port's Worker: messages in, messages out. */
import { preferThisThread } from "../priority.ts";
import { PortEngine } from "./engine.ts";
import type { FromPort, ToPort } from "./protocol.ts";

declare const self: {
  onmessage: ((event: MessageEvent<ToPort>) => void) | null;
  postMessage(message: FromPort): void;
};

let engine: PortEngine | null = null;

function answer(message: FromPort): void {
  self.postMessage(message);
}

function handle(message: ToPort): void {
  if (message.do === "start") {
    preferThisThread();
    engine ??= new PortEngine(message.options, (event) => answer({ is: "event", event }));
    return;
  }
  const port = engine;
  if (!port) return;
  switch (message.do) {
    case "open":
      port.open(message.leg).then(
        (number) => answer({ is: "opened", request: message.request, port: number }),
        (error: unknown) => answer({ is: "failed", request: message.request, reason: String(error) }),
      );
      return;
    case "connect":
      port.connect(message.leg, message.remote);
      return;
    case "close":
      port.close(message.leg);
      return;
    case "play":
      port.play(message.spec);
      return;
    case "stop-play":
      port.stopPlay(message.leg, message.play);
      return;
    case "hear":
      port.hear(message.listener, message.sources);
      return;
    case "keys":
      port.sendKeys(message.leg, message.digits);
      return;
    case "record":
      port.startRecording(message.spec);
      return;
    case "record-party":
      port.recordParty(message.recording, message.channel, message.leg);
      return;
    case "record-pause":
      port.pauseRecording(message.recording, message.paused);
      return;
    case "record-stop":
      port.stopRecording(message.recording);
      return;
    case "stats":
      answer({ is: "stats", request: message.request, stats: port.stats() });
      return;
    case "stop":
      void port.stop().then(() => answer({ is: "stopped", request: message.request }));
  }
}

self.onmessage = (event) => handle(event.data);

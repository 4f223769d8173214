import { describe, expect, test } from "bun:test";
import type { WebPeer } from "./transport/index.ts";
import { WebDoor, type WebFromEngine, WebHall, type WebToEngine } from "./web-bridge.ts";

const peer: WebPeer = {
  address: "192.0.2.7",
  port: 4000,
  secure: true,
  server: { address: "0.0.0.0", port: 8443 },
};

/** A browser's socket. */
function browser(takes = true) {
  const state = { got: [] as string[], closed: undefined as number | undefined };
  const sink = {
    send(text: string) {
      if (takes) state.got.push(text);
      return takes;
    },
    close(code: number) {
      state.closed ??= code;
    },
  };
  return { state, sink };
}

/** Door and hall with the thread border between them as two queues. */
function bridge(maxUnread?: number) {
  const down: WebToEngine[] = [];
  const up: WebFromEngine[] = [];
  const rooms: { got: (string | Uint8Array)[]; closed: boolean; send: (text: string) => void }[] = [];
  const door = new WebDoor((message) => down.push(message), maxUnread);
  const hall = new WebHall(
    (_, sink) => {
      const room = { got: [] as (string | Uint8Array)[], closed: false, send: sink.send };
      rooms.push(room);
      return {
        message: (data) => room.got.push(data),
        closed: () => {
          room.closed = true;
        },
      };
    },
    (message) => up.push(message),
  );
  const run = () => {
    for (const message of down.splice(0)) hall.receive(message);
    for (const message of up.splice(0)) door.receive(message);
  };
  return { door, rooms, run };
}

describe("web bridge", () => {
  test("frames go both ways in order, and the end of a socket ends its connection", () => {
    const { door, rooms, run } = bridge();
    const { state, sink } = browser();
    const flow = door.open(peer, sink);
    flow?.message("one");
    flow?.message("two");
    run();
    rooms[0]?.send("answer");
    run();
    expect([rooms[0]?.got, state.got]).toEqual([["one", "two"], ["answer"]]);
    flow?.closed();
    flow?.message("late");
    run();
    expect([rooms[0]?.closed, rooms[0]?.got.length, door.size]).toEqual([true, 2, 0]);
  });

  test("an engine that does not keep up is not buried: who goes on talking is closed; read bytes make room", () => {
    const { door, run } = bridge(200_000);
    const busy = browser();
    const flow = door.open(peer, busy.sink);
    for (let n = 0; n < 150; n++) flow?.message("x".repeat(1000));
    expect(busy.state.closed).toBeUndefined();
    run();
    for (let n = 0; n < 100; n++) flow?.message("x".repeat(1000));
    expect(busy.state.closed).toBeUndefined();
    for (let n = 0; n < 100; n++) flow?.message("x".repeat(1000));
    expect(busy.state.closed).toBe(1013);
  });

  test("a browser that does not read is closed", () => {
    const { door, rooms, run } = bridge();
    const { state, sink } = browser(false);
    door.open(peer, sink);
    run();
    rooms[0]?.send("answer");
    run();
    expect(state.closed).toBe(1013);
  });

  test("when the engine is gone everybody is told to come again, those who come meanwhile too", () => {
    const { door } = bridge();
    const early = browser();
    const late = browser();
    door.open(peer, early.sink);
    door.shut();
    expect(door.open(peer, late.sink)).toBeUndefined();
    expect([early.state.closed, late.state.closed, door.size]).toEqual([1012, 1012, 0]);
  });
});

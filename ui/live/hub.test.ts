import { afterEach, describe, expect, test } from "bun:test";
import { createHub, type LiveHub, partials, sseMessage } from "./hub.ts";

const open: { stop(): void }[] = [];
afterEach(() => {
  for (const thing of open.splice(0)) thing.stop();
});

/** A browser's end of a stream: messages as they come, and a way to wait for one. */
async function browser<T>(hub: LiveHub<T>, client: Parameters<LiveHub<T>["open"]>[0]) {
  const server = Bun.serve({ port: 0, idleTimeout: 0, fetch: (request) => hub.open(client, request.signal) });
  open.push({ stop: () => void server.stop(true) });
  const abort = new AbortController();
  const response = await fetch(server.url, { signal: abort.signal });
  let text = "";
  let ended = false;
  const waiting = new Set<() => void>();
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  const pump = (async () => {
    try {
      for (let chunk = await reader?.read(); chunk && !chunk.done; chunk = await reader?.read()) {
        text += chunk.value;
        for (const wake of waiting) wake();
      }
    } catch {
      // Aborted by the test.
    }
    ended = true;
    for (const wake of waiting) wake();
  })();
  const until = (good: () => boolean) =>
    new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`not seen in: ${text}`)), 5_000);
      const look = () => {
        if (!good()) return;
        clearTimeout(timer);
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  return { response, until, pump, leave: () => abort.abort(), text: () => text, ended: () => ended };
}

function hubOf<T>(picture: () => T, options = {}) {
  const hub = createHub(picture, options);
  open.push(hub);
  return hub;
}

describe("live hub", () => {
  test("the first message is the whole picture; later ones only what changed", async () => {
    let calls = 1;
    const hub = hubOf(() => calls, { gapMs: 5 });
    const page = await browser(hub, {
      render: (count) => [
        { id: "calls", html: `<b>${count}</b>` },
        { id: "still", html: "same" },
      ],
    });
    await page.until(() => page.text().includes("<b>1</b>") && page.text().includes("same"));
    calls = 2;
    hub.changed();
    await page.until(() => page.text().includes("<b>2</b>"));
    expect(page.text().split("same").length - 1).toBe(1);
    expect(page.response.headers.get("cache-control")).toContain("no-store");
  });

  test("a storm of changes makes few messages, and the last state arrives", async () => {
    let state = 0;
    let rendered = 0;
    const hub = hubOf(() => state, { gapMs: 40 });
    const page = await browser(hub, {
      render: (value) => {
        rendered++;
        return [{ id: "n", html: `n=${value};` }];
      },
    });
    await page.until(() => page.text().includes("n=0;"));
    const started = Date.now();
    for (state = 1; state <= 500; state++) {
      hub.changed();
      if (state % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    state = 501;
    hub.changed();
    await page.until(() => page.text().includes("n=501;"));
    expect(rendered).toBeLessThanOrEqual(3 + Math.ceil((Date.now() - started) / 40));
  });

  test("heartbeats are named events; a session that ended closes the stream", async () => {
    let signedIn = true;
    const hub = hubOf(() => 0, { heartbeatMs: 20 });
    let closed = 0;
    const page = await browser(hub, { render: () => [], allowed: () => signedIn, onClose: () => closed++ });
    await page.until(() => page.text().includes("event: heartbeat\ndata: "));
    signedIn = false;
    await page.until(() => page.text().includes("event: signed-out") && page.ended());
    expect(hub.size).toBe(0);
    expect(closed).toBe(1);
  });

  test("a browser that leaves is forgotten and later changes do no harm", async () => {
    let state = 0;
    const hub = hubOf(() => state, { gapMs: 1, heartbeatMs: 10 });
    const closed = Promise.withResolvers<void>();
    const stays = await browser(hub, { render: (value) => [{ id: "n", html: `n=${value};` }] });
    const leaves = await browser(hub, { render: () => [], onClose: closed.resolve });
    expect(hub.size).toBe(2);
    leaves.leave();
    await closed.promise;
    expect(hub.size).toBe(1);
    state = 7;
    hub.changed();
    await stays.until(() => stays.text().includes("n=7;"));
  });

  test("a page that fails to draw does not disturb the others", async () => {
    let state = 0;
    const hub = hubOf(() => state, { gapMs: 1 });
    const bad = await browser(hub, {
      render: (value) => {
        if (value > 0) throw new Error("cannot draw (on purpose)");
        return [];
      },
    });
    const good = await browser(hub, { render: (value) => [{ id: "n", html: `n=${value};` }] });
    await bad.until(() => bad.response.ok);
    state = 3;
    hub.changed();
    await good.until(() => good.text().includes("n=3;"));
  });

  test("text cannot forge fields of the stream", () => {
    expect(sseMessage("a\nevent: evil\r\nb")).toBe("data: a\ndata: event: evil\ndata: b\n\n");
    expect(partials([{ id: "x", html: "<p>1</p>" }])).toBe(
      '<hx-partial hx-target="#x" hx-swap="innerMorph"><p>1</p></hx-partial>',
    );
  });
});

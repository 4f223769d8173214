import { describe, expect, jest, onTestFinished, test } from "bun:test";
import { InviteDialog, refreshOf } from "./dialog.ts";
import { fakeReply } from "./fake.ts";

const answer = (value?: string) => ({
  get: (name: string) => (name === "Session-Expires" ? value : undefined),
});
const parts = { id: "d", callId: "c", localTag: "l", remoteTag: "r", remoteBody: "" };
const credentials = { username: "acct", password: "pw" };

describe("sessions that are ours to refresh (RFC 4028)", () => {
  test("who refreshes, and when", () => {
    expect(refreshOf(answer("1800;refresher=uac"), "uac", "INVITE, UPDATE")).toEqual({
      intervalS: 1800,
      afterMs: 720_000,
      method: "UPDATE",
    });
    expect(refreshOf(answer("1800"), "uac", "INVITE, BYE")?.method).toBe("INVITE");
    expect(refreshOf(answer("1800"), "uac", undefined)?.method).toBe("INVITE");
    expect(refreshOf(answer("1800"), "uac", "UPDATE")?.intervalS).toBe(1800);
    expect(refreshOf(answer(" 1800 ; refresher=UAS"), "uas", "UPDATE")?.intervalS).toBe(1800);
    for (const [value, role, allow] of [
      ["1800;refresher=uas", "uac", "UPDATE"],
      ["1800;refresher=uac", "uas", "UPDATE"],
      [undefined, "uac", "UPDATE"],
      ["soon", "uac", "UPDATE"],
    ] as const)
      expect(refreshOf(answer(value), role, allow)).toBeUndefined();
    expect(refreshOf(answer("1"), "uac", "UPDATE")?.intervalS).toBe(90);
    expect(refreshOf(answer("999999999"), "uac", "UPDATE")?.afterMs).toBeLessThan(2 ** 31);
  });

  test("UPDATE with the credentials of the call, again after each answer, none after the end", async () => {
    const sent: { method: string; credentials?: unknown; headers?: unknown }[] = [];
    const twice = Promise.withResolvers<void>();
    const dialog = new InviteDialog(
      { ...parts, credentials, refresh: { intervalS: 90, afterMs: 1, method: "UPDATE" } },
      async (options) => {
        sent.push(options);
        if (options.method === "UPDATE") twice.resolve();
        return fakeReply(200, { headers: { "Session-Expires": "90;refresher=uac" } });
      },
      () => {},
    );
    await twice.promise;
    expect(sent[0]).toMatchObject({
      method: "UPDATE",
      credentials,
      headers: { Supported: "replaces,timer", "Session-Expires": "90;refresher=uac" },
    });
    await dialog.bye();
    expect(sent.map((one) => one.method)).toEqual(["UPDATE", "BYE"]);
  });

  test("a peer that takes no UPDATE: the owner of the call sends the re-INVITE, again after each 2xx", async () => {
    jest.useFakeTimers();
    onTestFinished(() => void jest.useRealTimers());
    const headers: unknown[] = [];
    const dialog = new InviteDialog(
      { ...parts, credentials, refresh: { intervalS: 90, afterMs: 36_000, method: "INVITE" } },
      async () => fakeReply(200),
      () => {},
    );
    dialog.attach({
      onEnd: () => {},
      onRefresh: async (given) => {
        headers.push(given);
        return headers.length === 3
          ? fakeReply(491)
          : fakeReply(200, { headers: { "Session-Expires": "90;refresher=uac" } });
      },
    });
    const after = async (ms: number) => {
      jest.advanceTimersByTime(ms);
      for (let i = 0; i < 10; i++) await Promise.resolve();
      return headers.length;
    };
    expect(await after(36_000)).toBe(1);
    expect(await after(35_000)).toBe(1);
    expect(await after(1000)).toBe(2);
    expect(await after(36_000)).toBe(3);
    // Refused: the engine has the next word, at half time.
    expect(await after(36_000)).toBe(3);
    const sent = { Supported: "replaces,timer", "Session-Expires": "90;refresher=uac" };
    expect(headers).toEqual([sent, sent, sent]);
    await dialog.bye();
    expect(await after(90_000)).toBe(3);
  });

  test("a BYE without an answer, or that could not be sent, is said once more; an answer ends it", async () => {
    const tried = async (first: Parameters<typeof fakeReply>) => {
      const replies = [fakeReply(...first), fakeReply(200)];
      const dialog = new InviteDialog(
        parts,
        async () => replies.shift() ?? fakeReply(500),
        () => {},
      );
      return [(await dialog.bye()).status, replies.length];
    };
    expect(await tried([408])).toEqual([200, 0]);
    expect(await tried([503, { origin: "local" }])).toEqual([200, 0]);
    expect(await tried([503])).toEqual([503, 1]);
    expect(await tried([481])).toEqual([481, 1]);
  });

  test("without credentials the engine keeps the session alone", async () => {
    const sent: string[] = [];
    const updated = Promise.withResolvers<void>();
    const dialogOf = (name: string, afterMs: number, more: { credentials?: typeof credentials }) =>
      new InviteDialog(
        { ...parts, ...more, refresh: { intervalS: 90, afterMs, method: "UPDATE" } },
        async ({ method }) => {
          sent.push(`${name} ${method}`);
          if (method === "UPDATE") updated.resolve();
          return fakeReply(200);
        },
        () => {},
      );
    dialogOf("open", 1, {});
    dialogOf("known", 5, { credentials });
    await updated.promise;
    expect(sent).toEqual(["known UPDATE"]);
  });
});

/** Programs beside the tests: what they write while they run, and an end that always comes. */

type Running = Bun.Subprocess<"ignore" | "pipe", "pipe", "pipe">;

/** Gives to `take` what a program writes to either stream, as it comes, until it closes them. */
export function listenTo(child: Running, take: (text: string) => void): void {
  for (const stream of [child.stdout, child.stderr]) void read(stream, take);
}

async function read(stream: ReadableStream<Uint8Array>, take: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  const reader = stream.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    take(decoder.decode(value, { stream: true }));
  }
}

/** Waits for the end of a program that was asked to end; what has not ended after `patienceMs` is killed. */
export async function endOf(child: Running, patienceMs: number): Promise<void> {
  const timer = setTimeout(() => child.kill("SIGKILL"), patienceMs);
  await child.exited;
  clearTimeout(timer);
}

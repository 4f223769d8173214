/** Runs a helper program with limits; its output never grows without bound. */

export interface CommandResult {
  readonly ok: boolean;
  readonly timedOut: boolean;
  /** The last 500 characters of its error output. */
  readonly message: string;
}

/**
 * Runs `words` (no shell) at low priority. `input` is given on standard input.
 * @throws Error with code ENOENT when the program is missing
 */
export async function runCommand(
  words: readonly string[],
  limits: { readonly timeoutMs: number; readonly input?: string },
): Promise<CommandResult> {
  const [program = "", ...rest] = words;
  if (!Bun.which(program)) {
    throw Object.assign(new Error(`The program ${program} is missing`), { code: "ENOENT" });
  }
  // Conversion must not take the processor from calls.
  const nice = Bun.which("nice") ? ["nice", "-n", "10"] : [];
  const child = Bun.spawn([...nice, program, ...rest], {
    stdin: limits.input === undefined ? "ignore" : new TextEncoder().encode(limits.input),
    stdout: "ignore",
    stderr: "pipe",
  });
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill("SIGKILL");
  }, limits.timeoutMs);
  const reader = child.stderr.getReader();
  const decoder = new TextDecoder();
  let message = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    message = (message + decoder.decode(value, { stream: true })).slice(-500);
  }
  const code = await child.exited;
  clearTimeout(timer);
  return { ok: code === 0 && !timedOut, timedOut, message: message.trim() };
}

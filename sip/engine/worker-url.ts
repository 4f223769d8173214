/** Where the script of the engine's Worker lies; in a compiled program all entry points lie under its root, as scripts. */
export function engineWorkerUrl(): string {
  const here = import.meta.url;
  if (!here.includes("$bunfs")) return new URL("./worker.ts", here).href;
  return new URL("./sip/engine/worker.js", here).href;
}

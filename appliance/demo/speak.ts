/** Speech for the demo's menus by espeak-ng. */
export async function speak(text: string, voice: string): Promise<Uint8Array> {
  const child = Bun.spawn(["espeak-ng", "-v", voice, "-s", "150", "--stdout", text], {
    stdout: "pipe",
    stderr: "ignore",
    timeout: 20_000,
  });
  const wav = new Uint8Array(await new Response(child.stdout).arrayBuffer());
  if ((await child.exited) !== 0 || wav.byteLength < 100)
    throw new Error(`espeak-ng could not speak (${voice})`);
  return wav;
}

/** The built-in waiting music: a slow arpeggio made here note by note, so that it belongs to nobody else. */
export const RATE = 8000;
const NOTE_MS = 400;
/** Broken chords C – Am – F – G, Hz. */
const CHORDS = [
  [261.63, 329.63, 392, 523.25],
  [220, 261.63, 329.63, 440],
  [174.61, 220, 261.63, 349.23],
  [196, 246.94, 293.66, 392],
];
const ORDER = [0, 1, 2, 3, 2, 1, 2, 1];

/** 8 kHz mono 16-bit WAV of two rounds, about 26 s; it loops without a click. Yields between notes. */
export async function composeMusic(): Promise<{ readonly wav: Uint8Array; readonly durationMs: number }> {
  const notes = [...CHORDS, ...CHORDS].flatMap((chord) => ORDER.map((i) => chord[i] ?? 0));
  const perNote = (RATE * NOTE_MS) / 1000;
  const samples = new Int16Array(notes.length * perNote);
  for (const [n, hz] of notes.entries()) {
    for (let i = 0; i < perNote; i++) {
      const t = i / RATE;
      const rise = Math.min(1, i / 80);
      const fall = Math.min(1, (perNote - i) / 400);
      const tone = Math.sin(2 * Math.PI * hz * t) + 0.3 * Math.sin(4 * Math.PI * hz * t);
      samples[n * perNote + i] = Math.round(4500 * rise * fall * Math.exp(-2.2 * t) * tone);
    }
    if (n % 8 === 7) await new Promise((resolve) => setImmediate(resolve));
  }
  return { wav: toWav(samples), durationMs: notes.length * NOTE_MS };
}

/** The short beep before a recording: 1 kHz, 250 ms. */
export function composeBeep(): { readonly wav: Uint8Array; readonly durationMs: number } {
  const samples = Int16Array.from({ length: RATE / 4 }, (_, i) =>
    Math.round(8000 * Math.min(1, i / 40, (RATE / 4 - i) / 40) * Math.sin((2 * Math.PI * 1000 * i) / RATE)),
  );
  return { wav: toWav(samples), durationMs: 250 };
}

function toWav(samples: Int16Array): Uint8Array {
  const wav = Buffer.alloc(44 + samples.byteLength);
  wav.write("RIFF", 0);
  wav.writeUInt32LE(36 + samples.byteLength, 4);
  wav.write("WAVEfmt ", 8);
  wav.writeUInt32LE(16, 16);
  wav.writeUInt16LE(1, 20);
  wav.writeUInt16LE(1, 22);
  wav.writeUInt32LE(RATE, 24);
  wav.writeUInt32LE(RATE * 2, 28);
  wav.writeUInt16LE(2, 32);
  wav.writeUInt16LE(16, 34);
  wav.write("data", 36);
  wav.writeUInt32LE(samples.byteLength, 40);
  for (const [i, sample] of samples.entries()) wav.writeInt16LE(sample, 44 + i * 2);
  return wav;
}

/** Single-frequency detection (Goertzel) and tone synthesis. */

/** Peak of a full-scale digital milliwatt sine in 16-bit A-law: +3.14 dBm0. */
const FULL_SCALE_DBM0 = 3.14;

/** Level of `hz` in `samples`, dBm0; −Infinity when it is absent. */
export function toneLevel(samples: Int16Array, hz: number, rate = 8000): number {
  const coefficient = 2 * Math.cos((2 * Math.PI * hz) / rate);
  let s1 = 0;
  let s2 = 0;
  for (let i = 0; i < samples.length; i++) {
    const s0 = (samples[i] ?? 0) + coefficient * s1 - s2;
    s2 = s1;
    s1 = s0;
  }
  const power = s1 * s1 + s2 * s2 - coefficient * s1 * s2;
  const amplitude = (2 * Math.sqrt(Math.max(0, power))) / Math.max(1, samples.length);
  return 20 * Math.log10(amplitude / 32767) + FULL_SCALE_DBM0;
}

/** Level of everything in `samples`, dBm0. */
export function totalLevel(samples: Int16Array): number {
  let sum = 0;
  for (let i = 0; i < samples.length; i++) sum += (samples[i] ?? 0) ** 2;
  const amplitude = Math.sqrt((2 * sum) / Math.max(1, samples.length));
  return 20 * Math.log10(amplitude / 32767) + FULL_SCALE_DBM0;
}

/** True when `hz` carries a clear share of the energy (−10 dB of the total) and is above `floor` dBm0. */
export function hasTone(samples: Int16Array, hz: number, rate = 8000, floor = -40): boolean {
  const level = toneLevel(samples, hz, rate);
  return level > floor && level > totalLevel(samples) - 10;
}

/** `samples` samples of the sum of sines `hz`, each at `level` dBm0, beginning at sample number `from`. */
export function sines(
  hz: readonly number[],
  samples: number,
  level = -15,
  from = 0,
  rate = 8000,
): Int16Array {
  const amplitude = 32767 * 10 ** ((level - FULL_SCALE_DBM0) / 20);
  const out = new Int16Array(samples);
  for (let i = 0; i < samples; i++) {
    let value = 0;
    for (const frequency of hz) value += Math.sin((2 * Math.PI * frequency * (from + i)) / rate);
    out[i] = Math.max(-32768, Math.min(32767, Math.round(value * amplitude)));
  }
  return out;
}

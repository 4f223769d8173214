/** G.711 A-law and mu-law (ITU-T G.711), by table: one look-up a sample. */

function decodeAlawSample(code: number): number {
  const value = code ^ 0x55;
  const exponent = (value >> 4) & 7;
  const mantissa = (value & 15) << 4;
  const magnitude = exponent === 0 ? mantissa + 8 : (mantissa + 0x108) << (exponent - 1);
  return value & 0x80 ? magnitude : -magnitude;
}

function encodeAlawSample(sample: number): number {
  // Work on 13 bits: A-law has no finer resolution.
  let value = sample >> 3;
  let mask = 0xd5;
  if (value < 0) {
    mask = 0x55;
    value = -value - 1;
  }
  if (value > 4095) value = 4095;
  let segment = 0;
  for (let limit = value >> 5; limit > 0; limit >>= 1) segment++;
  const quantised = segment < 2 ? (value >> 1) & 15 : (value >> segment) & 15;
  return ((segment << 4) | quantised) ^ mask;
}

function decodeUlawSample(code: number): number {
  const value = ~code & 0xff;
  const magnitude = ((((value & 15) << 3) + 0x84) << ((value >> 4) & 7)) - 0x84;
  return value & 0x80 ? -magnitude : magnitude;
}

const ALAW_TO_LINEAR = Int16Array.from({ length: 256 }, (_, code) => decodeAlawSample(code));
const ULAW_TO_LINEAR = Int16Array.from({ length: 256 }, (_, code) => decodeUlawSample(code));
/** Indexed by the upper 13 bits of a sample. */
const LINEAR_TO_ALAW = Uint8Array.from({ length: 8192 }, (_, index) =>
  encodeAlawSample((index < 4096 ? index : index - 8192) << 3),
);

/** The A-law code of silence. */
export const ALAW_SILENCE = 0xd5;

/** Decodes A-law bytes into 16-bit samples; `out` must be at least as long as `codes`. */
export function alawToLinear(codes: Uint8Array, out: Int16Array = new Int16Array(codes.length)): Int16Array {
  for (let i = 0; i < codes.length; i++) out[i] = ALAW_TO_LINEAR[codes[i] ?? 0] ?? 0;
  return out;
}

/** Encodes 16-bit samples to A-law bytes; `out` must be at least as long as `samples`. */
export function linearToAlaw(
  samples: Int16Array,
  out: Uint8Array = new Uint8Array(samples.length),
): Uint8Array {
  for (let i = 0; i < samples.length; i++) out[i] = LINEAR_TO_ALAW[((samples[i] ?? 0) >> 3) & 0x1fff] ?? 0;
  return out;
}

/** Decodes mu-law bytes into 16-bit samples. */
export function ulawToLinear(codes: Uint8Array, out = new Int16Array(codes.length)): Int16Array {
  for (let i = 0; i < codes.length; i++) out[i] = ULAW_TO_LINEAR[codes[i] ?? 0] ?? 0;
  return out;
}

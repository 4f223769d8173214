/** Nonces that prove by themselves that they are ours and how old they are (RFC 7616 §5.4): a challenge costs no memory. */

/**
 * `TIME.RANDOM.SIGNATURE`; `now` in UTC ms. `party`: good only for whom it was made; an answer then proves that the
 * address is not forged.
 */
export function makeNonce(secret: Uint8Array, now: number, party: string): string {
  const random = crypto.randomUUID();
  const text = `${Math.floor(now).toString(36)}.${random.slice(0, 8)}${random.slice(24)}`;
  return `${text}.${sign(secret, text, party)}`;
}

/** When the nonce was made, UTC ms; undefined when it is none of ours or another's. */
export function nonceTime(secret: Uint8Array, nonce: string, party: string): number | undefined {
  const cut = nonce.lastIndexOf(".");
  if (cut < 0 || sign(secret, nonce.slice(0, cut), party) !== nonce.slice(cut + 1)) return undefined;
  return Number.parseInt(nonce.slice(0, nonce.indexOf(".")), 36);
}

function sign(secret: Uint8Array, text: string, party: string): string {
  return new Bun.CryptoHasher("sha256", secret).update(`${text} ${party}`).digest("base64url").slice(0, 22);
}

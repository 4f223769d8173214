/** Byte strings that come and go in the same order, kept in a few large blocks: nothing a string for the collector to find. */

const BLOCK = 262_144;

export class ByteQueue {
  readonly #blocks: Buffer[] = [];
  /** Number of the block that `#blocks` begins with. */
  #firstBlock = 0;
  #used = 0;
  #spare: Buffer | undefined;
  /** By place: the block's number, where in it, and how long. */
  readonly #block: Uint32Array;
  readonly #from: Uint32Array;
  readonly #length: Uint32Array;
  #head = 0;
  #tail = 0;

  /** @param capacity strings held at most; what is pushed beyond overwrites the places of the oldest. */
  constructor(private readonly capacity: number) {
    this.#block = new Uint32Array(capacity);
    this.#from = new Uint32Array(capacity);
    this.#length = new Uint32Array(capacity);
  }

  get size(): number {
    return this.#tail - this.#head;
  }

  /** Bytes of the blocks held. */
  get held(): number {
    return this.#blocks.reduce((sum, block) => sum + block.length, this.#spare?.length ?? 0);
  }

  /** Copies `bytes` in. @returns their number, by which they are read. */
  push(bytes: Uint8Array): number {
    if (this.size === this.capacity) this.shift();
    let last = this.#blocks[this.#blocks.length - 1];
    if (last === undefined || this.#used + bytes.length > last.length) {
      last = this.#take(bytes.length);
      this.#blocks.push(last);
      this.#used = 0;
    }
    last.set(bytes, this.#used);
    const place = this.#tail % this.capacity;
    this.#block[place] = this.#firstBlock + this.#blocks.length - 1;
    this.#from[place] = this.#used;
    this.#length[place] = bytes.length;
    this.#used += bytes.length;
    return this.#tail++;
  }

  /** A copy of the bytes of that number; empty when they are gone. */
  read(number: number): Buffer {
    const place = number % this.capacity;
    const block = this.#blocks[(this.#block[place] ?? 0) - this.#firstBlock];
    if (number < this.#head || number >= this.#tail || block === undefined) return Buffer.alloc(0);
    const from = this.#from[place] ?? 0;
    return Buffer.from(block.subarray(from, from + (this.#length[place] ?? 0)));
  }

  /** Forgets the oldest. */
  shift(): void {
    if (this.size === 0) return;
    this.#head++;
    if (this.size === 0) {
      // The last block is begun anew: one string now and then must not cost a block each time.
      this.#release(this.#firstBlock + this.#blocks.length - 1);
      this.#used = 0;
      return;
    }
    this.#release(this.#block[this.#head % this.capacity] ?? 0);
  }

  /** Gives up the blocks before that number. */
  #release(first: number): void {
    for (; this.#firstBlock < first; this.#firstBlock++) {
      const free = this.#blocks.shift();
      if (free?.length === BLOCK) this.#spare = free;
    }
  }

  #take(length: number): Buffer {
    if (length > BLOCK) return Buffer.allocUnsafeSlow(length);
    const spare = this.#spare ?? Buffer.allocUnsafeSlow(BLOCK);
    this.#spare = undefined;
    return spare;
  }
}

/** The longest value that memory is kept for; longer ones are few. */
const MAX_KEPT = 16 * 1024;

/** A buffer of which only a part is the value; the library's types leave these members out. */
type PartlyUsed = Buffer & { start: number; end: number };

/**
 * One value in memory that is used again and again, to be written inside a transaction: what is put there is copied at once.
 *
 * Of a buffer that is new the library asks where its memory lies, and on Bun that moves it into memory of its own. Of one that
 * says where the value starts and ends in it, as its encoders do, it asks once.
 */
export class ReusedValue {
  readonly #kept = partlyUsed(MAX_KEPT);

  /** Two parts and a number of 16 bits as one value, as the library is to take it; good until the next call. */
  ofParts(first: Uint8Array, second: Uint8Array, number: number): Buffer {
    const length = first.length + second.length + 2;
    const value = length > MAX_KEPT ? Buffer.allocUnsafe(length) : this.#kept;
    value.set(first);
    value.set(second, first.length);
    value[length - 2] = number >>> 8;
    value[length - 1] = number;
    this.#kept.end = length;
    return value;
  }
}

function partlyUsed(size: number): PartlyUsed {
  // Slow: with a memory of its own, for the library takes the start of that for the start of the buffer.
  return Object.assign(Buffer.allocUnsafeSlow(size), { start: 0, end: 0 });
}

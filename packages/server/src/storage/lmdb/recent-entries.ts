/**
 * The newest entry of each key, by number, among the entries that the index does not include yet,
 * and what is known of the place to which the index leads meanwhile. Numbers only increase.
 */

/** Where the index leads for a key, as far as memory knows. */
export interface IndexedPlace {
  /** The number there; {@link NOWHERE}, {@link UNKNOWN} or {@link AS_BEFORE} instead of one. */
  readonly number: number;
  /** Its weight (`segments.ts`). */
  readonly weight: number;
}

/** The index does not have the key. */
export const NOWHERE = 0;
/** It must be looked up. */
export const UNKNOWN = -1;
/** The key was recent already, so what was known of it still holds. */
export const AS_BEFORE = -2;

export const UNKNOWN_PLACE: IndexedPlace = { number: UNKNOWN, weight: 0 };
export const PLACE_AS_BEFORE: IndexedPlace = { number: AS_BEFORE, weight: 0 };

/** What is known of a recent key. */
export interface RecentEntry {
  readonly number: number;
  /** Its weight; 0 when the entry must be read to know its place: a delta or a removal. */
  readonly weight: number;
  readonly indexed: IndexedPlace;
}

const FIRST_SLOTS = 1024;

export class RecentEntries {
  /** The slot of each key in the arrays. */
  #slots = new Map<string, number>();
  #numbers = new Float64Array(FIRST_SLOTS);
  #weights = new Uint16Array(FIRST_SLOTS);
  #indexedNumbers = new Float64Array(FIRST_SLOTS);
  #indexedWeights = new Uint16Array(FIRST_SLOTS);
  /** Slots below this have been given out; those of dropped keys are not used again. */
  #end = 0;
  /** Size of all keys in bytes, so that long keys can be limited too. */
  keyBytes = 0;

  get size(): number {
    return this.#slots.size;
  }

  /** @param key as a string of one character per byte */
  get(key: string): number | undefined {
    const slot = this.#slots.get(key);
    return slot === undefined ? undefined : this.#numbers[slot];
  }

  /** All that is known of a key. */
  entryOf(key: string): RecentEntry | undefined {
    const slot = this.#slots.get(key);
    if (slot === undefined) return undefined;
    const number = this.#indexedNumbers[slot]!;
    return {
      number: this.#numbers[slot]!,
      weight: this.#weights[slot]!,
      indexed: { number, weight: this.#indexedWeights[slot]! },
    };
  }

  set(key: string, number: number, weight: number, indexed: IndexedPlace): void {
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      slot = this.#end;
      if (slot === this.#numbers.length) this.#resize(2 * slot);
      this.#end += 1;
      this.#slots.set(key, slot);
      this.keyBytes += key.length;
      this.#indexedNumbers[slot] = indexed.number;
    } else if (indexed.number !== AS_BEFORE) {
      this.#indexedNumbers[slot] = indexed.number;
    }
    if (indexed.number !== AS_BEFORE) this.#indexedWeights[slot] = indexed.weight;
    this.#numbers[slot] = number;
    this.#weights[slot] = weight;
  }

  /** The index may lead elsewhere now for this key. */
  forgetIndexed(key: string): void {
    const slot = this.#slots.get(key);
    if (slot !== undefined) this.#indexedNumbers[slot] = UNKNOWN;
  }

  /** The index may lead elsewhere now for any key. */
  forgetAllIndexed(): void {
    this.#indexedNumbers.fill(UNKNOWN, 0, this.#end);
  }

  /** Removes a key if its newest entry has this number. */
  drop(key: string, number: number): void {
    if (this.get(key) !== number) return;
    this.#slots.delete(key);
    this.keyBytes -= key.length;
  }

  /**
   * Removes every key whose newest entry has a lower number.
   * @param onDrop called with each
   */
  dropBelow(lowest: number, onDrop: (key: string) => void): void {
    // Usually most keys are removed, and a new map is faster than deleting them one by one.
    const kept = new Map<string, number>();
    let end = 0;
    for (const [key, slot] of this.#slots) {
      const number = this.#numbers[slot]!;
      if (number < lowest) {
        this.keyBytes -= key.length;
        onDrop(key);
        continue;
      }
      // A map is in the order of its keys' first entries, as slots are, so none is overwritten
      // before it was read.
      this.#numbers[end] = number;
      this.#weights[end] = this.#weights[slot]!;
      this.#indexedNumbers[end] = this.#indexedNumbers[slot]!;
      this.#indexedWeights[end] = this.#indexedWeights[slot]!;
      kept.set(key, end);
      end += 1;
    }
    this.#slots = kept;
    this.#end = end;
  }

  clear(): void {
    this.#slots.clear();
    this.#end = 0;
    this.keyBytes = 0;
  }

  /** All keys in their order. */
  sorted(): string[] {
    // Without a function to compare by, code units decide, one per byte.
    return Array.from(this.#slots.keys()).sort();
  }

  /** The keys from `start` to before `end`. Examines every key. */
  between(start: string, end: string): string[] {
    const found: string[] = [];
    for (const key of this.#slots.keys()) if (key >= start && key < end) found.push(key);
    return found;
  }

  #resize(slots: number): void {
    const grown = <T extends Float64Array | Uint16Array>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    this.#numbers = grown(this.#numbers, new Float64Array(slots));
    this.#weights = grown(this.#weights, new Uint16Array(slots));
    this.#indexedNumbers = grown(this.#indexedNumbers, new Float64Array(slots));
    this.#indexedWeights = grown(this.#indexedWeights, new Uint16Array(slots));
  }
}

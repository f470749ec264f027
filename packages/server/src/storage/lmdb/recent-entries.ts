/**
 * The newest entry of each key, by number, among the entries that the index does not include yet.
 * Numbers only increase.
 */
export class RecentEntries {
  #numbers = new Map<string, number>();
  /** Size of all keys in bytes, so that long keys can be limited too. */
  keyBytes = 0;

  get size(): number {
    return this.#numbers.size;
  }

  /** @param key as a string of one character per byte */
  get(key: string): number | undefined {
    return this.#numbers.get(key);
  }

  set(key: string, number: number): void {
    const { size } = this.#numbers;
    this.#numbers.set(key, number);
    if (this.#numbers.size !== size) this.keyBytes += key.length;
  }

  /** Removes a key if its newest entry has this number. */
  drop(key: string, number: number): void {
    if (this.#numbers.get(key) !== number) return;
    this.#numbers.delete(key);
    this.keyBytes -= key.length;
  }

  /**
   * Removes every key whose newest entry has a lower number.
   * @param onDrop called with each
   */
  dropBelow(lowest: number, onDrop: (key: string) => void): void {
    // Usually most keys are removed, and a new map is faster than deleting them one by one.
    const kept = new Map<string, number>();
    for (const [key, number] of this.#numbers) {
      if (number >= lowest) {
        kept.set(key, number);
      } else {
        this.keyBytes -= key.length;
        onDrop(key);
      }
    }
    this.#numbers = kept;
  }

  clear(): void {
    this.#numbers.clear();
    this.keyBytes = 0;
  }

  /** The keys whose newest entry is at or below `to`. */
  upTo(to: number): { readonly key: string; readonly number: number }[] {
    const found: { key: string; number: number }[] = [];
    for (const [key, number] of this.#numbers) if (number <= to) found.push({ key, number });
    return found;
  }

  /** The keys from `start` to before `end`. Examines every key. */
  between(start: string, end: string): string[] {
    const found: string[] = [];
    for (const key of this.#numbers.keys()) if (key >= start && key < end) found.push(key);
    return found;
  }
}

/** Of each key the number of its newest entry among those that the index does not have yet; numbers only rise. */
export class RecentEntries {
  /** In the order of the numbers. */
  readonly #numbers = new Map<string, number>();
  /** Bytes of all keys, so that long ones can be bounded too. */
  keyBytes = 0;

  get size(): number {
    return this.#numbers.size;
  }

  /** @param key as a text of one character a byte */
  get(key: string): number | undefined {
    return this.#numbers.get(key);
  }

  set(key: string, number: number): void {
    // Taken out first, so that it comes to lie last.
    if (!this.#numbers.delete(key)) this.keyBytes += key.length;
    this.#numbers.set(key, number);
  }

  /** Leaves out every key whose newest entry has a lower number. */
  dropBelow(lowest: number): void {
    for (const [key, number] of this.#numbers) {
      if (number >= lowest) return;
      this.#numbers.delete(key);
      this.keyBytes -= key.length;
    }
  }

  clear(): void {
    this.#numbers.clear();
    this.keyBytes = 0;
  }

  /** The keys whose newest entry is at or below `to`. */
  upTo(to: number): { readonly key: string; readonly number: number }[] {
    const found: { key: string; number: number }[] = [];
    for (const [key, number] of this.#numbers) {
      if (number > to) break;
      found.push({ key, number });
    }
    return found;
  }

  /** The keys from `start` up to and without `end`; looks at every key. */
  between(start: string, end: string): string[] {
    const found: string[] = [];
    for (const key of this.#numbers.keys()) if (key >= start && key < end) found.push(key);
    return found;
  }
}

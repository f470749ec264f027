import { ID_KINDS, type IdKind, type VisitorId } from '../../domain/visitor-id.ts';

/** One id with the number of its newest entry. */
export interface NewestEntry {
  readonly client: string;
  readonly id: VisitorId;
  readonly number: number;
}

/** Of each id the number of its newest entry in the journal; numbers only rise. */
export class NewestEntries implements Iterable<NewestEntry> {
  /** By client, then by the kind of the id; in each the ids lie in the order of their numbers. */
  readonly #clients = new Map<string, Readonly<Record<IdKind, Map<string, number>>>>();
  size = 0;

  get(client: string, { kind, value }: VisitorId): number | undefined {
    return this.size === 0 ? undefined : this.#clients.get(client)?.[kind].get(value);
  }

  set(client: string, { kind, value }: VisitorId, number: number): void {
    let kinds = this.#clients.get(client);
    if (kinds === undefined) {
      kinds = { thirdPartyId: new Map(), customerId: new Map(), ecid: new Map(), tntId: new Map() };
      this.#clients.set(client, kinds);
    }
    const numbers = kinds[kind];
    // Taken out first, so that it comes to lie last.
    if (!numbers.delete(value)) this.size += 1;
    numbers.set(value, number);
  }

  /** Leaves out every id whose newest entry has a lower number. */
  dropBelow(lowest: number): void {
    if (this.size === 0) return;
    for (const kinds of this.#clients.values()) {
      for (const kind of ID_KINDS) {
        for (const [value, number] of kinds[kind]) {
          if (number >= lowest) break;
          kinds[kind].delete(value);
          this.size -= 1;
        }
      }
    }
  }

  clear(): void {
    this.#clients.clear();
    this.size = 0;
  }

  *[Symbol.iterator](): Generator<NewestEntry, void, undefined> {
    for (const [client, kinds] of this.#clients) {
      for (const kind of ID_KINDS) {
        for (const [value, number] of kinds[kind]) yield { client, id: { kind, value }, number };
      }
    }
  }
}

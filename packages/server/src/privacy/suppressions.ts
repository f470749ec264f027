/**
 * Decides for which ids nothing may be stored (contract section 22). For a client without any, this
 * costs one look-up in a map.
 *
 * If the store counts changes in memory that all processes share, cached decisions are valid while
 * the count is the same. Over a network they are valid for a quarter of a second, so after
 * suppressing an id, {@link Suppressions.settledMs} must pass before every process knows it.
 */

import { createHmac } from 'node:crypto';
import type { VisitorId } from '../domain/visitor-id.ts';
import {
  readSuppressions,
  type Suppression,
  type SuppressionStore,
} from '../storage/kept/suppression-store.ts';

/** Whether an id is suppressed. */
export type IsSuppressed = (id: VisitorId) => boolean;

/** How long an answer is valid if the store does not count changes, in milliseconds. */
const FRESH_MS = 250;
/**
 * How long a write may still be under way that started before an id was suppressed, in
 * milliseconds.
 */
const UNDER_WAY_MS = 500;
const HASH_CHARACTERS = 22;

interface Kept {
  /** Undefined when there is none. */
  readonly check: IsSuppressed | undefined;
  /** The count of changes read before it; undefined if the store does not count. */
  readonly changes: number | undefined;
  /** Monotonic milliseconds. */
  readonly at: number;
}

export class Suppressions {
  readonly #store: SuppressionStore;
  readonly #key: Uint8Array;
  readonly #kept = new Map<string, Kept>();
  readonly #asking = new Map<
    string,
    { readonly changes: number | undefined; readonly kept: Promise<Kept> }
  >();

  /**
   * @param key of 32 bytes; the same in every process that shares the store, and in every edge
   *   cluster
   */
  constructor(store: SuppressionStore, key: Uint8Array) {
    this.#store = store;
    this.#key = key;
  }

  /** How long to wait until every process applies a suppression, in milliseconds. */
  get settledMs(): number {
    return this.#store.changes === undefined ? 2 * FRESH_MS + UNDER_WAY_MS : UNDER_WAY_MS;
  }

  /** The test for suppressed ids of a client; undefined when it has none. */
  of(client: string): IsSuppressed | undefined | Promise<IsSuppressed | undefined> {
    const kept = this.#kept.get(client);
    const changes = this.#store.changes?.();
    const holds =
      kept !== undefined &&
      (changes === undefined ? performance.now() - kept.at < FRESH_MS : kept.changes === changes);
    return holds ? kept.check : this.#ask(client, changes);
  }

  /**
   * Records decisions for ids.
   * @param at epoch milliseconds
   * @returns what to pass on to other edge clusters
   */
  async decide(
    client: string,
    ids: readonly VisitorId[],
    isSuppressed: boolean,
    at: number,
  ): Promise<Suppression[]> {
    const decisions = ids.map((id) => ({ hash: this.hashOf(client, id), isSuppressed, at }));
    await this.takeIn(client, decisions);
    return decisions;
  }

  /** Takes in decisions made here or elsewhere. */
  async takeIn(client: string, decisions: readonly Suppression[]): Promise<void> {
    if (decisions.length === 0) return;
    if ((await this.#store.keyMark()) === undefined) await this.#store.setKeyMark(this.#mark());
    await this.#store.add(client, decisions);
    this.#kept.delete(client);
  }

  /** Digests of the decisions of a client, by the first character of the hash. */
  async digests(client: string): Promise<Record<string, string>> {
    const all = await this.#store.all(client);
    return Object.fromEntries([...all].map(([key, text]) => [key, this.#hmac(text)]));
  }

  /** The decisions of a client that differ from those of another cluster. */
  async unlike(client: string, digests: Readonly<Record<string, string>>): Promise<Suppression[]> {
    const all = await this.#store.all(client);
    return [...all].flatMap(([key, text]) =>
      digests[key] === this.#hmac(text) ? [] : readSuppressions(text),
    );
  }

  /** The keyed hash that stands for an id. */
  hashOf(client: string, { kind, value }: VisitorId): string {
    return this.#hmac(`${client}\0${kind}\0${value}`);
  }

  /** @throws Error when the store has hashes made with another key, which would match nobody */
  async requireKey(): Promise<void> {
    const mark = await this.#store.keyMark();
    if (mark === undefined || mark === this.#mark()) return;
    throw new Error(
      'the store has suppressed ids that were hashed with another signing key; start with that key (QUIVER_SIGNING_KEY, or the file signing-key)',
    );
  }

  #mark(): string {
    return this.#hmac('the key of the suppressed ids');
  }

  #hmac(text: string): string {
    return createHmac('sha256', this.#key).update(text).digest('base64url').slice(0, HASH_CHARACTERS);
  }

  async #ask(client: string, changes: number | undefined): Promise<IsSuppressed | undefined> {
    const asking = this.#asking.get(client);
    if (asking && asking.changes === changes) return (await asking.kept).check;
    const at = performance.now();
    const kept = this.#store
      .all(client)
      .then((all): Kept => ({ check: this.#checkOf(client, all), changes, at }));
    this.#asking.set(client, { changes, kept });
    try {
      const found = await kept;
      // An earlier answer must not replace a later one.
      const newer = this.#kept.get(client);
      if (!newer || newer.at <= at) this.#kept.set(client, found);
      return found.check;
    } finally {
      if (this.#asking.get(client)?.kept === kept) this.#asking.delete(client);
    }
  }

  #checkOf(client: string, all: ReadonlyMap<string, string>): IsSuppressed | undefined {
    const sets = new Map<string, Set<string>>();
    for (const [key, text] of all) {
      const hashes = readSuppressions(text).flatMap(({ hash, isSuppressed }) => (isSuppressed ? [hash] : []));
      if (hashes.length > 0) sets.set(key, new Set(hashes));
    }
    if (sets.size === 0) return undefined;
    return (id) => {
      const hash = this.hashOf(client, id);
      return sets.get(hash[0]!)?.has(hash) ?? false;
    };
  }
}

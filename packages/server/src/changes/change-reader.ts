/**
 * Reads the feed of one client for one caller: pages, with the states of profiles on request, and
 * waiting for new changes.
 */

import { setTimeout as pause } from 'node:timers/promises';
import type { ChangeType } from '../domain/change.ts';
import { QuiverError } from '../errors.ts';
import type { ChangeFeed, FeedChange } from '../storage/change-feed.ts';
import type { ProfileStore } from '../storage/profile-store.ts';
import { changeView, stateView } from './change-view.ts';

export interface ChangeReaderParts {
  readonly feed: ChangeFeed;
  readonly profiles: Pick<ProfileStore, 'findLinked'>;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Whether the server is stopping; then nobody waits any longer. */
  readonly isDraining: () => boolean;
}

/** The parameters of a caller. */
export interface ChangeQuery {
  readonly limit: number;
  /** Undefined: all types. */
  readonly types: ReadonlySet<ChangeType> | undefined;
  readonly includesProfile: boolean;
}

type ChangeOut = ReturnType<typeof changeView> & { readonly state?: ReturnType<typeof stateView> };

export interface ChangePage {
  readonly changes: readonly ChangeOut[];
  readonly next: string;
  readonly more: boolean;
}

/** How often a waiting reader checks, in milliseconds. */
const LOOK_EVERY_MS = 50;
/** How many pages one call searches for changes of its types. */
const PAGES_PER_CALL = 20;
/** More ids than a profile may have. */
const ALL_IDS = 10_000_000;

export class ChangeReader {
  readonly #parts: ChangeReaderParts;

  constructor(parts: ChangeReaderParts) {
    this.#parts = parts;
  }

  /**
   * The position that `after` of a query means: a cursor, `now`, or nothing for the oldest change.
   *
   * @throws QuiverError `not-found` when no feed is kept
   */
  async start(after: string | undefined): Promise<string | undefined> {
    if (after !== 'now') return after;
    const newest = await this.#parts.feed.newest();
    if (newest === undefined) throw noFeed();
    return newest;
  }

  /**
   * One page.
   *
   * @throws QuiverError `not-found` when no feed is kept, `gone` when changes after the cursor are
   *   no longer kept, `bad-request` when it is not a cursor
   */
  async read(client: string, after: string | undefined, query: ChangeQuery): Promise<ChangePage> {
    const changes: FeedChange[] = [];
    let next = after;
    for (let pages = 0; ; pages += 1) {
      const page = await this.#parts.feed.read(client, next, query.limit - changes.length);
      if (page === 'off') throw noFeed();
      if (page === 'malformed')
        throw new QuiverError('bad-request', 'after: must be a cursor of this feed, or now');
      if (page === 'gone') {
        throw new QuiverError(
          'gone',
          'after: changes behind this cursor are kept no longer; read the whole store and go on with after=now',
        );
      }
      changes.push(...page.changes.filter(({ type }) => query.types?.has(type) ?? true));
      next = page.next;
      if (!page.more || changes.length >= query.limit || pages >= PAGES_PER_CALL) {
        return { changes: await this.#shown(client, changes, query), next: page.next, more: page.more };
      }
    }
  }

  /**
   * As {@link read}, but waits for a change when there is none.
   * @param until by the clock of `performance`
   */
  async readOrWait(
    client: string,
    after: string | undefined,
    query: ChangeQuery,
    until: number,
    isWanted: () => boolean = () => true,
  ): Promise<ChangePage> {
    let page = await this.read(client, after, query);
    while (page.changes.length === 0 && !page.more && this.#mayWait(until) && isWanted()) {
      await pause(LOOK_EVERY_MS);
      // Asking for the newest cursor is cheaper than reading a page.
      if ((await this.#parts.feed.newest()) !== page.next) page = await this.read(client, page.next, query);
    }
    return page;
  }

  get isDraining(): boolean {
    return this.#parts.isDraining();
  }

  #mayWait(until: number): boolean {
    return performance.now() < until && !this.isDraining;
  }

  async #shown(client: string, changes: readonly FeedChange[], query: ChangeQuery): Promise<ChangeOut[]> {
    if (!query.includesProfile) return changes.map(changeView);
    const states = new Map<string, Promise<ReturnType<typeof stateView>>>();
    return Promise.all(
      changes.map(async (change) => {
        const key = `${change.id.kind} ${change.id.value}`;
        const now = this.#parts.now();
        const state =
          states.get(key) ?? this.#parts.profiles.findLinked(client, change.id, now, ALL_IDS).then(stateView);
        states.set(key, state);
        return { ...changeView(change), state: await state };
      }),
    );
  }
}

/** The refusal of a server that keeps no change feed. */
export function noFeed(): QuiverError {
  return new QuiverError('not-found', 'This server keeps no change feed (--changes)');
}

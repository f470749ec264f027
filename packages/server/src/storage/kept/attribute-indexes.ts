/**
 * Attribute indexes: which profiles of a client have a certain value of an attribute (contract
 * section 21, decision 0033). They are built over the change feed and the small records, so they
 * are the same for every engine, and writes of profiles do nothing for them.
 *
 * Each client has one state, and one feed cursor for all its indexes:
 *
 *   none       nothing is stored                        the settings name an attribute → walking
 *   walking    pages of all profiles are added; the     last page → catching up
 *              changes in the feed are followed too
 *   catching   the feed is followed until its end       end of the feed → complete
 *   complete   each round follows the feed              another name → walking for it; the others
 *                                                       stay complete
 *   dropped    no name is left; the records are         all removed → none
 *              removed, a few per step
 *
 * Independent of these, a sweep checks every indexed profile again: when a name is dropped, when
 * the feed had a gap, and every few hours, because a profile can leave the store without a change
 * that names its oldest id. When the feed has a gap nothing is complete, and the walk starts again.
 *
 * Why nothing is missing: a profile that no unread change concerns was read after its last change,
 * by the walk or through the feed, and read after the state that was replaced together with its
 * rows. Rows that are too many do no harm, because each profile that a row leads to is checked.
 */

import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { sameId, type VisitorId } from '../../domain/visitor-id.ts';
import { QuiverError } from '../../errors.ts';
import type { NowOrLater } from '../../now-or-later.ts';
import type { ChangeFeed, FeedPage } from '../change-feed.ts';
import {
  CURSOR_PROBLEM,
  type IndexUse,
  isListed,
  LISTED_IDS,
  type ListedProfile,
  type ListPage,
  type ListQuery,
  PAGE_MS,
  type ProfileLists,
} from '../profile-lists.ts';
import type { ProfileStore } from '../profile-store.ts';
import type { RecordChange, RecordStore } from '../record-store.ts';
import {
  ATTRIBUTE_INDEXES,
  ID_PART,
  type IndexedProfile,
  idOfText,
  idPart,
  indexChanges,
  indexedProfile,
  PROFILE_RANGE,
  profileKey,
  ROW_RANGE,
  rowOf,
  rowPrefix,
  rowsOf,
  STATE_KEY,
} from './index-rows.ts';
import { type IndexState, type KeptIndexState, renamedIndexes, stamp } from './index-state.ts';

export interface AttributeIndexesOptions {
  readonly records: Pick<RecordStore, 'get' | 'range' | 'changeTogether'>;
  readonly feed: Pick<ChangeFeed, 'read' | 'newest'>;
  readonly lists: Pick<ProfileLists, 'page'>;
  readonly profiles: Pick<ProfileStore, 'findLinked'>;
  /** The names of the attributes that the settings of a client want indexed. */
  readonly wantedBy: (client: string) => NowOrLater<readonly string[]>;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** How many changes, profiles or records one step processes. */
const STEP = 100;
/** How many rows of an answer are checked at a time. */
const ROWS_AT_ONCE = 64;
/** How long other processes leave the work to the one that has done the last step. */
const HELD_MS = 5000;
const SWEEP_EVERY_MS = 6 * 3_600_000;
const ALL_IDS = Number.MAX_SAFE_INTEGER;
/**
 * Nothing is expired then, because a clock that is ahead must not take profiles out of an index.
 * Only the sweep removes what expired this long ago.
 */
const NEVER = 0;
const EXPIRED_FOR_MS = 86_400_000;
const EVERYONE = {
  prefix: undefined,
  kind: undefined,
  changedSince: undefined,
  attribute: undefined,
  limit: STEP,
} as const;

type Wanted = Map<string, IndexedProfile | undefined>;

export class AttributeIndexes {
  readonly #options: AttributeIndexesOptions;
  readonly #holder = randomUUID();

  constructor(options: AttributeIndexesOptions) {
    this.#options = options;
  }

  /** As `ProfileLists.page`, through an index where there is one for the attribute of the query. */
  async page(client: string, query: ListQuery, now: number): Promise<ListPage> {
    const { lists, wantedBy } = this.#options;
    const { attribute, prefix, cursor } = query;
    if (attribute === undefined || prefix !== undefined) return lists.page(client, query, now);
    if (!(await wantedBy(client)).includes(attribute.name)) return lists.page(client, query, now);
    const isOfIndex = cursor === undefined || cursor.startsWith('x');
    while (isOfIndex) {
      const used = await this.#catchUp(client, attribute.name);
      if (used === undefined) break;
      const page = await this.#indexedPage(client, query, now);
      // An index that was dropped meanwhile may have lost rows while the page was read.
      const after = await this.#state(client);
      if (after?.born === used.born) return { ...page, index: used.index };
    }
    return { ...(await lists.page(client, query, now)), index: { state: 'unfinished' } };
  }

  /**
   * One small step of building or following the indexes of a client, for a background process.
   * @returns whether there is more to do at once
   */
  async step(client: string): Promise<boolean> {
    const { wantedBy, now } = this.#options;
    const names = [...new Set(await wantedBy(client))].sort();
    const kept = await this.#state(client);
    if (kept === undefined) return names.length > 0 && this.#begin(client, names);
    if (kept.holder !== this.#holder && kept.until > now()) return false;
    const state = { ...kept, holder: this.#holder, until: now() + HELD_MS };
    if (names.length === 0 || state.isDropped) return this.#drop(client, state);
    if (JSON.stringify(names) !== JSON.stringify(state.names)) {
      await this.#commit(client, state, renamedIndexes(state, names));
      return true;
    }
    return this.#advance(client, state);
  }

  /**
   * Removes everything that names these ids. The profile must be removed already and its ids
   * suppressed.
   */
  async forget(client: string, ids: readonly VisitorId[]): Promise<void> {
    for (;;) {
      const state = await this.#state(client);
      if (state === undefined) return;
      // Even without rows to remove: a step that has read the profile before must not be stored.
      const wanted: Wanted = new Map(ids.map((id) => [idPart(id), undefined]));
      if (await this.#commit(client, state, state, wanted)) return;
    }
  }

  async #begin(client: string, names: readonly string[]): Promise<boolean> {
    const { feed, now } = this.#options;
    const newest = await feed.newest();
    if (newest === undefined) return false;
    const fresh = { names, complete: [], feed: newest, walk: '', sweptAt: now(), born: stamp() };
    const held = { stamp: '', holder: this.#holder, until: now() + HELD_MS };
    await this.#commit(client, undefined, { ...fresh, ...held });
    return true;
  }

  /** Removes some of the records; the rows first, so that {@link forget} finds them. */
  async #drop(client: string, state: KeptIndexState): Promise<boolean> {
    const { records } = this.#options;
    if (!state.isDropped) {
      await this.#commit(client, state, { ...state, complete: [], isDropped: true, born: stamp() });
      return true;
    }
    for (const range of [ROW_RANGE, PROFILE_RANGE]) {
      const some = await records.range(ATTRIBUTE_INDEXES, client, { ...range, limit: 10 * STEP });
      if (some.length === 0) continue;
      const removals = some.map(({ key }) => ({ key, value: undefined }));
      await this.#write(client, state, state, removals);
      return true;
    }
    const guard = { key: STATE_KEY, value: state.text };
    await records.changeTogether(ATTRIBUTE_INDEXES, client, guard, [{ key: STATE_KEY, value: undefined }]);
    return false;
  }

  /** Follows the feed, and continues the walk or the sweep. */
  async #advance(client: string, state: KeptIndexState): Promise<boolean> {
    const { feed, now } = this.#options;
    const page = await feed.read(client, state.feed, STEP);
    if (page === 'off') return false;
    if (typeof page === 'string') {
      const newest = await feed.newest();
      if (newest === undefined) return false;
      const again = { ...state, complete: [], feed: newest, walk: '', isWalked: undefined, sweep: '' };
      await this.#commit(client, state, { ...again, born: stamp() });
      return true;
    }
    const wanted = await this.#concerned(client, state.names, page);
    let next: IndexState = { ...state, feed: page.next };
    if (state.walk !== undefined) next = { ...next, ...(await this.#walk(client, state, wanted)) };
    else if (state.isWalked && !page.more) next = { ...next, complete: state.names, isWalked: undefined };
    if (state.sweep !== undefined) next = { ...next, ...(await this.#sweep(client, state, wanted)) };
    else if (now() - state.sweptAt > SWEEP_EVERY_MS) next = { ...next, sweep: '' };
    const isBusy = next.walk !== undefined || next.isWalked || next.sweep !== undefined || page.more;
    // Other clients' changes alone are not worth a write.
    const isSame = next.isWalked === state.isWalked && next.sweep === state.sweep;
    if (!isBusy && isSame && page.changes.length === 0) return false;
    await this.#commit(client, state, next, wanted);
    return isBusy === true;
  }

  /** Adds a page of all profiles to `wanted`. */
  async #walk(client: string, { walk, names }: IndexState, wanted: Wanted) {
    try {
      const query = { ...EVERYONE, cursor: walk === '' ? undefined : walk };
      const { profiles, next } = await this.#options.lists.page(client, query, NEVER);
      for (const { ids, profile } of profiles) {
        const id = ids[0]!;
        wanted.set(idPart(id), { id, rows: rowsOf(profile.attributes, names) });
      }
      return { walk: next, isWalked: next === undefined ? true : undefined };
    } catch (error) {
      // The nodes of a cluster have changed, so its profiles must be read from the start.
      if (error instanceof QuiverError && error.code === 'bad-request') return { walk: '' };
      throw error;
    }
  }

  /** Adds some indexed profiles as they are now to `wanted`. */
  async #sweep(client: string, { sweep = '', names }: IndexState, wanted: Wanted) {
    const { records, now } = this.#options;
    const range = { ...PROFILE_RANGE, ...(sweep !== '' && { from: sweep }), limit: STEP };
    const some = await records.range(ATTRIBUTE_INDEXES, client, range);
    const ids = some.map(({ value }) => indexedProfile(value).id);
    await this.#addPresent(client, names, ids, wanted, now() - EXPIRED_FOR_MS);
    if (some.length < STEP) return { sweep: undefined, sweptAt: now() };
    return { sweep: `${some.at(-1)!.key}!` };
  }

  /** What must be stored for the profiles that a page of changes concerns. */
  async #concerned(client: string, names: readonly string[], { changes }: FeedPage): Promise<Wanted> {
    const wanted: Wanted = new Map();
    const ids = new Map(changes.flatMap(({ id, ids }) => [id, ...ids]).map((id) => [idPart(id), id]));
    await this.#addPresent(client, names, [...ids.values()], wanted);
    return wanted;
  }

  /** Adds what must be stored for some ids, and for the oldest ids of their profiles. */
  async #addPresent(
    client: string,
    names: readonly string[],
    ids: readonly VisitorId[],
    wanted: Wanted,
    now = NEVER,
  ): Promise<void> {
    const { profiles } = this.#options;
    const found = await Promise.all(ids.map((id) => profiles.findLinked(client, id, now, 1)));
    for (const [place, id] of ids.entries()) {
      const linked = found[place];
      const oldest = linked?.ids[0];
      if (!linked || !oldest || !sameId(oldest, id)) {
        if (!wanted.has(idPart(id))) wanted.set(idPart(id), undefined);
      }
      if (linked && oldest) {
        wanted.set(idPart(oldest), { id: oldest, rows: rowsOf(linked.profile.attributes, names) });
      }
    }
  }

  /**
   * Includes the changes that have been made until now, as far as the time allows.
   * @returns undefined when there is no complete index
   */
  async #catchUp(client: string, name: string): Promise<{ index: IndexUse; born: string } | undefined> {
    const { feed } = this.#options;
    const until = performance.now() + PAGE_MS;
    for (;;) {
      const state = await this.#state(client);
      if (!state?.complete.includes(name)) return undefined;
      const { born } = state;
      const behind = { index: { state: 'behind', upTo: state.feed } as const, born };
      const page = await feed.read(client, state.feed, STEP);
      if (typeof page === 'string') return undefined;
      if (page.changes.length === 0 && !page.more) {
        return { index: { state: 'complete', upTo: page.next }, born };
      }
      if (performance.now() > until) return behind;
      const wanted = await this.#concerned(client, state.names, page);
      try {
        await this.#commit(client, state, { ...state, feed: page.next }, wanted);
      } catch (error) {
        // A full disk, for instance, refuses writes, while reads go on.
        if (error instanceof QuiverError) return behind;
        throw error;
      }
      await setImmediate();
    }
  }

  async #indexedPage(client: string, query: ListQuery, now: number): Promise<ListPage> {
    const { records, profiles } = this.#options;
    const { name, value } = query.attribute!;
    const prefix = rowPrefix(rowOf(name, value));
    let last = query.cursor?.slice(1);
    if (last !== undefined && !ID_PART.test(last)) {
      throw new QuiverError('bad-request', `cursor: ${CURSOR_PROBLEM}`);
    }
    const listed: ListedProfile[] = [];
    const end = performance.now() + PAGE_MS;
    do {
      // '!' comes before, and '~' after, everything that an id in a key consists of.
      const from = last === undefined ? prefix : `${prefix}${last}!`;
      const limit = Math.min(ROWS_AT_ONCE, query.limit - listed.length);
      const range = { from, before: `${prefix}~`, limit };
      const rows = await records.range(ATTRIBUTE_INDEXES, client, range);
      const found = await Promise.all(
        rows.map((row) => profiles.findLinked(client, idOfText(row.value), now, ALL_IDS)),
      );
      for (const [place, { key, value: text }] of rows.entries()) {
        last = key.slice(prefix.length);
        const id = idOfText(text);
        const linked = found[place];
        // A profile that has got an older id has another row under that one.
        if (!linked || !sameId(linked.ids[0]!, id) || !isListed(linked.profile, query, now)) continue;
        const { ids, profile } = linked;
        listed.push({ profile, ids: ids.slice(0, LISTED_IDS), idCount: ids.length, id });
      }
      if (rows.length < limit) return { profiles: listed, next: undefined };
      await setImmediate();
    } while (listed.length < query.limit && performance.now() < end);
    return { profiles: listed, next: `x${last}` };
  }

  async #state(client: string): Promise<KeptIndexState | undefined> {
    const text = await this.#options.records.get(ATTRIBUTE_INDEXES, client, STATE_KEY);
    return text === undefined ? undefined : { ...(JSON.parse(text) as IndexState), text };
  }

  /** Stores a state and what some ids must have, unless another process was faster. */
  async #commit(
    client: string,
    before: KeptIndexState | undefined,
    after: IndexState,
    wanted: Wanted = new Map(),
  ): Promise<boolean> {
    const { records } = this.#options;
    const parts = [...wanted.keys()];
    const kept = await Promise.all(
      parts.map((part) => records.get(ATTRIBUTE_INDEXES, client, profileKey(part))),
    );
    const stored = new Map(parts.map((part, place) => [part, kept[place]]));
    return this.#write(client, before, after, indexChanges(wanted, stored));
  }

  #write(
    client: string,
    before: KeptIndexState | undefined,
    after: IndexState,
    changes: readonly RecordChange[],
  ): Promise<boolean> {
    const { text: _, ...state } = { text: '', ...after };
    const guard = { key: STATE_KEY, value: before?.text };
    const next = { key: STATE_KEY, value: JSON.stringify({ ...state, stamp: stamp() }) };
    return this.#options.records.changeTogether(ATTRIBUTE_INDEXES, client, guard, [next, ...changes]);
  }
}

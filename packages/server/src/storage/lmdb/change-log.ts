/**
 * The change feed of the embedded store. Changes to profiles are written in the same transaction,
 * after all changes before them (contract section 18).
 *
 *   `changes`   number of its first change (48 bits) → block (`change-bytes.ts`)
 *   `meta`      `feed` → id of the feed (six random bytes), number of its first change
 *
 *   off   `feed` does not exist; nothing is written, and blocks of an earlier feed are removed in
 *         small steps
 *   on    every process that writes profiles writes changes, whatever its own settings: the store
 *         decides, not the process
 *
 * The number of a change never changes. Numbers increase by one over all clients, so a cursor is
 * the feed's id and a number. Each time the feed is turned on it gets a new id, so a reader whose
 * cursor is from before the gap is told. The newest block is never removed, because the next number
 * is derived from it.
 */

import type { Change } from '../../domain/change.ts';
import { readTime, TIME_BYTES, writeTime } from '../../domain/time-bytes.ts';
import type { VisitorId } from '../../domain/visitor-id.ts';
import type {
  ChangeFeed,
  EarlierPage,
  FeedChange,
  FeedFigures,
  FeedPage,
  FeedRetention,
  NoPage,
} from '../change-feed.ts';
import { FEED_ID_BYTES, feedCursor, newFeedId, numberOfCursor } from '../feed-cursor.ts';
import { ChangeBlocks, changesOfBlock, countOf, lastAtOf, withoutChangesOf } from './change-bytes.ts';
import type { LmdbEnvironment } from './lmdb-environment.ts';
import { lengthOfLast, putLast, type Table, treePages } from './lmdb-internals.ts';
import { idKey, numberKey, ReusedKey } from './lmdb-keys.ts';

const FEED_KEY = Buffer.from('feed');
/**
 * The number of blocks that one step of upkeep removes, or that one read or erasure examines at a
 * time.
 */
const BLOCKS_PER_STEP = 64;

/**
 * One step of reading backwards ends with the block in which it has examined so many changes. It
 * takes a few milliseconds.
 */
const EXAMINED_PER_STEP = 2000;

/** The most bytes of changes while space is scarce, because profiles need it more. */
const BYTES_WHEN_SCARCE = 1024 * 1024;
const NO_KEYS: readonly Buffer[] = [];

/** The feed's state in the store. */
interface FeedState {
  readonly id: string;
  /** The number of its first change. */
  readonly first: number;
}

export class ChangeLog implements ChangeFeed {
  readonly #environment: LmdbEnvironment;
  readonly #table: Table;
  readonly #meta: Table;
  readonly #blocks = new ChangeBlocks();
  readonly #key = new ReusedKey();
  #retention: FeedRetention | undefined;
  #isOn = false;

  constructor(environment: LmdbEnvironment) {
    this.#environment = environment;
    this.#table = environment.table('changes');
    this.#meta = environment.table('meta');
    environment.record({
      transactionBegins: () => {
        this.#isOn = this.#meta.getBinaryFast(FEED_KEY) !== undefined;
        this.#blocks.clear();
      },
      transactionEnds: () => this.#flush(),
    });
  }

  /** Turns the feed on or off for every process, if it is not in that state already. */
  async keep(retention: FeedRetention | 'off'): Promise<void> {
    this.#retention = retention === 'off' ? undefined : retention;
    const isOn = this.#environment.read(() => this.#state() !== undefined);
    if (isOn === (retention !== 'off')) return;
    await this.#environment.writeUpkeep(() => {
      if (retention === 'off') this.#meta.removeSync(FEED_KEY);
      else if (this.#state() === undefined) this.#begin();
      this.#isOn = false;
    });
  }

  /**
   * Invalidates all cursors, because the contents of the store no longer follow from what readers
   * have seen.
   */
  renew(): Promise<void> {
    return this.#environment.writeUpkeep(() => {
      if (this.#state() !== undefined) this.#begin();
    });
  }

  #begin(): void {
    const value = Buffer.alloc(FEED_ID_BYTES + TIME_BYTES);
    newFeedId().copy(value);
    writeTime(value, this.#next(), FEED_ID_BYTES);
    this.#meta.putSync(FEED_KEY, value);
  }

  /** Whether the current transaction records changes. */
  get isOn(): boolean {
    return this.#isOn;
  }

  /** Records a change. Only within a write transaction and while {@link isOn}. */
  add(client: string, change: Change): void {
    if (!this.#key.setId(client, change.id)) throw new RangeError('too long for an id');
    const others = change.ids.length === 0 ? NO_KEYS : change.ids.map((id) => idKey(client, id));
    this.#blocks.add(change, this.#key, others);
  }

  /** As {@link add}, for a row of a batch, as bytes. */
  addRow(
    change: Pick<Change, 'type' | 'channel' | 'at'>,
    key: ReusedKey,
    packed: Uint8Array,
    start: number,
    end: number,
  ): void {
    this.#blocks.addPacked(change, key, packed, start, end);
  }

  #flush(): void {
    if (this.#blocks.isEmpty) return;
    let number = this.#next();
    for (const { block, count } of this.#blocks.blocks()) {
      if (!putLast(this.#table, numberKey(number), block))
        throw new RangeError(`there is a change ${number} already`);
      number += count;
    }
    this.#blocks.clear();
  }

  /** The number of the next change. */
  #next(): number {
    for (const key of this.#table.getKeys({ reverse: true, limit: 1 })) {
      return readTime(key, 0) + countOf(this.#table.getBinaryFast(key)!);
    }
    return 1;
  }

  #state(): FeedState | undefined {
    const value = this.#meta.getBinary(FEED_KEY);
    return value && { id: value.toString('hex', 0, FEED_ID_BYTES), first: readTime(value, FEED_ID_BYTES) };
  }

  async read(client: string, after: string | undefined, limit: number): Promise<FeedPage | NoPage> {
    return this.#environment.read(() => {
      const state = this.#state();
      if (state === undefined) return 'off';
      const next = this.#next();
      const oldest = this.#oldestFrom(state.first) ?? next;
      const place = after === undefined ? oldest - 1 : numberOfCursor(after, state.id);
      if (typeof place === 'string') return place;
      let number = place + 1;
      if (!(number >= oldest && number <= next)) return 'gone';
      const changes: FeedChange[] = [];
      let looked = 0;
      let key = this.#blockWith(number);
      while (key !== undefined && number < next && changes.length < limit && looked < BLOCKS_PER_STEP) {
        const block = this.#table.getBinaryFast(numberKey(key))!;
        const length = lengthOfLast(this.#table);
        const count = countOf(block);
        for (const change of changesOfBlock(block, length, number - key)) {
          number += 1;
          if (change?.client === client) {
            const { client: _, ...rest } = change;
            changes.push({ ...rest, cursor: feedCursor(state.id, number - 1) });
          }
          if (changes.length === limit) break;
        }
        looked += 1;
        key += count;
      }
      return { changes, next: feedCursor(state.id, number - 1), more: number < next };
    });
  }

  async readBefore(
    client: string,
    before: string | undefined,
    limit: number,
    isWanted: (change: Change) => boolean,
  ): Promise<EarlierPage | NoPage> {
    return this.#environment.read(() => {
      const state = this.#state();
      if (state === undefined) return 'off';
      const next = this.#next();
      const oldest = this.#oldestFrom(state.first) ?? next;
      const place = before === undefined ? next : numberOfCursor(before, state.id);
      if (typeof place === 'string') return place;
      if (place > next) return 'gone';
      const changes: FeedChange[] = [];
      let number = place;
      let examinedTo: number | undefined;
      while (number > oldest && changes.length < limit && place - number < EXAMINED_PER_STEP) {
        const key = this.#blockWith(number - 1)!;
        const block = this.#table.getBinaryFast(numberKey(key))!;
        const earlier = [...changesOfBlock(block, lengthOfLast(this.#table))].slice(0, number - key);
        for (const change of earlier.reverse()) {
          number -= 1;
          examinedTo = change?.at ?? examinedTo;
          if (change?.client !== client || !isWanted(change)) continue;
          const { client: _, ...rest } = change;
          changes.push({ ...rest, cursor: feedCursor(state.id, number) });
          if (changes.length === limit) break;
        }
      }
      const examined = place - number;
      return { changes, before: feedCursor(state.id, number), examined, examinedTo, more: number > oldest };
    });
  }

  async newest(): Promise<string | undefined> {
    return this.#environment.read(() => {
      const state = this.#state();
      return state && feedCursor(state.id, this.#next() - 1);
    });
  }

  async lag(after: string): Promise<number | undefined> {
    return this.#environment.read(() => {
      const state = this.#state();
      const number = state && numberOfCursor(after, state.id);
      return typeof number === 'number' ? Math.max(0, this.#next() - 1 - number) : undefined;
    });
  }

  async figures(): Promise<FeedFigures | undefined> {
    return this.#environment.read(() => {
      const state = this.#state();
      if (state === undefined) return undefined;
      const oldest = this.#oldestFrom(state.first);
      const block = oldest === undefined ? undefined : this.#table.getBinary(numberKey(oldest));
      let oldestAt: number | undefined;
      if (block) for (const change of changesOfBlock(block, block.length)) oldestAt ??= change?.at;
      return { newest: feedCursor(state.id, this.#next() - 1), oldestAt, bytes: this.#bytes() };
    });
  }

  async eraseFrom(client: string, ids: readonly VisitorId[]): Promise<number> {
    const keys = new Set(ids.map((id) => idKey(client, id).toString('latin1')));
    const isNamed = (key: Buffer) => keys.has(key.toString('latin1'));
    let erased = 0;
    let from = 0;
    for (;;) {
      const range = { start: numberKey(from), limit: BLOCKS_PER_STEP };
      const looked = this.#environment.read(() =>
        Array.from(this.#table.getRange(range), ({ key, value }) => ({
          key: Buffer.from(key),
          has: withoutChangesOf(value, isNamed) !== undefined,
        })),
      );
      if (looked.length === 0) return erased;
      const found = looked.filter(({ has }) => has);
      if (found.length > 0) {
        erased += await this.#environment.writeUpkeep(() => {
          let count = 0;
          for (const { key } of found) {
            const block = this.#table.getBinary(key);
            const without = block && withoutChangesOf(block, isNamed);
            if (!without) continue;
            this.#table.putSync(key, without.block);
            count += without.erased;
          }
          return count;
        });
      }
      from = readTime(looked.at(-1)!.key, 0) + 1;
    }
  }

  async upkeep(now: number): Promise<boolean> {
    const due = this.#environment.read(() => this.#due(now));
    if (due.length === 0) return false;
    await this.#environment.writeUpkeep(() => {
      for (const key of due) this.#table.removeSync(key);
    });
    return due.length === BLOCKS_PER_STEP;
  }

  /** The oldest blocks that should be removed, at most as many as one step removes. */
  #due(now: number): Buffer[] {
    const state = this.#state();
    const retention = this.#retention;
    const most = this.#environment.isSpaceScarce() ? BYTES_WHEN_SCARCE : retention?.bytes;
    const isOver = retention !== undefined && most !== undefined && this.#bytes() > most;
    const due: Buffer[] = [];
    let before: { key: Buffer; goes: boolean } | undefined;
    // A block is removed only if another follows, because the last number is read from the last
    // block.
    for (const { key, value } of this.#table.getRange({ limit: BLOCKS_PER_STEP + 1 })) {
      if (before && !before.goes) return due;
      if (before) due.push(before.key);
      const isOfOther = state === undefined || readTime(key, 0) < state.first;
      const isOld = retention !== undefined && lastAtOf(value) < now - retention.age;
      before = { key: Buffer.from(key), goes: isOfOther || isOld || isOver };
    }
    return due;
  }

  #bytes(): number {
    return treePages(this.#table).pages * this.#environment.pageBytes();
  }

  /** The number of the oldest kept change of the current feed. */
  #oldestFrom(first: number): number | undefined {
    for (const key of this.#table.getKeys({ start: numberKey(first), limit: 1 })) return readTime(key, 0);
    return undefined;
  }

  /** The number of the block that contains a change. */
  #blockWith(number: number): number | undefined {
    for (const key of this.#table.getKeys({ start: numberKey(number), reverse: true, limit: 1 })) {
      return readTime(key, 0);
    }
    return undefined;
  }
}

/**
 * The change feed of a cluster (contract section 18): one order over all slots, created by
 * collecting.
 *
 * outbox      a stream per slot, `out:{tag}`: the script that changes a cell adds its changes
 * log         a stream, `feed-log:{feed}`: the collected changes, numbered from one; the feed
 * state       a hash, `feed:{feed}`: `id` while the feed is on; `last` number; the last number that
 *             is `shown`; the last that was `trimmed`; `bytes` of the log
 * collected   a hash, `feed-collected:{feed}`: for each outbox the last entry that is in the log
 * hints       a set, `feed-hints:{feed}`: outboxes that may contain something
 *
 *   A change is
 *   in an outbox   acknowledged with the write. Any background process collects it: it reads only
 *                  what a replica has too, and one script appends it and records how far it has
 *                  read, so it is appended once, whichever process dies in between. Later it is cut
 *                  off the outbox, many at a time, because that is a write for every outbox
 *   in the log     hidden, because a failover may remove it → shown, when a replica has it
 *   shown          readers see it under its number, which never changes → trimmed
 *
 * Hints say where to look. Every half minute each outbox is read, in case a hint was lost. Changes
 * of one cell are in their order; changes of different cells that are collected together are
 * ordered by the time of the nodes.
 */

import type { Change } from '../../domain/change.ts';
import type { VisitorId } from '../../domain/visitor-id.ts';
import { QuiverError } from '../../errors.ts';
import type {
  ChangeFeed,
  EarlierPage,
  FeedChange,
  FeedFigures,
  FeedPage,
  FeedRetention,
  NoPage,
} from '../change-feed.ts';
import { feedCursor, newFeedId, numberOfCursor } from '../feed-cursor.ts';
import { type ChangeOutbox, outboxKey, slotTags } from './change-outbox.ts';
import { decodedChange, splitChanges } from './change-text.ts';
import { FeedLog, type FeedState } from './feed-log.ts';
import { idField } from './id-field.ts';
import { appendChanges, dropHints, eraseChanges, showChanges, trimChanges, turnFeed } from './lua-scripts.ts';
import { latest, type RedisCluster } from './redis-cluster.ts';
import type { Script } from './script.ts';

const SWEEP_EVERY_MS = 30_000;
/** Outboxes that are read in one step. */
const OUTBOXES_AT_ONCE = 1000;
const ENTRIES_PER_OUTBOX = 200;
/** Entries that are appended by one script, which keeps the node busy for a few milliseconds. */
const APPENDED_AT_ONCE = 1000;
/** An outbox is cut off when so many of its entries have been collected, and by every sweep. */
const CUT_OFF_AFTER = 32;
/** Entries of the log that are read at a time. */
const READ_AT_ONCE = 1000;
/** The most such reads for a page, in search of changes of its client. */
const READS_PER_PAGE = 20;

/** The contents of one outbox. */
interface Collected {
  readonly tag: string;
  readonly from: string;
  readonly to: string;
  /** How many entries were read. */
  readonly count: number;
  /** With the time at which the node received it. */
  readonly changes: readonly { readonly at: number; readonly text: string }[];
}

export class RedisChangeFeed implements ChangeFeed {
  readonly #cluster: RedisCluster;
  readonly #prefix: string;
  readonly #outbox: ChangeOutbox;
  readonly #log: FeedLog;
  #retention: FeedRetention | undefined;
  /** Outboxes that are known to contain something that has not been collected. */
  readonly #waiting = new Set<string>();
  /** By outbox, how many of its entries have been collected and are still in it. */
  readonly #uncut = new Map<string, number>();
  #sweptAt = Number.NEGATIVE_INFINITY;

  constructor(cluster: RedisCluster, prefix: string, outbox: ChangeOutbox) {
    this.#cluster = cluster;
    this.#prefix = prefix;
    this.#outbox = outbox;
    this.#log = new FeedLog(cluster, prefix);
  }

  /**
   * Turns the feed on (the default) or off for every process, if it is not in that state already.
   */
  async keep(retention: FeedRetention | 'off' | undefined): Promise<void> {
    this.#retention = retention === 'off' ? undefined : retention;
    const isOn = (await this.#log.state()) !== undefined;
    if (retention !== undefined && isOn !== (retention !== 'off')) {
      await this.#run(
        turnFeed,
        ['feed', 'feed-log'],
        [retention === 'off' ? '' : newFeedId().toString('hex')],
      );
    }
    this.#outbox.isOn = retention === undefined ? isOn : retention !== 'off';
  }

  async read(client: string, after: string | undefined, limit: number): Promise<FeedPage | NoPage> {
    const state = await this.#log.state();
    if (state === undefined) return 'off';
    const place = after === undefined ? state.trimmed : numberOfCursor(after, state.id);
    if (typeof place === 'string') return place;
    if (place < state.trimmed || place > state.last) return 'gone';
    const changes: FeedChange[] = [];
    let number = place;
    for (
      let reads = 0;
      reads < READS_PER_PAGE && number < state.shown && changes.length < limit;
      reads += 1
    ) {
      const entries = await this.#log.between(number + 1, state.shown, READ_AT_ONCE);
      for (const entry of entries) {
        const { client: of, ...change } = decodedChange(entry.text);
        number = entry.number;
        if (of === client) changes.push({ ...change, cursor: feedCursor(state.id, number) });
        if (changes.length === limit) break;
      }
      if (entries.length < READ_AT_ONCE && changes.length < limit) number = state.shown;
    }
    // The log may have been trimmed before it was read; then there is a gap.
    const now = await this.#log.state();
    if (now?.id !== state.id || now.trimmed > place) return 'gone';
    return { changes, next: feedCursor(state.id, number), more: number < state.shown };
  }

  async readBefore(
    client: string,
    before: string | undefined,
    limit: number,
    isWanted: (change: Change) => boolean,
  ): Promise<EarlierPage | NoPage> {
    const state = await this.#log.state();
    if (state === undefined) return 'off';
    const place = before === undefined ? state.shown + 1 : numberOfCursor(before, state.id);
    if (typeof place === 'string') return place;
    if (place > state.last + 1) return 'gone';
    const entries = await this.#log.before(place, state.trimmed, READ_AT_ONCE);
    const changes: FeedChange[] = [];
    let number = place;
    let examined = 0;
    let examinedTo: number | undefined;
    for (const entry of entries) {
      if (changes.length === limit) break;
      const { client: of, ...change } = decodedChange(entry.text);
      number = entry.number;
      examined += 1;
      examinedTo = change.at;
      if (of === client && isWanted(change))
        changes.push({ ...change, cursor: feedCursor(state.id, number) });
    }
    // The log may belong to another feed since.
    if ((await this.#log.state())?.id !== state.id) return 'gone';
    const more = examined < entries.length || entries.length === READ_AT_ONCE;
    return { changes, before: feedCursor(state.id, number), examined, examinedTo, more };
  }

  async newest(): Promise<string | undefined> {
    const state = await this.#log.state();
    return state && feedCursor(state.id, state.shown);
  }

  async lag(after: string): Promise<number | undefined> {
    const state = await this.#log.state();
    const number = state && numberOfCursor(after, state.id);
    return typeof number === 'number' ? Math.max(0, state!.shown - number) : undefined;
  }

  async figures(): Promise<FeedFigures | undefined> {
    const state = await this.#log.state();
    if (state === undefined) return undefined;
    const [oldest] = await this.#log.between(state.trimmed + 1, state.shown, 1);
    const oldestAt = oldest && decodedChange(oldest.text).at;
    return { newest: feedCursor(state.id, state.shown), oldestAt, bytes: state.bytes };
  }

  async eraseFrom(client: string, ids: readonly VisitorId[]): Promise<number> {
    // Changes that were acknowledged but not collected yet are in the log after the first time, and
    // no longer in the outboxes after the second.
    await this.#outbox.flush();
    for (let times = 0; times < 2; times += 1) {
      this.#sweptAt = Number.NEGATIVE_INFINITY;
      for (let round = 0; (await this.#collect()) && round < 1000; round += 1);
    }
    const fields = new Set(ids.map(idField));
    let erased = 0;
    let number = 0;
    for (;;) {
      const entries = await this.#log.between(number + 1, Number.MAX_SAFE_INTEGER, READ_AT_ONCE);
      if (entries.length === 0) return erased;
      const found = entries.filter(({ text }) => {
        const change = decodedChange(text);
        return change.client === client && [change.id, ...change.ids].some((id) => fields.has(idField(id)));
      });
      if (found.length > 0) {
        const numbers = found.map((entry) => `${entry.number}-0`);
        // Not the script's count: when it is sent again after a lost reply, it finds none.
        await this.#run(eraseChanges, ['feed', 'feed-log'], numbers);
        erased += found.length;
      }
      number = entries.at(-1)!.number;
    }
  }

  async upkeep(now: number): Promise<boolean> {
    if ((await this.#log.state()) === undefined) return false;
    const hasCollected = await this.#collect();
    return (await this.#trim(now)) || hasCollected;
  }

  /** Moves changes from outboxes to the log, one small step. False when there were none. */
  async #collect(): Promise<boolean> {
    await this.#outbox.flush();
    await this.#look();
    const tags = [...this.#waiting].slice(0, OUTBOXES_AT_ONCE);
    if (tags.length === 0) return false;
    const key = this.#log.key('feed-collected');
    const [state, before] = await Promise.all([
      this.#log.state(),
      this.#cluster.read<(Buffer | null)[]>(latest(), key, 'HMGET', ...tags),
    ]);
    if (state === undefined) return false;
    const froms = before.map((from) => String(from ?? ''));
    const until = latest();
    let read = await this.#readOutboxes(tags, froms, state);
    // Under load a replica may take longer than one WAIT.
    while (read.length === 0 && Date.now() < until) read = await this.#readOutboxes(tags, froms, state);
    const found = read.filter(({ changes }) => changes.length > 0);
    for (const { tag, count } of read) if (count < ENTRIES_PER_OUTBOX) this.#waiting.delete(tag);
    if (found.length > 0) await this.#append(found, state.id);
    const readable = new Set(read.map(({ tag }) => tag));
    const unread = tags.filter((tag) => !readable.has(tag));
    // They come last, so that a node that does not answer does not delay the others.
    for (const tag of unread) this.#waiting.delete(tag);
    for (const tag of unread) this.#waiting.add(tag);
    if (unread.length > 0 && found.length === 0) {
      throw new QuiverError('unavailable', 'Outboxes of the change feed cannot be read just now');
    }
    return this.#waiting.size > 0;
  }

  /** Appends what was collected, a part at a time, and shows it to readers. */
  async #append(found: readonly Collected[], id: string): Promise<void> {
    for (let from = 0; from < found.length; ) {
      const part: Collected[] = [];
      for (let count = 0; from < found.length && count < APPENDED_AT_ONCE; from += 1) {
        part.push(found[from]!);
        count += found[from]!.changes.length;
      }
      const texts = part.flatMap(({ changes }) => changes).sort((one, other) => one.at - other.at);
      const args = [
        ...[id, part.length],
        ...part.flatMap(({ tag, from, to }) => [tag, from, to]),
        ...texts.flatMap(({ text }) => splitChanges(text)),
      ];
      const [status, last] = await this.#run(appendChanges, ['feed', 'feed-collected', 'feed-log'], args);
      if (String(status) !== 'done') {
        // Another process has collected them; what it left will be found again.
        for (const { tag } of part) this.#waiting.add(tag);
        continue;
      }
      for (const { tag, count } of part) this.#uncut.set(tag, (this.#uncut.get(tag) ?? 0) + count);
      // A replica has all entries up to this one, also those that other processes appended.
      await this.#run(showChanges, ['feed'], [id, Number(String(last))]);
    }
  }

  /** Finds the outboxes that may contain something. */
  async #look(): Promise<void> {
    // Read first and dropped then, because a reply may be lost, and hints that a lost reply took
    // out would be missing until the next sweep. Dropped before the outboxes are read, so that a
    // hint that comes meanwhile stays.
    const hints = await this.#cluster.read<Buffer[]>(
      latest(),
      this.#log.key('feed-hints'),
      'SRANDMEMBER',
      OUTBOXES_AT_ONCE,
    );
    const hinted = hints.map(String);
    for (const tag of hinted) this.#waiting.add(tag);
    if (hinted.length > 0) await this.#run(dropHints, ['feed-hints'], hinted);
    if (performance.now() - this.#sweptAt < SWEEP_EVERY_MS) return;
    this.#sweptAt = performance.now();
    const tags = slotTags();
    for (let from = 0; from < tags.length; from += 2048) {
      const some = tags.slice(from, from + 2048);
      const keys = some.map((tag) => outboxKey(this.#prefix, tag));
      const lengths = await this.#cluster.readEach<number>(latest(), keys, 'XLEN');
      for (const [index, length] of lengths.entries()) {
        if (length === 0) continue;
        this.#waiting.add(some[index]!);
        this.#uncut.set(some[index]!, CUT_OFF_AFTER);
      }
    }
  }

  /**
   * Reads outboxes, and trims those in which many collected changes are left.
   *
   * @param froms for each the last entry that was collected, or ''
   * @returns those that could be read
   */
  async #readOutboxes(
    tags: readonly string[],
    froms: readonly string[],
    { id, shown }: FeedState,
  ): Promise<Collected[]> {
    const isCut = tags.map((tag, at) => froms[at] !== '' && (this.#uncut.get(tag) ?? 0) >= CUT_OFF_AFTER);
    // A replica must have the position before anything is cut off; a later write with WAIT confirms
    // that.
    if (isCut.includes(true)) await this.#run(showChanges, ['feed'], [id, shown]);
    const read = await this.#cluster.readConfirmed<[Buffer, Buffer[]][]>(
      tags.map((tag) => outboxKey(this.#prefix, tag)),
      (place) => {
        const key = outboxKey(this.#prefix, tags[place]!);
        const from = froms[place]!;
        const range = [key, from === '' ? '-' : `(${from}`, '+', 'COUNT', ENTRIES_PER_OUTBOX] as const;
        const cut = isCut[place] ? [['XTRIM', key, 'MINID', entryAfter(from)] as const] : [];
        return [...cut, ['XRANGE', ...range] as const];
      },
      (key) => `${key}:n`,
    );
    return tags.flatMap((tag, place) => {
      const entries = read[place];
      if (!entries) return [];
      if (isCut[place]) this.#uncut.delete(tag);
      const from = froms[place]!;
      const changes = entries.map(([entry, [, text]]) => {
        return { at: Number.parseInt(String(entry), 10), text: String(text) };
      });
      const to = entries.length === 0 ? from : String(entries.at(-1)![0]);
      return [{ tag, from, to, count: entries.length, changes }];
    });
  }

  /**
   * Removes the oldest changes, as many as one read returns. False when there was nothing to
   * remove.
   */
  async #trim(now: number): Promise<boolean> {
    const state = await this.#log.state();
    const retention = this.#retention;
    if (!state || !retention || state.shown === state.trimmed) return false;
    const entries = await this.#log.between(state.trimmed + 1, state.shown, READ_AT_ONCE);
    let { bytes } = state;
    let gone = 0;
    let last = state.trimmed;
    for (const { number, text } of entries) {
      const isDue = bytes > retention.bytes || decodedChange(text).at < now - retention.age;
      if (!isDue) break;
      const size = Buffer.byteLength(text) + 40;
      bytes -= size;
      gone += size;
      last = number;
    }
    if (last === state.trimmed) return false;
    await this.#run(trimChanges, ['feed', 'feed-log'], [state.id, last, gone]);
    return true;
  }

  #run(script: Script, keys: readonly string[], args: (string | number)[]) {
    return this.#cluster.write({ script, keys: keys.map((key) => this.#log.key(key)), args });
  }
}

/** The id of the first entry of a stream after another one. */
function entryAfter(entry: string): string {
  const [time, nth] = entry.split('-');
  return `${time}-${BigInt(nth!) + 1n}`;
}

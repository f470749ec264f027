/**
 * All profiles of a client in LMDB (contract section 21), in the order of the log or of the ids, or
 * from a copy.
 */

import { setImmediate } from 'node:timers/promises';
import { isExpired } from '../../domain/lifetime.ts';
import { readTime } from '../../domain/time-bytes.ts';
import { QuiverError } from '../../errors.ts';
import {
  CURSOR_PROBLEM,
  type ExportedProfile,
  type ExportStep,
  isListed,
  LISTED_IDS,
  type ListedProfile,
  type ListPage,
  type ListQuery,
  LOOK_MS,
  PAGE_MS,
  POSITION_PROBLEM,
  type ProfileLists,
} from '../profile-lists.ts';
import { type IdRange, idRanges } from './id-ranges.ts';
import type { LmdbEnvironment } from './lmdb-environment.ts';
import { clientPrefix, numberKey, parseKey } from './lmdb-keys.ts';
import type { LocatedProfile, ProfileTables } from './profile-tables.ts';
import { COPY, flagsOf, KEY_AT } from './record-entry.ts';
import type { StoreSnapshots } from './store-snapshots.ts';

/** How many keys are read from a table at a time. */
const KEYS_AT_ONCE = 64;
/** How many profiles a step of an export contains. */
const STEP = 256;
const BEHIND_ALL = 2 ** 48 - 1;

/** A pass through all profiles that may match a query. */
interface Walk {
  /** Where the next page starts. */
  readonly cursor: string;
  /**
   * Passes profiles to `take` until that returns false or the time is up. Returns false at the end.
   */
  look(take: (found: LocatedProfile, key?: Buffer) => boolean, until: number): boolean;
}

export class LmdbProfileLists implements ProfileLists {
  readonly #environment: LmdbEnvironment;
  readonly #tables: ProfileTables;
  readonly #snapshots: StoreSnapshots;

  constructor(environment: LmdbEnvironment, tables: ProfileTables, snapshots: StoreSnapshots) {
    this.#environment = environment;
    this.#tables = tables;
    this.#snapshots = snapshots;
  }

  async page(client: string, query: ListQuery, now: number): Promise<ListPage> {
    const { prefix, kind, cursor, limit } = query;
    const tables = this.#tables;
    const walk =
      prefix === undefined
        ? new WriteWalk(tables, client, cursor)
        : new IdWalk(tables, client, idRanges(client, prefix, kind), cursor);
    const profiles: ListedProfile[] = [];
    const take = (found: LocatedProfile, key?: Buffer) => {
      const { profile, idCount } = found;
      if (isListed(profile, query, now)) {
        const ids = tables.idsOf(found, LISTED_IDS);
        const id = (key && parseKey(key).id) ?? ids[0]!;
        profiles.push({ profile, ids, idCount, id: { kind: id.kind, value: id.value } });
      }
      return profiles.length < limit;
    };
    const end = performance.now() + PAGE_MS;
    for (;;) {
      const hasMore = this.#environment.read(() => walk.look(take, performance.now() + LOOK_MS));
      if (!hasMore) return { profiles, next: undefined };
      if (profiles.length >= limit || performance.now() > end) return { profiles, next: walk.cursor };
      await setImmediate();
    }
  }

  takeSnapshot(): Promise<string> {
    return this.#snapshots.take();
  }

  async readSnapshot(
    client: string,
    snapshot: string,
    after: string | undefined,
    now: number,
  ): Promise<ExportStep> {
    if (after !== undefined && !/^[0-9]{1,15}$/.test(after)) {
      throw new QuiverError('bad-request', `after: ${POSITION_PROBLEM}`);
    }
    const { environment, tables } = await this.#snapshots.open(snapshot);
    const step = environment.read(() => exportStep(tables, client, Number(after ?? 0), now));
    if (step.next === undefined) await this.#snapshots.wasRead(snapshot);
    return step;
  }
}

function exportStep(tables: ProfileTables, client: string, after: number, now: number): ExportStep {
  const { records } = tables;
  const isOurs = ofClient(client);
  const profiles: ExportedProfile[] = [];
  const until = performance.now() + LOOK_MS;
  for (let at = after; ; ) {
    const keys = Array.from(
      records.log.entries.getKeys({ start: numberKey(at + 1), limit: KEYS_AT_ONCE }),
      (key) => readTime(key, 0),
    );
    for (const number of keys) {
      at = number;
      const kept = records.keptAt(number, isOurs);
      if (!kept || isExpired(kept.profile, now)) continue;
      const ids = tables.idsOf({ ...kept, client, isNew: false });
      profiles.push({ profile: kept.profile, ids, position: String(number) });
    }
    if (keys.length === 0) return { profiles, next: undefined };
    if (profiles.length >= STEP || performance.now() > until) return { profiles, next: String(at) };
  }
}

/** A test whether an entry belongs to a client. */
function ofClient(client: string): (entry: Buffer) => boolean {
  const prefix = clientPrefix(client);
  return (entry) => entry.compare(prefix, 0, prefix.length, KEY_AT, KEY_AT + prefix.length) === 0;
}

/**
 * Reads the log backwards, so the profile written last comes first. Entries copied by cleaning are
 * too far at the end, so they come in a second pass; the first skips segments that have only those.
 */
class WriteWalk implements Walk {
  readonly #tables: ProfileTables;
  readonly #client: string;
  #isSecondRound = false;
  /** The next entry has a lower number. */
  #at = BEHIND_ALL;

  constructor(tables: ProfileTables, client: string, cursor: string | undefined) {
    this.#tables = tables;
    this.#client = client;
    if (cursor === undefined) return;
    if (!/^[wc][0-9]{1,15}$/.test(cursor)) throw new QuiverError('bad-request', `cursor: ${CURSOR_PROBLEM}`);
    this.#isSecondRound = cursor.startsWith('c');
    this.#at = Number(cursor.slice(1));
  }

  get cursor(): string {
    return `${this.#isSecondRound ? 'c' : 'w'}${this.#at}`;
  }

  look(take: (found: LocatedProfile) => boolean, until: number): boolean {
    const { records } = this.#tables;
    const client = this.#client;
    const isOurs = ofClient(client);
    const isWanted = (entry: Buffer) =>
      ((flagsOf(entry) & COPY) !== 0) === this.#isSecondRound && isOurs(entry);
    const { segments } = records.log;
    let segment = -1;
    for (;;) {
      const range = { start: numberKey(this.#at - 1), reverse: true, limit: KEYS_AT_ONCE };
      const keys = Array.from(records.log.entries.getKeys(range), (key) => readTime(key, 0));
      for (const number of keys) {
        this.#at = number;
        if (!this.#isSecondRound && segments.of(number) !== segment) {
          segment = segments.of(number);
          if (segments.hasOnlyCopies(segment)) {
            this.#at = Math.max(1, segments.firstOf(segment));
            break;
          }
        }
        const kept = records.keptAt(number, isWanted);
        if (kept && !take({ ...kept, client, isNew: false })) return true;
      }
      if (keys.length === 0) {
        if (this.#isSecondRound) return false;
        this.#isSecondRound = true;
        this.#at = BEHIND_ALL;
      }
      if (performance.now() > until) return true;
    }
  }
}

/**
 * Reads the ids of some ranges in order: those in the index, and those that the index does not
 * include yet.
 */
class IdWalk implements Walk {
  readonly #tables: ProfileTables;
  readonly #client: string;
  readonly #ranges: readonly IdRange[];
  #range = 0;
  #start: Buffer;

  constructor(tables: ProfileTables, client: string, ranges: readonly IdRange[], cursor: string | undefined) {
    this.#tables = tables;
    this.#client = client;
    this.#ranges = ranges;
    this.#start = ranges[0]!.start;
    if (cursor === undefined) return;
    const key = Buffer.from(cursor.slice(1), 'base64url');
    this.#range = ranges.findIndex(({ start, end }) => key.compare(start) >= 0 && key.compare(end) <= 0);
    if (!cursor.startsWith('k') || this.#range === -1) {
      throw new QuiverError('bad-request', `cursor: ${CURSOR_PROBLEM}`);
    }
    this.#start = key;
  }

  get cursor(): string {
    return `k${this.#start.toString('base64url')}`;
  }

  look(take: (found: LocatedProfile, key: Buffer) => boolean, until: number): boolean {
    const { log } = this.#tables.records;
    for (;;) {
      const { end } = this.#ranges[this.#range]!;
      const indexed = Array.from(
        log.index.table.getKeys({ start: this.#start, end, limit: KEYS_AT_ONCE }),
        (key) => key.toString('latin1'),
      );
      const isLast = indexed.length < KEYS_AT_ONCE;
      // Keys after the last one read from the index must wait, because other keys of the index may
      // come first.
      const reach = isLast ? end.toString('latin1') : `${indexed.at(-1)}\0`;
      const recent = log.recentBetween(this.#start.toString('latin1'), reach);
      const keys = [...new Set([...indexed, ...recent])].sort((one, other) => (one < other ? -1 : 1));
      for (const text of keys) {
        const key = Buffer.from(text, 'latin1');
        this.#start = Buffer.concat([key, Buffer.alloc(1)]);
        const found = this.#tables.locate(this.#client, parseKey(key).id!);
        if (found && !take(found, key)) return true;
        if (performance.now() > until) return true;
      }
      if (!isLast) continue;
      this.#range += 1;
      if (this.#range === this.#ranges.length) return false;
      this.#start = this.#ranges[this.#range]!.start;
    }
  }
}

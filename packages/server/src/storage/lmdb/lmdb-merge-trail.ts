/**
 * The merge trail in LMDB: table `merges`.
 *
 *   1, id of the merge                       the record as JSON
 *   2, hash of an id, id of the merge        nothing: finds the records of an id
 *   0                                        bytes of all records
 *
 * Records are ordered by time. Adding one removes a few old ones, which limits age and size.
 */

import { createHash } from 'node:crypto';
import { mergeAttributes } from '../../domain/attributes.ts';
import { type LinkStep, strongestFirst } from '../../domain/linking.ts';
import { readTime, TIME_BYTES, writeTime } from '../../domain/time-bytes.ts';
import {
  MAX_MERGE_IDS,
  type MergeRecord,
  planUnmerge,
  recordedMerge,
  type UnmergePlan,
} from '../../domain/unmerge.ts';
import type { VisitorId } from '../../domain/visitor-id.ts';
import { changesOfUnmerge } from '../changes-of.ts';
import { mergeOfText, mergeText, newMergeId, type StoredMerge, timeOfMerge } from '../merge-text.ts';
import {
  type MergeTrail,
  NOT_RECORDED,
  type Unmerged,
  type UnmergeOutcome,
  type UnmergeRefused,
} from '../merge-trail.ts';
import type { LmdbEnvironment } from './lmdb-environment.ts';
import type { Table } from './lmdb-internals.ts';
import type { LocatedProfile, ProfileTables } from './profile-tables.ts';
import { CHANNEL } from './record-entry.ts';

/** The most bytes of all records. */
const MAX_BYTES = 256 * 1024 ** 2;
/** More than a merge adds, so old or excess records are removed in time. */
const FREED_AT_ONCE = 4;
const BYTES_KEY = Buffer.from([0]);
const NOTHING = Buffer.alloc(0);
const HASH = 16;
/** The most ids of a removed profile that are looked up. */
const MAX_REMOVED_IDS = 1000;

export class LmdbMergeTrail implements MergeTrail {
  readonly #environment: LmdbEnvironment;
  readonly #tables: ProfileTables;
  readonly #table: Table;
  readonly #keptMs: number | undefined;

  /**
   * @param keptMs how long records are kept; undefined records no merges and keeps existing records
   */
  constructor(environment: LmdbEnvironment, tables: ProfileTables, keptMs: number | undefined) {
    this.#environment = environment;
    this.#tables = tables;
    this.#table = environment.table('merges');
    this.#keptMs = keptMs;
  }

  get isOn(): boolean {
    return this.#keptMs !== undefined;
  }

  /** Removes all records. */
  async clear(): Promise<void> {
    const isEmpty = () => this.#table.getKeysCount({ limit: 1 }) === 0;
    if (this.#environment.read(isEmpty)) return;
    await this.#environment.writeUpkeep(() => {
      for (const key of Array.from(this.#table.getKeys({}))) this.#table.removeSync(key);
    });
  }

  /**
   * Records the merges that a write is about to make, in order; within its transaction.
   *
   * @param ids of the write; the strongest one names the target afterwards
   */
  note(
    client: string,
    steps: readonly LinkStep<string>[],
    living: ReadonlyMap<string, LocatedProfile>,
    target: LocatedProfile,
    ids: readonly VisitorId[],
    at: number,
  ): void {
    if (this.#keptMs === undefined) return;
    const into = strongestFirst(ids)[0]!;
    let present = target.profile.attributes;
    for (const from of mergedProfiles(steps, living)) {
      const { attributes } = from.profile;
      const { profile, overruled } = recordedMerge(from.profile, from.idCount, present);
      this.#free(at);
      const record: MergeRecord = {
        ...{ id: newMergeId(at), at, into: { kind: into.kind, value: into.value } },
        ids: this.#tables.idsOf(from, MAX_MERGE_IDS),
        ...{ profile, overruled, undoneAt: undefined },
      };
      this.#put({ client, record });
      present = mergeAttributes(present, attributes);
    }
  }

  /** Removes the records of a removed profile, within a write transaction. */
  forget(located: LocatedProfile): void {
    // A profile that never had a second id was never merged.
    if (located.linkGroup === 0) return;
    this.#erase(located.client, this.#tables.idsOf(located, MAX_REMOVED_IDS));
  }

  async list(client: string, ids: readonly VisitorId[], now: number, limit: number): Promise<MergeRecord[]> {
    return this.#environment.read(() => {
      const found = new Set(ids.flatMap((id) => this.#idsOfMerges(client, id)));
      const records: MergeRecord[] = [];
      for (const id of [...found].sort().reverse()) {
        if (records.length >= limit) break;
        const record = this.#find(client, id, now);
        if (record) records.push(record);
      }
      return records;
    });
  }

  /** A profile that leaves this edge cluster leaves its records here. */
  recorded(client: string, ids: readonly VisitorId[], now: number, limit: number): Promise<MergeRecord[]> {
    return this.list(client, ids, now, limit);
  }

  async find(client: string, id: string, now: number): Promise<MergeRecord | undefined> {
    return this.#environment.read(() => this.#find(client, id, now));
  }

  unmerge(client: string, id: string, now: number, isPreview: boolean): Promise<UnmergeOutcome> {
    return this.#transact(isPreview, () => {
      const record = this.#find(client, id, now);
      return record ? this.#undo(client, record, now, isPreview) : { outcome: 'not-found' };
    });
  }

  undo(client: string, record: MergeRecord, now: number, isPreview: boolean) {
    return this.#transact(isPreview, () => {
      if (this.#keptMs === undefined) return { outcome: 'refused', reason: NOT_RECORDED } as const;
      const own = this.#find(client, record.id, now);
      return this.#undo(client, own?.undoneAt === undefined ? record : own, now, isPreview);
    });
  }

  async noteUndone(client: string, { id }: MergeRecord, at: number): Promise<void> {
    await this.#environment.write(() => {
      const record = this.#find(client, id, at);
      if (record) this.#put({ client, record: { ...record, undoneAt: at } });
    });
  }

  async #transact<Result>(isPreview: boolean, work: () => Result): Promise<Result> {
    if (isPreview) return this.#environment.read(work);
    return this.#environment.write(() => {
      this.#tables.records.channel = CHANNEL.update;
      return work();
    });
  }

  async eraseFrom(client: string, ids: readonly VisitorId[]): Promise<number> {
    const has = () => ids.some((id) => this.#idsOfMerges(client, id).length > 0);
    if (!this.#environment.read(has)) return 0;
    return this.#environment.writeUpkeep(() => this.#erase(client, ids));
  }

  #undo(client: string, record: MergeRecord, now: number, isPreview: boolean): Unmerged | UnmergeRefused {
    const merged = this.#tables.locateLiving(client, record.into, now);
    const ids = merged ? this.#tables.idsOf(merged) : [];
    const plan = planUnmerge(record, merged && { profile: merged.profile, ids }, now);
    if (typeof plan === 'string') return { outcome: 'refused', reason: plan, undoneAt: record.undoneAt };
    if (!isPreview) this.#split(client, record, merged!, plan, now);
    return { outcome: 'unmerged', record, removed: plan.removed };
  }

  #split(
    client: string,
    record: MergeRecord,
    merged: LocatedProfile,
    { separate, remaining, removed }: UnmergePlan,
    now: number,
  ): void {
    const tables = this.#tables;
    tables.split(merged, record.ids, remaining);
    const [founder, ...others] = record.ids;
    let target = tables.placeFor(client, founder!, separate, founder!.since);
    for (const { since, ...one } of others) target = tables.join(target, one, since);
    tables.save(target);
    if (!this.#storedOf(record.id)) this.#free(now);
    this.#put({ client, record: { ...record, undoneAt: now } });
    if (!tables.changes.isOn) return;
    for (const change of changesOfUnmerge(record, removed, now)) tables.changes.add(client, change);
  }

  #find(client: string, id: string, now: number): MergeRecord | undefined {
    const stored = this.#storedOf(id);
    if (!stored || stored.client !== client) return undefined;
    const { record } = stored;
    return this.#keptMs !== undefined && record.at + this.#keptMs <= now ? undefined : record;
  }

  #storedOf(id: string): StoredMerge | undefined {
    if (id.length > 40) return undefined;
    const bytes = this.#table.getBinary(recordKey(id));
    return bytes && mergeOfText(bytes.toString());
  }

  #put(stored: StoredMerge): void {
    const { client, record } = stored;
    const key = recordKey(record.id);
    const before = this.#table.getBinary(key)?.length ?? 0;
    const bytes = Buffer.from(mergeText(stored));
    this.#table.putSync(key, bytes);
    this.#count(bytes.length - before);
    for (const id of [record.into, ...record.ids]) {
      this.#table.putSync(idKey(client, id, record.id), NOTHING);
    }
  }

  #erase(client: string, ids: readonly VisitorId[]): number {
    const found = new Set(ids.flatMap((id) => this.#idsOfMerges(client, id)));
    for (const id of found) this.#remove(id);
    return found.size;
  }

  #remove(id: string): void {
    const key = recordKey(id);
    const bytes = this.#table.getBinary(key);
    if (!bytes) return;
    const { length } = bytes;
    const { client, record } = mergeOfText(bytes.toString());
    for (const one of [record.into, ...record.ids]) this.#table.removeSync(idKey(client, one, id));
    this.#table.removeSync(key);
    this.#count(-length);
  }

  /** Removes the oldest records that exceed the age or size limit. */
  #free(now: number): void {
    const range = { start: recordKey(''), end: recordKey('~'), limit: FREED_AT_ONCE };
    const oldest = Array.from(this.#table.getKeys(range), (key) => key.toString('latin1', 1));
    for (const id of oldest) {
      const isOld = timeOfMerge(id) + this.#keptMs! <= now;
      if (isOld || this.#bytes() > MAX_BYTES) this.#remove(id);
    }
  }

  #bytes(): number {
    const bytes = this.#table.getBinary(BYTES_KEY);
    return bytes ? readTime(bytes, 0) : 0;
  }

  #count(more: number): void {
    const bytes = Buffer.alloc(TIME_BYTES);
    writeTime(bytes, Math.max(0, this.#bytes() + more), 0);
    this.#table.putSync(BYTES_KEY, bytes);
  }

  #idsOfMerges(client: string, id: VisitorId): string[] {
    const start = idKey(client, id, '');
    const end = idKey(client, id, '~');
    return Array.from(this.#table.getKeys({ start, end }), (key) => key.toString('latin1', 1 + HASH));
  }
}

/** The profiles that a plan merges into its target, in order. */
export function mergedProfiles(
  steps: readonly LinkStep<string>[],
  living: ReadonlyMap<string, LocatedProfile>,
): LocatedProfile[] {
  return steps.flatMap((step) => (step.kind === 'merge' ? [living.get(step.from)!] : []));
}

function recordKey(id: string): Buffer {
  return Buffer.from(`\u0001${id}`, 'latin1');
}

function idKey(client: string, { kind, value }: VisitorId, id: string): Buffer {
  const hash = createHash('sha256').update(`${client}\0${kind}\0${value}`).digest().subarray(0, HASH);
  return Buffer.concat([Buffer.from([2]), hash, Buffer.from(id, 'latin1')]);
}

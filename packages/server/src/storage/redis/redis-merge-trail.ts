/**
 * The merge trail in a Redis or Valkey Cluster.
 *
 *   `…:merge:{slot}:<merge>`      the record as JSON, in the slot where the merge commits
 *   `…:unmerged:{slot}:<merge>`   when it was undone, in the slot where that commits
 *   `…:merged:{hash of an id}`    the merges that involve an id, by time
 *
 * The script that commits a merge writes the record, and the one that commits its undoing writes
 * when that was. The id of a merge ends with the slot of its record. A merge is added to its ids
 * before it commits, so an id may lead to a merge that was never made.
 *
 * Everything is freed when it is as old as records may be. Until then a record counts only while
 * one of its ids still names a profile since the time of the merge or before, so records of a
 * profile that has expired are never shown.
 */

import { createHash } from 'node:crypto';
import { mergeAttributes, type PackedAttributes } from '../../domain/attributes.ts';
import { isExpired } from '../../domain/lifetime.ts';
import {
  type DatedId,
  isCurrent,
  MAX_MERGE_IDS,
  type MergeRecord,
  planUnmerge,
  recordedMerge,
  type UnmergePlan,
} from '../../domain/unmerge.ts';
import { sameId, type VisitorId } from '../../domain/visitor-id.ts';
import { changesOfUnmerge } from '../changes-of.ts';
import { mergeOfText, mergeText, newMergeId, timeOfMerge } from '../merge-text.ts';
import {
  type MergeTrail,
  NOT_RECORDED,
  type Unmerged,
  type UnmergeOutcome,
  type UnmergeRefused,
} from '../merge-trail.ts';
import type { Cell, Cells, KeptTexts } from './cells.ts';
import { slotTags } from './change-outbox.ts';
import { keySlot } from './key-slot.ts';
import { CellLinking, linkedIds } from './linking.ts';
import { forgetMerges, keepFor, noteMerge } from './lua-scripts.ts';
import { ProfileDraft } from './profile-draft.ts';
import { latest, type RedisCluster } from './redis-cluster.ts';
import { untilWritten } from './until-written.ts';

/** How many digits of an id of a merge, in base 36, name the slot. */
const SLOT_DIGITS = 3;
const MERGE_ID = /^[0-9a-z]{9}[0-9a-f]{12}[0-9a-z]{3}$/;

/** A write that merges. */
interface MergingWrite {
  readonly client: string;
  /** The strongest id of the write. */
  readonly into: VisitorId;
  /** The attributes of the remaining profile before. */
  readonly before: PackedAttributes;
  /** Epoch milliseconds. */
  readonly at: number;
}

export class RedisMergeTrail implements MergeTrail {
  readonly #cluster: RedisCluster;
  readonly #cells: Cells;
  readonly #prefix: string;
  readonly #keptMs: number | undefined;

  /** @param keptMs how long records are kept; undefined records no merges */
  constructor(cluster: RedisCluster, cells: Cells, prefix: string, keptMs: number | undefined) {
    this.#cluster = cluster;
    this.#cells = cells;
    this.#prefix = prefix;
    this.#keptMs = keptMs;
  }

  get isOn(): boolean {
    return this.#keptMs !== undefined;
  }

  /**
   * Prepares the records of merges: adds them to their ids, and returns what the commit must write.
   *
   * @param cellKey of the cell where the write commits
   * @param merged the profiles that become part of another, in order
   */
  async note(
    cellKey: string,
    merged: readonly Cell[],
    { client, into, before, at }: MergingWrite,
    until: number,
  ): Promise<KeptTexts | undefined> {
    const ttl = this.#keptMs;
    if (ttl === undefined || merged.length === 0) return undefined;
    const slot = keySlot(cellKey).toString(36).padStart(SLOT_DIGITS, '0');
    let present = before;
    const records = merged.map((cell): MergeRecord => {
      const { profile, overruled } = recordedMerge(cell.profile!, cell.links.size, present);
      present = mergeAttributes(present, cell.profile!.attributes);
      return {
        ...{ id: `${newMergeId(at)}${slot}`, at, into: { kind: into.kind, value: into.value } },
        ids: linkedIds(cell).slice(0, MAX_MERGE_IDS),
        ...{ profile, overruled, undoneAt: undefined },
      };
    });
    await Promise.all(
      records.flatMap(({ id, into, ids }) =>
        [into, ...ids].map((one) => {
          const call = { script: noteMerge, keys: [this.#idKey(client, one)], args: [id, at, ttl] };
          return this.#cluster.write(call, until);
        }),
      ),
    );
    const texts = records.map((record) => ({
      key: this.#recordKey(record.id)!,
      text: mergeText({ client, record }),
    }));
    return { texts, ttl };
  }

  list(client: string, ids: readonly VisitorId[], now: number, limit: number): Promise<MergeRecord[]> {
    return this.#latest(client, ids, limit, (id, until) => this.#findCurrent(client, id, now, until));
  }

  recorded(client: string, ids: readonly VisitorId[], now: number, limit: number): Promise<MergeRecord[]> {
    return this.#latest(client, ids, limit, (id, until) => this.#find(client, id, now, until));
  }

  find(client: string, id: string, now: number): Promise<MergeRecord | undefined> {
    return this.#find(client, id, now, latest());
  }

  async #latest(
    client: string,
    ids: readonly VisitorId[],
    limit: number,
    find: (id: string, until: number) => Promise<MergeRecord | undefined>,
  ): Promise<MergeRecord[]> {
    const until = latest();
    const found = await this.#mergesOf(client, ids, until);
    const records: MergeRecord[] = [];
    for (const id of [...found].sort().reverse()) {
      if (records.length >= limit) break;
      const record = await find(id, until);
      if (record) records.push(record);
    }
    return records;
  }

  unmerge(client: string, id: string, now: number, isPreview: boolean): Promise<UnmergeOutcome> {
    return untilWritten<UnmergeOutcome>(latest(), async (until) => {
      const record = await this.#findCurrent(client, id, now, until);
      return record ? this.#undo(client, record, now, isPreview, until) : { outcome: 'not-found' };
    });
  }

  async undo(client: string, record: MergeRecord, now: number, isPreview: boolean) {
    if (this.#keptMs === undefined) return { outcome: 'refused', reason: NOT_RECORDED } as const;
    return untilWritten<Unmerged | UnmergeRefused>(latest(), async (until) => {
      const undoneAt = record.undoneAt ?? (await this.#undoneAt(client, record, until));
      return this.#undo(client, { ...record, undoneAt }, now, isPreview, until);
    });
  }

  async noteUndone(client: string, { id, ids }: MergeRecord, at: number): Promise<void> {
    const until = latest();
    if (!(await this.#find(client, id, at, until))) return;
    const keys = [this.#undoneKey(this.#cells.keyOf(client, ids[0]!), id)];
    await this.#cluster.write({ script: keepFor, keys, args: [at, this.#keptMs!] }, until);
  }

  /** Undefined when something has changed in the meantime. */
  async #undo(
    client: string,
    record: MergeRecord,
    now: number,
    isPreview: boolean,
    until: number,
  ): Promise<Unmerged | UnmergeRefused | undefined> {
    const { home } = await this.#cells.locate(client, record.into, until);
    const { profile } = home ?? {};
    const merged = profile && !isExpired(profile, now) ? { profile, ids: linkedIds(home!) } : undefined;
    const plan = planUnmerge(record, merged, now);
    if (typeof plan === 'string') return { outcome: 'refused', reason: plan, undoneAt: record.undoneAt };
    if (!isPreview && !(await this.#split(client, record, home!, plan, now, until))) return undefined;
    return { outcome: 'unmerged', record, removed: plan.removed };
  }

  /** False when something has changed in the meantime. */
  async #split(
    client: string,
    record: MergeRecord,
    home: Cell,
    plan: UnmergePlan,
    now: number,
    until: number,
  ): Promise<boolean> {
    const own = await this.#cellOf(client, record.ids[0]!, home, until);
    const moment = { now, lifetimeDays: 0 };
    const from = ProfileDraft.of(home);
    const target = ProfileDraft.born(own, moment);
    const linking = new CellLinking(target, new Map(), moment);
    linking.separate(from, record.ids);
    from.profile = plan.remaining;
    target.profile = plan.separate;
    const cellOf = (one: VisitorId) => this.#cellOf(client, one, home, until);
    const { others, repoints } = await linking.changes(cellOf);
    const changes = this.#cells.isRecording ? changesOfUnmerge(record, plan.removed, now) : [];
    const texts = [{ key: this.#undoneKey(own.key, record.id), text: String(now) }];
    const kept = { texts, ttl: this.#keptMs! };
    const change = { cell: own, change: target.change(now) };
    return this.#cells.commit(change, others, repoints, until, changes, kept);
  }

  /** The cell of an id; the home of the profile as it was read, because the plan depends on it. */
  async #cellOf(client: string, id: VisitorId, home: Cell, until: number): Promise<Cell> {
    return sameId(id, home.id) ? home : this.#cells.load(client, id, until);
  }

  async eraseFrom(client: string, ids: readonly VisitorId[]): Promise<number> {
    const until = latest();
    const found = [...(await this.#mergesOf(client, ids, until))];
    if (found.length === 0) return 0;
    const records = await Promise.all(
      found.map(async (id) => {
        const text = await this.#cluster.read<Buffer | null>(until, this.#recordKey(id)!, 'GET');
        return text && mergeOfText(String(text));
      }),
    );
    const removed = records.flatMap((stored) => (stored?.client === client ? [stored.record] : []));
    // The given ids come last: until then they lead to what is left, if this is interrupted.
    for (const { id, into, ids: own } of removed) {
      const others = [into, ...own].filter((one) => !ids.some((given) => sameId(given, one)));
      await Promise.all(others.map((one) => this.#forget(this.#idKey(client, one), [id], until)));
      const undoneKey = own[0] && this.#undoneKey(this.#cells.keyOf(client, own[0]), id);
      if (undoneKey !== undefined) await this.#forget(undoneKey, [], until);
      await this.#forget(this.#recordKey(id)!, [], until);
    }
    await Promise.all(ids.map((one) => this.#forget(this.#idKey(client, one), found, until)));
    return removed.length;
  }

  /** @param merges to remove from those of an id; with none, the key itself is removed */
  async #forget(key: string, merges: readonly string[], until: number): Promise<void> {
    const touched = `${this.#prefix}:touched:{${slotTags()[keySlot(key)]!}}`;
    await this.#cluster.write({ script: forgetMerges, keys: [touched, key], args: [...merges] }, until);
  }

  async #mergesOf(client: string, ids: readonly VisitorId[], until: number): Promise<Set<string>> {
    const found = await Promise.all(
      ids.map((id) => this.#cluster.read<Buffer[]>(until, this.#idKey(client, id), 'ZRANGE', 0, -1)),
    );
    return new Set(found.flat().map(String));
  }

  async #find(client: string, id: string, now: number, until: number): Promise<MergeRecord | undefined> {
    const key = this.#recordKey(id);
    if (key === undefined || this.#keptMs === undefined || timeOfMerge(id) + this.#keptMs <= now) {
      return undefined;
    }
    const text = await this.#cluster.read<Buffer | null>(until, key, 'GET');
    const stored = text && mergeOfText(String(text));
    if (stored?.client !== client) return undefined;
    const { record } = stored;
    return { ...record, undoneAt: await this.#undoneAt(client, record, until) };
  }

  async #undoneAt(client: string, { id, ids }: MergeRecord, until: number): Promise<number | undefined> {
    const key = this.#undoneKey(this.#cells.keyOf(client, ids[0]!), id);
    const undone = await this.#cluster.read<Buffer | null>(until, key, 'GET');
    return undone ? Number(undone) : undefined;
  }

  async #findCurrent(client: string, id: string, now: number, until: number) {
    const record = await this.#find(client, id, now, until);
    return record && (await this.#isCurrent(client, record, now, until)) ? record : undefined;
  }

  /** Whether one of the ids of a merge still names a profile here that it named then. */
  async #isCurrent(client: string, record: MergeRecord, now: number, until: number): Promise<boolean> {
    for (const id of [record.into, ...record.ids]) {
      const { home } = await this.#cells.locate(client, id, until);
      if (!home?.profile || isExpired(home.profile, now)) continue;
      const its: DatedId[] = linkedIds(home).filter((one) => sameId(one, id));
      if (isCurrent(record, its)) return true;
    }
    return false;
  }

  /** Undefined for what is no id of a merge. */
  #recordKey(id: string): string | undefined {
    const slot = MERGE_ID.test(id) ? Number.parseInt(id.slice(-SLOT_DIGITS), 36) : Number.NaN;
    const tag = slotTags()[slot];
    return tag === undefined ? undefined : `${this.#prefix}:merge:{${tag}}:${id}`;
  }

  #undoneKey(cellKey: string, id: string): string {
    return `${this.#prefix}:unmerged:{${slotTags()[keySlot(cellKey)]!}}:${id}`;
  }

  #idKey(client: string, { kind, value }: VisitorId): string {
    const hash = createHash('sha256').update(`${client}\0${kind}\0${value}`).digest('base64url');
    return `${this.#prefix}:merged:{${hash.slice(0, 22)}}`;
  }
}

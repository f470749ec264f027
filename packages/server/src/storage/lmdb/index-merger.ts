/**
 * Updates the index with the recent entries, many keys at a time and in key order, so that
 * neighbouring keys share the page that is written.
 *
 *   idle      nothing, or too little, is waiting            enough waits, or a pause in the
 *                                                           writing → merging
 *   merging   the newest entries of each key at one         all are in the index → `merged`
 *             moment, in key order, a few per step          advances → idle; the process dies →
 *                                                           the next one starts again
 *
 * Most keys are merged without reading anything: memory knows the size of the entry, and where the
 * index led when it was appended (`recent-entries.ts`).
 *
 * A key that has got a newer entry meanwhile is left to the next merge; until then memory says
 * where it is. Merging a key twice has the same effect as merging it once, so several processes may
 * merge at once, although one is enough.
 */

import { setImmediate } from 'node:timers/promises';
import type { EntryLog, Waiting } from './entry-log.ts';
import type { LmdbEnvironment } from './lmdb-environment.ts';
import { treePages } from './lmdb-internals.ts';
import { TimeSlice } from './time-slice.ts';

const KIB = 1024;
const MIB = 1024 ** 2;
/**
 * Between these limits, a merge starts when an eighth as many keys wait as the index has; that is
 * about seven keys per page.
 */
const LEAST_KEYS = 64 * KIB;
const MOST_KEYS = 512 * KIB;
const SHARE_OF_INDEX = 1 / 8;
/** Superseded entries cannot be cleaned while they wait; in bytes. */
const MOST_SUPERSEDED = 16 * MIB;
/** The most waiting bytes: an eighth of the file, between these limits. */
const LEAST_BYTES = 16 * MIB;
const MOST_BYTES = 256 * MIB;
const SHARE_OF_FILE = 1 / 8;

interface Merging {
  readonly keys: readonly string[];
  /** The last entry at the start of the merge. */
  readonly to: number;
  /** The index of the next one to be merged. */
  next: number;
}

export interface IndexMergerOptions {
  /** Starts with so many keys, whatever the size of the index; for tests. */
  readonly mergeKeys?: number | undefined;
}

export class IndexMerger {
  readonly #environment: LmdbEnvironment;
  readonly #log: EntryLog;
  readonly #mergeKeys: number | undefined;
  #merging: Merging | undefined;
  #underWay: Promise<boolean> | undefined;
  #lastLook = 0;

  constructor(environment: LmdbEnvironment, log: EntryLog, options: IndexMergerOptions = {}) {
    this.#environment = environment;
    this.#log = log;
    this.#mergeKeys = options.mergeKeys;
  }

  /** Whether so much is waiting that a writer should merge before it adds more. */
  get isDue(): boolean {
    return this.#merging !== undefined || this.#environment.read(() => this.#isEnough(this.#log.waiting()));
  }

  /**
   * One small step.
   *
   * @param limit the most keys in it
   * @returns whether there is more to do at once
   */
  async step(limit = Number.POSITIVE_INFINITY): Promise<boolean> {
    while (this.#underWay !== undefined) await this.#underWay.catch(() => undefined);
    this.#underWay = this.#step(limit);
    try {
      return await this.#underWay;
    } finally {
      this.#underWay = undefined;
    }
  }

  async #step(limit: number): Promise<boolean> {
    this.#merging ??= this.#environment.read(() => this.#begin());
    const merging = this.#merging;
    if (merging === undefined) return false;
    // If the commit fails, the same keys are merged again.
    merging.next = await this.#environment.writeUpkeep(() => this.#bringIn(merging, limit));
    if (merging.next < merging.keys.length) {
      // Waiting writes go first.
      await setImmediate();
      return true;
    }
    this.#merging = undefined;
    return false;
  }

  #begin(): Merging | undefined {
    const waiting = this.#log.waiting();
    const isQuiet = waiting.to === this.#lastLook;
    this.#lastLook = waiting.to;
    if (waiting.to === waiting.merged || !(isQuiet || this.#isEnough(waiting))) return undefined;
    return { keys: this.#log.recentSorted(), to: waiting.to, next: 0 };
  }

  #isEnough({ keys, bytes, to, merged }: Waiting): boolean {
    if (this.#mergeKeys !== undefined) return keys >= this.#mergeKeys;
    const inIndex = treePages(this.#log.index.table).entries;
    if (keys >= clamp(inIndex * SHARE_OF_INDEX, LEAST_KEYS, MOST_KEYS)) return true;
    if (bytes * (1 - keys / Math.max(1, to - merged)) >= MOST_SUPERSEDED) return true;
    return bytes >= clamp(this.#environment.fileBytes() * SHARE_OF_FILE, LEAST_BYTES, MOST_BYTES);
  }

  /**
   * Merges some keys.
   * @returns the index of the next one
   */
  #bringIn({ keys, to, next }: Merging, limit: number): number {
    const log = this.#log;
    log.beginMerging();
    const slice = new TimeSlice();
    const end = Math.min(next + limit, keys.length);
    let at = next;
    for (; at < end && slice.mayGoOn(); at += 1) {
      const key = keys[at]!;
      const entry = log.recentEntry(key);
      if (entry !== undefined && entry.number <= to) log.merge(key, entry);
    }
    if (at === keys.length) log.setMerged(to);
    return at;
  }
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

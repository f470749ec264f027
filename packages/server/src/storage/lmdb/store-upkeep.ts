/** Keeps the store small and fast, in the background process. Each step is one short write. */

import type { EntryLog } from './entry-log.ts';
import { IndexMerger, type IndexMergerOptions } from './index-merger.ts';
import type { LmdbEnvironment } from './lmdb-environment.ts';
import type { ProfileRecords } from './profile-records.ts';
import { SegmentCleaner } from './segment-cleaner.ts';

export class StoreUpkeep {
  readonly #environment: LmdbEnvironment;
  readonly #log: EntryLog;
  readonly #merger: IndexMerger;
  readonly #cleaner: SegmentCleaner;

  /** @param liveShare as in {@link SegmentCleaner} */
  constructor(
    environment: LmdbEnvironment,
    records: ProfileRecords,
    options?: IndexMergerOptions,
    liveShare?: number,
  ) {
    this.#environment = environment;
    this.#log = records.log;
    this.#merger = new IndexMerger(environment, records.log, options);
    this.#cleaner = new SegmentCleaner(environment, records, liveShare);
  }

  /**
   * One step of whatever is due.
   * @param limit as in the steps themselves
   * @returns whether there is more to do at once
   */
  async step(limit?: number): Promise<boolean> {
    return (await this.#merger.step(limit)) || this.#cleaner.step(limit);
  }

  /** Does everything, in a store that no other process writes to. */
  async finish(): Promise<void> {
    // So that the newest segment is examined too; it may contain many dead entries.
    await this.#environment.writeUpkeep(() => this.#log.beginSegment());
    // Copied entries must be merged in turn; the second look verifies that nothing new has come.
    for (let idleLooks = 0; idleLooks < 2; idleLooks += 1) while (await this.step()) idleLooks = 0;
  }

  /** Merges until little is waiting, before a writer adds much more. */
  async makeRoom(): Promise<void> {
    while (this.#merger.isDue && (await this.#merger.step()));
  }
}

/** What the background process does for the store so that it stays small and fast; each step is one short write. */

import { IndexMerger, type IndexMergerOptions } from './index-merger.ts';
import type { LmdbEnvironment } from './lmdb-environment.ts';
import type { ProfileRecords } from './profile-records.ts';
import { SegmentCleaner } from './segment-cleaner.ts';

export class StoreUpkeep {
  readonly #merger: IndexMerger;
  readonly #cleaner: SegmentCleaner;

  constructor(environment: LmdbEnvironment, records: ProfileRecords, options?: IndexMergerOptions) {
    this.#merger = new IndexMerger(environment, records.log, options);
    this.#cleaner = new SegmentCleaner(environment, records);
  }

  /** One step of whatever is due. @param limit as of the steps themselves @returns whether there is more to do at once */
  async step(limit?: number): Promise<boolean> {
    return (await this.#merger.step(limit)) || this.#cleaner.step(limit);
  }

  /** Merges until little is waiting, for whoever is about to bring much more. */
  async makeRoom(): Promise<void> {
    while (this.#merger.isDue && (await this.#merger.step()));
  }
}

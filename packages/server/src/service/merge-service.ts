/**
 * The merges of profiles and undoing them (contract section 20).
 *
 * `local-merges.ts` serves those of this edge cluster. When there are other clusters,
 * `edges/located-merges.ts` wraps it and asks them too.
 */

import type { MergeRecord } from '../domain/unmerge.ts';
import type { VisitorId } from '../domain/visitor-id.ts';
import type { UnmergeOutcome } from '../storage/merge-trail.ts';

export interface FoundMerges {
  /** Newest first. */
  readonly records: readonly MergeRecord[];
  /** The numbers of edge clusters that could not be asked; they may have more merges. */
  readonly unreachable: readonly number[];
}

export interface MergeService {
  /** Whether merges are recorded. */
  readonly isOn: boolean;
  /** The latest merges that involved an id, or another id of its profile; at most `limit`. */
  list(client: string, id: VisitorId, limit: number): Promise<FoundMerges>;
  /**
   * Undoes a merge; with `isPreview`, only says what that would do.
   * @throws QuiverError `unavailable` when another edge cluster cannot be asked
   */
  unmerge(client: string, id: string, isPreview: boolean): Promise<UnmergeOutcome>;
}

/** The most ids of a profile whose merges are searched. */
export const MAX_SEARCHED_IDS = 1000;

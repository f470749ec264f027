/** The merges that this edge cluster recorded. */

import type { DatedId, MergeRecord } from '../domain/unmerge.ts';
import { sameId, type VisitorId } from '../domain/visitor-id.ts';
import type { MergeTrail, Unmerged, UnmergeOutcome, UnmergeRefused } from '../storage/merge-trail.ts';
import type { ProfileStore } from '../storage/profile-store.ts';
import { type FoundMerges, MAX_SEARCHED_IDS, type MergeService } from './merge-service.ts';

type IsSuppressed = (id: VisitorId) => boolean;

export interface LocalMergesParts {
  readonly trail: MergeTrail;
  readonly profiles: Pick<ProfileStore, 'findLinked'>;
  /** Which ids must not be stored (contract section 22). */
  readonly suppressions: {
    of(client: string): IsSuppressed | undefined | Promise<IsSuppressed | undefined>;
  };
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** What an edge cluster is asked about its merges. */
export interface MergeSearch {
  readonly ids: readonly VisitorId[];
  /** The id of a merge to look for. */
  readonly merge?: string | undefined;
  /** The most merges that involve one of the ids; 0 for none. */
  readonly limit: number;
}

export interface SearchedMerges {
  readonly records: readonly MergeRecord[];
  /** All ids of the profiles that the ids of the search name here. */
  readonly ids: readonly DatedId[];
}

const ALL_IDS = Number.MAX_SAFE_INTEGER;
const SUPPRESSED: UnmergeRefused = {
  outcome: 'refused',
  reason: 'an id that came with the merge is suppressed',
};

export class LocalMerges implements MergeService {
  readonly #parts: LocalMergesParts;

  constructor(parts: LocalMergesParts) {
    this.#parts = parts;
  }

  get isOn(): boolean {
    return this.#parts.trail.isOn;
  }

  async list(client: string, id: VisitorId, limit: number): Promise<FoundMerges> {
    const { trail, profiles, now } = this.#parts;
    const found = await profiles.findLinked(client, id, now(), MAX_SEARCHED_IDS);
    const records = await trail.list(client, [id, ...(found?.ids ?? [])], now(), limit);
    return { records, unreachable: [] };
  }

  async unmerge(client: string, id: string, isPreview: boolean): Promise<UnmergeOutcome> {
    const { trail, now } = this.#parts;
    // Checked first, because ids that must not be stored must not get a profile either.
    const planned = await trail.unmerge(client, id, now(), true);
    if (planned.outcome !== 'unmerged') return planned;
    if (await this.#isSuppressed(client, planned.record)) return SUPPRESSED;
    return isPreview ? planned : trail.unmerge(client, id, now(), false);
  }

  /** What this cluster knows, for a search in all clusters. */
  async search(client: string, { ids, merge, limit }: MergeSearch): Promise<SearchedMerges> {
    const { trail, profiles, now } = this.#parts;
    const records = limit > 0 ? await trail.recorded(client, ids, now(), limit) : [];
    const one = merge === undefined ? undefined : await trail.find(client, merge, now());
    const found: DatedId[] = [];
    for (const id of ids) {
      // Most ids of a search are of one profile.
      if (found.some((known) => sameId(known, id))) continue;
      found.push(...((await profiles.findLinked(client, id, now(), ALL_IDS))?.ids ?? []));
    }
    return { records: one ? [...records, one] : records, ids: found };
  }

  /** Undoes a merge that any cluster recorded, if its profile lives here. */
  async undo(client: string, record: MergeRecord, isPreview: boolean): Promise<Unmerged | UnmergeRefused> {
    const { trail, now } = this.#parts;
    if (await this.#isSuppressed(client, record)) return SUPPRESSED;
    return trail.undo(client, record, now(), isPreview);
  }

  noteUndone(client: string, record: MergeRecord, at: number): Promise<void> {
    return this.#parts.trail.noteUndone(client, record, at);
  }

  async #isSuppressed(client: string, { ids }: MergeRecord): Promise<boolean> {
    const isSuppressed = await this.#parts.suppressions.of(client);
    return isSuppressed !== undefined && ids.some(isSuppressed);
  }
}

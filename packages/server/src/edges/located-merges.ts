/**
 * The merges of all edge clusters (contract section 20).
 *
 * A cluster records the merges that it made. A profile may move afterwards, and its records stay
 * where they are; so a record counts while one of its ids still names, in any cluster, the profile
 * that it named then.
 *
 * Undoing needs an answer of every cluster: one that is silent may have undone the merge already,
 * or may have a duplicate of the profile, which would merge the two again. It takes these steps:
 *
 *   1. The record is asked for; `not-found` when no cluster has it.
 *   2. Duplicates of its profiles are merged, as they are when a request reads both.
 *   3. Every cluster says what undoing would do there. It can be undone where its profile lives,
 *      unless a cluster has undone it already.
 *   4. It is undone there, in one step that also notes that it was.
 *   5. The clusters that have the record are told. If one misses that, step 3 still finds it.
 */

import { isCurrent, type MergeRecord, UNDONE_ALREADY } from '../domain/unmerge.ts';
import { sameId, type VisitorId } from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { LocalMerges, MergeSearch, SearchedMerges } from '../service/local-merges.ts';
import { type FoundMerges, MAX_SEARCHED_IDS, type MergeService } from '../service/merge-service.ts';
import type { Unmerged, UnmergeOutcome, UnmergeRefused } from '../storage/merge-trail.ts';
import type { ProfileStore } from '../storage/profile-store.ts';
import { mergeOf, sentMerge } from './edge-calls.ts';
import { type EdgePeer, PeerSilent } from './edge-peer.ts';
import { heard, moveProfile, ownPlace, type ProfilePlace, peerPlace } from './profile-moves.ts';

export interface LocatedMergesParts {
  readonly cluster: number;
  /** The merges of this cluster. */
  readonly local: LocalMerges;
  readonly store: Pick<ProfileStore, 'findLinked' | 'adopt' | 'release'>;
  readonly peers: readonly EdgePeer[];
  readonly log: Log;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** A cluster that may have records, and profiles. */
interface MergePlace {
  readonly profiles: ProfilePlace;
  search(client: string, search: MergeSearch): Promise<SearchedMerges>;
  undo(client: string, record: MergeRecord, isPreview: boolean): Promise<Unmerged | UnmergeRefused>;
  noteUndone(client: string, record: MergeRecord, at: number): Promise<void>;
}

const MAX_TRIES = 3;
const GONE: UnmergeRefused = {
  outcome: 'refused',
  reason: 'the merged profile has expired or was removed',
};

export class LocatedMerges implements MergeService {
  readonly #parts: LocatedMergesParts;
  readonly #places: readonly MergePlace[];

  constructor(parts: LocatedMergesParts) {
    const { cluster, local, store, peers, now } = parts;
    this.#parts = parts;
    const own: MergePlace = {
      profiles: ownPlace(cluster, store, now),
      search: (...asked) => local.search(...asked),
      undo: (...asked) => local.undo(...asked),
      noteUndone: (...asked) => local.noteUndone(...asked),
    };
    this.#places = [own, ...peers.map(placeOf)];
  }

  get isOn(): boolean {
    return this.#parts.local.isOn;
  }

  async list(client: string, id: VisitorId, limit: number): Promise<FoundMerges> {
    const silent = new Set<number>();
    const named = await this.#searchSome(client, { ids: [id], limit: 0 }, silent);
    const ids = distinct([id, ...named.ids]).slice(0, MAX_SEARCHED_IDS);
    const { records } = await this.#searchSome(client, { ids, limit }, silent);
    const joined = withoutDoubles(records);
    const doubtful = joined.filter((record) => !isCurrent(record, named.ids));
    const asked = distinct(doubtful.flatMap((record) => [record.into, ...record.ids]));
    const others =
      asked.length === 0 ? [] : (await this.#searchSome(client, { ids: asked, limit: 0 }, silent)).ids;
    const living = [...named.ids, ...others];
    return {
      records: joined.filter((record) => isCurrent(record, living)).slice(0, limit),
      unreachable: [...silent].sort((one, other) => one - other),
    };
  }

  async unmerge(client: string, id: string, isPreview: boolean): Promise<UnmergeOutcome> {
    const found = await this.#all((place) => place.search(client, { ids: [], merge: id, limit: 0 }));
    const [record] = withoutDoubles(found.flatMap(({ records }) => records));
    if (!record) return { outcome: 'not-found' };
    for (let tries = 1; ; tries += 1) {
      const named = await this.#unite(client, [record.into, ...record.ids]);
      if (!isCurrent(record, named.flat())) return { outcome: 'not-found' };
      const home = this.#places.find((_, at) => named[at]!.some((one) => sameId(one, record.into)));
      const done = home ? await this.#undo(client, record, home, isPreview) : GONE;
      // Otherwise the profile may have moved in between.
      if (done.outcome === 'unmerged' || done.undoneAt !== undefined || tries >= MAX_TRIES) return done;
    }
  }

  async #undo(client: string, record: MergeRecord, home: MergePlace, isPreview: boolean) {
    const planned = await this.#all((place) => place.undo(client, { ...record, undoneAt: undefined }, true));
    const undoneAt = planned.reduce(
      (at, one) => (one.outcome === 'refused' ? (one.undoneAt ?? at) : at),
      record.undoneAt,
    );
    if (undoneAt !== undefined) {
      await this.#tell(client, record, undoneAt);
      return { outcome: 'refused', reason: UNDONE_ALREADY, undoneAt } as const;
    }
    if (isPreview) return planned[this.#places.indexOf(home)]!;
    const done = await home.undo(client, record, false);
    if (done.outcome === 'unmerged') await this.#tell(client, record, this.#parts.now(), home);
    return done;
  }

  /** Tells the clusters that a merge was undone. */
  async #tell(client: string, record: MergeRecord, at: number, by?: MergePlace): Promise<void> {
    await Promise.all(
      this.#places.map(async (place) => {
        try {
          if (place !== by) await place.noteUndone(client, record, at);
        } catch (err) {
          const { cluster } = place.profiles;
          this.#parts.log.warn({ err, cluster }, 'an edge cluster was not told that a merge was undone');
        }
      }),
    );
  }

  /**
   * Merges duplicates of the profiles that ids name, at the cluster with the lowest number.
   * @returns for each cluster, all ids of those of these profiles that live there
   */
  async #unite(client: string, ids: readonly VisitorId[]) {
    for (let tries = 1; ; tries += 1) {
      const named = await this.#all((place) => place.search(client, { ids, limit: 0 }));
      const doubles = ids.flatMap((id) => {
        const having = this.#places.filter((_, at) => named[at]!.ids.some((one) => sameId(one, id)));
        return having.length > 1 ? [{ id, places: having.map(({ profiles }) => profiles) }] : [];
      });
      if (doubles.length === 0) return named.map((one) => one.ids);
      if (tries >= MAX_TRIES) {
        throw new QuiverError('not-done', 'The profile is being changed by others; send it again');
      }
      for (const { id, places } of doubles) {
        const [to, ...others] = places.sort((one, other) => one.cluster - other.cluster);
        for (const from of others) await moveProfile(client, id, from, to!);
      }
    }
  }

  /** @param silent clusters that could not be asked; they are not asked again */
  async #searchSome(client: string, search: MergeSearch, silent: Set<number>): Promise<SearchedMerges> {
    const answers = await Promise.all(
      this.#places.map(async (place) => {
        const { cluster } = place.profiles;
        if (silent.has(cluster)) return undefined;
        try {
          return await place.search(client, search);
        } catch (error) {
          if (!(error instanceof PeerSilent)) throw error;
          silent.add(cluster);
          return undefined;
        }
      }),
    );
    const heardOf = answers.filter((answer) => answer !== undefined);
    return {
      records: heardOf.flatMap(({ records }) => records),
      ids: heardOf.flatMap(({ ids }) => ids),
    };
  }

  /**
   * Asks every cluster.
   * @throws QuiverError `unavailable` when one could not be asked
   */
  async #all<Answer>(ask: (place: MergePlace) => Promise<Answer>): Promise<Answer[]> {
    try {
      return await Promise.all(this.#places.map(ask));
    } catch (error) {
      if (!(error instanceof PeerSilent)) throw error;
      throw new QuiverError(
        'unavailable',
        `Edge cluster ${error.cluster} cannot be asked, and undoing a merge needs all of them; nothing was changed`,
        { headers: { 'retry-after': '1' }, cause: error },
      );
    }
  }
}

function placeOf(peer: EdgePeer): MergePlace {
  return {
    profiles: peerPlace(peer),
    async search(client, { ids, merge, limit }) {
      const { records, ids: named } = await peer.ask('merges', { client, ids: [...ids], merge, limit });
      return { records: records.map(mergeOf), ids: named };
    },
    async undo(client, record, isPreview) {
      const asked = peer.ask('unmerge', { client, merge: sentMerge(record), isPreview });
      const { outcome, removed = [], reason = '', undoneAt } = await (isPreview ? asked : heard(asked));
      return outcome === 'unmerged' ? { outcome, record, removed } : { outcome: 'refused', reason, undoneAt };
    },
    async noteUndone(client, record, at) {
      await peer.ask('unmerge', { client, merge: { ...sentMerge(record), undoneAt: at }, isPreview: false });
    },
  };
}

/**
 * Newest first, as ids begin with their time; each merge once. Of its copies, the one that was
 * undone first is right.
 */
function withoutDoubles(records: readonly MergeRecord[]): MergeRecord[] {
  const undoneAt = (record: MergeRecord | undefined) => record?.undoneAt ?? Number.POSITIVE_INFINITY;
  const merges = new Map<string, MergeRecord>();
  for (const record of records) {
    const copy = merges.get(record.id);
    if (!copy || undoneAt(record) < undoneAt(copy)) merges.set(record.id, record);
  }
  return [...merges.values()].sort((one, other) => (one.id < other.id ? 1 : -1));
}

function distinct(ids: readonly VisitorId[]): VisitorId[] {
  return [...new Map(ids.map(({ kind, value }) => [`${kind} ${value}`, { kind, value }])).values()];
}

/**
 * The profiles of all edge clusters, wherever each one lives (contract section 8).
 *
 * A lookup asks the cluster that the location hint names, then this one, then the one where the
 * profile was found before, then all others at once, and ends at the first that has it. "No such
 * profile" is only answered when every cluster has said so twice, because a profile that is moved
 * between two answers could be missed once. When a cluster could not be reached and none of the
 * others has the profile, the answer is 503.
 *
 * A write goes to where the lookup found the profile. When the ids of a visit name profiles in
 * several clusters, these are first moved to the cluster of the strongest id (`profile-moves.ts`);
 * the visit then acts as if they had always been there. After a visit with ids that were unknown,
 * these are looked up again: another cluster may have created a profile for them at the same
 * moment, and the two are then merged.
 */

import { setTimeout as pause } from 'node:timers/promises';
import type { AttributeSettings } from '../domain/attributes.ts';
import type { ChangeChannel } from '../domain/change.ts';
import { strongestFirst } from '../domain/linking.ts';
import type { RequestFacts } from '../domain/script-input.ts';
import { idProblem, parseTntId, type SentId, type VisitorId } from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import type { Log } from '../log.ts';
import { type NowOrLater, whenKnown } from '../now-or-later.ts';
import type {
  Done,
  Elsewhere,
  FetchedProfile,
  ProfileService,
  TakenVisit,
} from '../service/profile-service.ts';
import type {
  LinkedProfile,
  ProfileStore,
  RemovalOutcome,
  UpdateOutcome,
  Visit,
} from '../storage/profile-store.ts';
import type { EdgeAnswer, EdgeAsk, EdgeCallName } from './edge-calls.ts';
import { type EdgePeer, PeerSilent } from './edge-peer.ts';
import { heard, moveProfile, ownPlace, type ProfilePlace, peerPlace } from './profile-moves.ts';
import { RememberedHomes } from './remembered-homes.ts';

export interface LocatedProfilesParts {
  readonly cluster: number;
  readonly node: number;
  /** The profiles of this cluster. */
  readonly profiles: ProfileService;
  readonly store: Pick<ProfileStore, 'findLinked' | 'adopt' | 'release'>;
  readonly peers: readonly EdgePeer[];
  readonly log: Log;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** Pauses between failed searches for duplicates, in milliseconds. */
const TWIN_PAUSES = [500, 2000, 8000];
const RETRY_AFTER = { 'retry-after': '1' };

export class LocatedProfiles implements ProfileService {
  readonly #parts: LocatedProfilesParts;
  readonly #peers: ReadonlyMap<number, EdgePeer>;
  readonly #homes = new RememberedHomes();
  readonly #own: ProfilePlace;

  constructor(parts: LocatedProfilesParts) {
    this.#parts = parts;
    this.#peers = new Map(parts.peers.map((peer) => [peer.cluster, peer]));
    this.#own = ownPlace(parts.cluster, parts.store, parts.now);
  }

  find(client: string, sent: SentId): NowOrLater<FetchedProfile | undefined> {
    if (idProblem(sent.kind, sent.text) !== undefined) return undefined;
    const { id, hinted } = this.#read(sent);
    if (hinted) return this.#findElsewhere(client, id, hinted);
    const found = this.#parts.profiles.find(client, sent);
    return whenKnown(found, (here) => here ?? this.#findElsewhere(client, id, undefined));
  }

  async #findElsewhere(
    client: string,
    id: VisitorId,
    hinted: EdgePeer | undefined,
  ): Promise<FetchedProfile | undefined> {
    const sent = sentOf(id);
    const found = await this.#search(client, id, hinted, {
      here: async () => this.#parts.profiles.find(client, sent),
      there: async (peer) => (await peer.ask('find', { client, id })).found,
    });
    return found && { ...found.result, ...found.place };
  }

  async findLinked(client: string, sent: SentId, limit: number): Promise<LinkedProfile | undefined> {
    const { id } = this.#read(sent);
    const found = await this.#search(client, id, undefined, {
      here: () => this.#parts.profiles.findLinked(client, sent, limit),
      there: (peer) => peerPlace(peer).handOver(client, id),
    });
    return found && { ...found.result, ids: found.result.ids.slice(0, limit) };
  }

  async update(
    client: string,
    sent: SentId,
    settings: AttributeSettings,
    through?: ChangeChannel,
  ): Promise<Done<UpdateOutcome>> {
    const { result, place } = await this.#atHome<'update', UpdateOutcome>(client, sent, {
      here: () => this.#parts.profiles.update(client, sent, settings, through),
      call: ['update', (id) => ({ client, id, settings: [...settings] })],
      resultOf: ({ outcome }) => outcome,
      missed: 'not-found',
    });
    return { outcome: result, ...place };
  }

  async remove(client: string, sent: SentId): Promise<Done<boolean>> {
    if (idProblem(sent.kind, sent.text) !== undefined) return { outcome: false };
    const { result, place } = await this.#atHome(client, sent, {
      here: () => this.#parts.profiles.remove(client, sent),
      call: ['remove', (id) => ({ client, id })],
      resultOf: ({ removed }) => removed,
      missed: false,
    });
    return { outcome: result, ...place };
  }

  async removeAttribute(client: string, sent: SentId, name: string): Promise<Done<RemovalOutcome>> {
    if (idProblem(sent.kind, sent.text) !== undefined) return { outcome: 'no-profile' };
    const { result, place } = await this.#atHome<'remove-attribute', RemovalOutcome>(client, sent, {
      here: () => this.#parts.profiles.removeAttribute(client, sent, name),
      call: ['remove-attribute', (id) => ({ client, id, name })],
      resultOf: ({ outcome }) => outcome,
      missed: 'no-profile',
    });
    return { outcome: result, ...place };
  }

  async visit(client: string, visit: Visit): Promise<TakenVisit> {
    const { ids, freshTntId } = visit;
    // A visitor without an id is unknown everywhere.
    if (ids[0] === freshTntId) return this.#parts.profiles.visit(client, visit);
    const homes = await this.#homesOf(client, visit);
    const known = strongestFirst(ids).flatMap((id) => homes.get(id) ?? []);
    const target = known[0] ?? this.#own;
    for (const [id, home] of homes) {
      if (home && home.cluster !== target.cluster) await moveProfile(client, id, home, target);
    }
    const visited = await this.#visitAt(target, client, visit);
    const unknown = ids.filter((id) => !homes.get(id));
    if (unknown.length > 0) this.#behindIt(() => this.#lookForTwins(client, unknown, target));
    return visited;
  }

  async #visitAt(target: ProfilePlace, client: string, visit: Visit) {
    if (target === this.#own) return this.#parts.profiles.visit(client, visit);
    const { ids } = visit;
    const peer = this.#peers.get(target.cluster)!;
    for (const id of ids) this.#homes.remember(client, id, target.cluster);
    const { freshTntId, settings, seen, state, isTraced } = visit;
    const facts = visit.facts?.();
    const visited = await heard(
      peer.ask('visit', {
        client,
        ids: [...ids],
        freshTntId,
        settings: [...settings],
        ...(seen && { seen: { ...seen, categories: [...seen.categories] } }),
        ...(state && { state: [...state] }),
        ...(facts && { facts: factsSent(facts) }),
        isTraced,
      }),
    );
    return { ...visited, cluster: target.cluster };
  }

  /** Where each id of a visit lives; undefined for an id that is unknown. */
  async #homesOf(client: string, { ids, hint }: Visit): Promise<Map<VisitorId, ProfilePlace | undefined>> {
    const homes = await Promise.all(
      ids.map(async (id): Promise<[VisitorId, ProfilePlace | undefined]> => {
        const hinted = id.kind === 'tntId' ? this.#hinted(hint) : undefined;
        const found = await this.#whereIs(client, id, hinted);
        return [id, found && this.#placeOf(found.place.cluster)];
      }),
    );
    return new Map(homes);
  }

  /** Checks whether another cluster has created a profile for the same ids at the same time. */
  async #lookForTwins(client: string, ids: readonly VisitorId[], home: ProfilePlace): Promise<void> {
    const all = [this.#own, ...Array.from(this.#peers.values(), peerPlace)];
    const others = all.filter(({ cluster }) => cluster !== home.cluster);
    for (const id of ids) {
      const having = await Promise.all(
        others.map(async (place) => ((await place.handOver(client, id)) ? [place] : [])),
      );
      await this.#unite(client, id, [home, ...having.flat()]);
    }
  }

  /**
   * Merges duplicates at the cluster with the lowest number, so that all who notice them do the
   * same.
   */
  async #unite(client: string, id: VisitorId, places: readonly ProfilePlace[]): Promise<void> {
    const [to, ...others] = [...places].sort((one, other) => one.cluster - other.cluster);
    for (const from of others) await moveProfile(client, id, from, to!);
    if (others.length > 0) this.#homes.forget(client, id);
  }

  /** Runs after the reply has been sent. */
  #behindIt(work: () => Promise<void>): void {
    void this.#tried(work);
  }

  /** Tries a few times; after that, the next request that reads both duplicates merges them. */
  async #tried(work: () => Promise<void>): Promise<void> {
    for (const wait of [...TWIN_PAUSES, undefined]) {
      try {
        return await work();
      } catch (error) {
        if (wait === undefined) {
          this.#parts.log.warn({ err: error }, 'could not check other edge clusters for duplicate profiles');
        } else {
          await pause(wait, undefined, { ref: false });
        }
      }
    }
  }

  /**
   * Performs an operation where the profile lives; repeats it once when the profile has moved
   * meanwhile.
   */
  async #atHome<Name extends EdgeCallName, Result>(
    client: string,
    sent: SentId,
    { here, call: [name, ask], resultOf, missed }: WriteAtHome<Name, Result>,
  ): Promise<{ readonly result: Result; readonly place: Elsewhere }> {
    const { id, hinted } = this.#read(sent);
    if (!hinted) {
      const result = (await here()).outcome;
      if (result !== missed) return { result, place: {} };
    }
    for (let tries = 0; tries < 2; tries += 1) {
      const found = await this.#whereIs(client, id, hinted);
      if (!found) return { result: missed, place: {} };
      const peer = this.#peers.get(found.place.cluster ?? this.#parts.cluster);
      const result = peer ? resultOf(await heard(peer.ask(name, ask(id)))) : (await here()).outcome;
      if (result !== missed) return { result, place: found.place };
      this.#homes.forget(client, id);
    }
    return { result: missed, place: {} };
  }

  #whereIs(client: string, id: VisitorId, hinted: EdgePeer | undefined) {
    return this.#search<true>(client, id, hinted, {
      here: async () => ((await this.#parts.profiles.find(client, sentOf(id))) ? true : undefined),
      there: async (peer) => {
        const { known } = await peer.ask('known', { client, ids: [id] });
        return known.length > 0 ? true : undefined;
      },
    });
  }

  /**
   * Searches all clusters for a profile.
   *
   * @returns undefined when every cluster has said that it has none
   * @throws QuiverError `unavailable` when one could not be reached and no other has it
   */
  async #search<Result>(
    client: string,
    id: VisitorId,
    hinted: EdgePeer | undefined,
    ways: WaysToAsk<Result>,
  ): Promise<{ readonly result: Result; readonly place: Elsewhere } | undefined> {
    for (let round = 0; round < 2; round += 1) {
      const found = await this.#searchOnce(client, id, hinted, ways);
      if (found) return found;
    }
    return undefined;
  }

  async #searchOnce<Result>(
    client: string,
    id: VisitorId,
    hinted: EdgePeer | undefined,
    { here, there }: WaysToAsk<Result>,
  ) {
    const silent: PeerSilent[] = [];
    const left = new Set(this.#peers.values());
    const askPeer = async (peer: EdgePeer) => {
      left.delete(peer);
      try {
        const result = await there(peer);
        return result === undefined ? undefined : { result, place: { cluster: peer.cluster } };
      } catch (error) {
        if (!(error instanceof PeerSilent)) throw error;
        silent.push(error);
        return undefined;
      }
    };
    const asHinted = hinted && (await askPeer(hinted));
    if (asHinted) return asHinted;
    const own = await here();
    if (own !== undefined) return { result: own, place: {} };
    const remembered = this.#peers.get(this.#homes.find(client, id) ?? -1);
    if (remembered && left.has(remembered)) {
      const again = await askPeer(remembered);
      if (again) return again;
      this.#homes.forget(client, id);
    }
    const found = await this.#firstOf(client, id, [...left].map(askPeer));
    if (found) {
      this.#homes.remember(client, id, found.place.cluster);
      return found;
    }
    if (silent.length === 0) return undefined;
    throw new QuiverError(
      'unavailable',
      `Edge cluster ${silent.map(({ cluster }) => cluster).join(', ')} cannot be asked, and no other has it`,
      { headers: RETRY_AFTER, cause: silent[0] },
    );
  }

  /**
   * The first cluster that has it; when a second one has it too, they are merged after the reply.
   */
  async #firstOf<Answer extends { readonly place: { readonly cluster: number } }>(
    client: string,
    id: VisitorId,
    asked: readonly Promise<Answer | undefined>[],
  ): Promise<Answer | undefined> {
    const all = Promise.all(asked);
    const first = await Promise.race([
      all.then((answers) => answers.find((answer) => answer !== undefined)),
      ...asked.map(async (one) => (await one) ?? new Promise<never>(() => {})),
    ]);
    if (first) {
      this.#behindIt(async () => {
        const having = (await all).filter((answer) => answer !== undefined);
        await this.#unite(
          client,
          id,
          having.map(({ place }) => this.#placeOf(place.cluster)),
        );
      });
    }
    return first;
  }

  #read(sent: SentId): { id: VisitorId; hinted: EdgePeer | undefined } {
    if (sent.kind !== 'tntId') return { id: { kind: sent.kind, value: sent.text }, hinted: undefined };
    const { id, hint } = parseTntId(sent.text);
    return { id, hinted: this.#hinted(hint) };
  }

  /** The cluster that a hint names, if it is a known other cluster. The hint may be wrong. */
  #hinted(hint: string | undefined): EdgePeer | undefined {
    const [, cluster] = /^([0-9]{1,4})(?:_[0-9]+)?$/.exec(hint ?? '') ?? [];
    return cluster === undefined ? undefined : this.#peers.get(Number(cluster));
  }

  #placeOf(cluster: number | undefined): ProfilePlace {
    const peer = cluster === undefined ? undefined : this.#peers.get(cluster);
    return peer ? peerPlace(peer) : this.#own;
  }
}

interface WaysToAsk<Result> {
  readonly here: () => Promise<Result | undefined>;
  readonly there: (peer: EdgePeer) => Promise<Result | undefined>;
}

interface WriteAtHome<Name extends EdgeCallName, Result> {
  readonly here: () => Promise<{ readonly outcome: Result }>;
  readonly call: readonly [Name, (id: VisitorId) => EdgeAsk<Name>];
  readonly resultOf: (answer: EdgeAnswer<Name>) => Result;
  /** The result when there is no such profile. */
  readonly missed: Result;
}

function sentOf({ kind, value }: VisitorId): SentId {
  return { kind, text: value };
}

/** JSON has no read-only lists. */
function factsSent(facts: RequestFacts): EdgeAsk<'visit'>['facts'] {
  return JSON.parse(JSON.stringify(facts));
}

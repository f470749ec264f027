/**
 * Carries out privacy requests (contract section 22).
 *
 *   running    it is stored with its identities; every step may be repeated, by any process; all
 *              steps are done → complete; something must be waited for → tried again after some
 *              seconds, also after a crash
 *   complete   it contains the result, and ids only if it was for access
 *
 * The process that accepts a request works on it at once. A background process takes over requests
 * that nobody has worked on for a while. An erasure first suppresses the ids, here and in every
 * other edge cluster, then waits until no write can be under way that does not know of it, and only
 * then removes. So nothing is stored after the removal.
 */

import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { isPlaceholder } from '../domain/placeholder-id.ts';
import type { SentId, VisitorId } from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { ChangeFeed } from '../storage/change-feed.ts';
import type {
  PrivacyRequest,
  PrivacyRequestStore,
  PrivacyType,
} from '../storage/kept/privacy-request-store.ts';
import type { Suppression } from '../storage/kept/suppression-store.ts';
import type { LinkedProfile } from '../storage/profile-store.ts';
import type { PrivacyCallbacks } from './privacy-callbacks.ts';
import type { Suppressions } from './suppressions.ts';

/** Another edge cluster; implemented in `edges/`. */
export interface PrivacyPeer {
  readonly cluster: number;
  suppress(client: string, decisions: readonly Suppression[]): Promise<void>;
  /** @returns what must still be waited for there */
  forget(client: string, ids: readonly VisitorId[]): Promise<string[]>;
}

export interface PrivacyParts {
  readonly requests: PrivacyRequestStore;
  readonly suppressions: Suppressions;
  /** The profiles of all edge clusters. */
  readonly profiles: {
    findLinked(client: string, id: SentId, limit: number): Promise<LinkedProfile | undefined>;
    remove(client: string, id: SentId): Promise<{ readonly outcome: boolean }>;
  };
  readonly peers: readonly PrivacyPeer[];
  readonly feed: Pick<ChangeFeed, 'eraseFrom'>;
  /** The attribute indexes. */
  readonly indexes: { forget(client: string, ids: readonly VisitorId[]): Promise<void> };
  /** The merge trail, if one is kept. */
  readonly merges: { eraseFrom(client: string, ids: readonly VisitorId[]): Promise<number> };
  /**
   * Removes persons from batches.
   * @returns what must still be waited for
   */
  readonly forgetInBatches: (client: string, ids: readonly VisitorId[]) => Promise<string[]>;
  readonly callbacks: PrivacyCallbacks;
  readonly log: Log;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** A request that nobody has worked on for this time is taken over, in milliseconds. */
const LEFT_ALONE_MS = 5000;
/** Ids in access requests are deleted after this time, in milliseconds. */
const ACCESS_IDS_MS = 7 * 86_400_000;
const ALL_IDS = Number.MAX_SAFE_INTEGER;
/** The most removals of a person whose profile is created again and again. */
const MAX_REMOVALS = 20;

export class PrivacyRequests {
  readonly #parts: PrivacyParts;
  /** The requests on which this process works. */
  readonly #working = new Map<string, Promise<void>>();

  constructor(parts: PrivacyParts) {
    this.#parts = parts;
  }

  /**
   * Accepts a request, and starts to work on it.
   * @param callback the URL that is told when it is complete
   * @throws QuiverError `insufficient-storage` when too many are stored
   */
  async take(
    client: string,
    type: PrivacyType,
    identities: readonly VisitorId[],
    callback?: string,
  ): Promise<PrivacyRequest> {
    const { requests, now } = this.#parts;
    const createdAt = now();
    const request: PrivacyRequest = {
      id: `${new Date(createdAt).toISOString().replaceAll(/\D/g, '')}-${randomBytes(6).toString('hex')}`,
      type,
      state: 'running',
      createdAt,
      finishedAt: undefined,
      workedAt: createdAt,
      identities,
      ids: [],
      results: [],
      waitingFor: [],
      callback:
        callback === undefined
          ? undefined
          : { state: 'waiting', url: callback, attempts: 0, nextAt: 0, error: '' },
    };
    if (!(await requests.put(client, request))) {
      throw new QuiverError('insufficient-storage', 'Too many privacy requests of the last 30 days are kept');
    }
    void this.#work(client, request);
    return request;
  }

  find(client: string, id: string): Promise<PrivacyRequest | undefined> {
    return this.#parts.requests.find(client, id);
  }

  /** Continues unfinished requests of some clients; called by a background process. */
  async goOn(clients: readonly string[]): Promise<void> {
    const { requests, callbacks, now } = this.#parts;
    for (const client of clients) {
      for (const request of await requests.list(client)) {
        callbacks.offer(client, request);
        if (request.state === 'running' && now() - request.workedAt >= LEFT_ALONE_MS) {
          await this.#work(client, request);
        } else if (request.type === 'access' && now() - request.createdAt > ACCESS_IDS_MS) {
          if (request.results.some(({ id }) => id !== undefined)) {
            await requests.change(client, request.id, withoutIds);
          }
        }
      }
    }
  }

  /** Waits for the requests on which this process works. */
  async stop(): Promise<void> {
    await Promise.all(this.#working.values());
    await this.#parts.callbacks.stop();
  }

  /**
   * Removes everything in this cluster that names the ids, except the profile.
   * @returns what must still be waited for
   */
  async forget(client: string, ids: readonly VisitorId[]): Promise<string[]> {
    const { feed, indexes, merges, requests, forgetInBatches, suppressions } = this.#parts;
    await indexes.forget(client, ids);
    await feed.eraseFrom(client, ids);
    await merges.eraseFrom(client, ids);
    const references = new Set(ids.map((id) => suppressions.hashOf(client, id)));
    for (const { id, type, results } of await requests.list(client)) {
      if (type !== 'access' || !results.some(({ reference }) => references.has(reference))) continue;
      await requests.change(client, id, withoutIds);
    }
    return forgetInBatches(client, ids);
  }

  #work(client: string, request: PrivacyRequest): Promise<void> {
    const { log } = this.#parts;
    const known = this.#working.get(request.id);
    if (known !== undefined) return known;
    const work = this.#carryOut(client, request)
      .catch((error: unknown) => log.error({ err: error, request: request.id }, 'a privacy request waits'))
      .finally(() => this.#working.delete(request.id));
    this.#working.set(request.id, work);
    return work;
  }

  async #carryOut(client: string, request: PrivacyRequest): Promise<void> {
    const { requests, profiles, suppressions, callbacks, now } = this.#parts;
    const { type, identities } = request;
    const ids = [...request.ids];
    const results = [...request.results];
    if (results.length === 0) {
      for (const { kind, value } of identities) {
        const found = await profiles.findLinked(client, { kind, text: value }, ALL_IDS);
        ids.push({ kind, value }, ...(found?.ids ?? []).map((id) => ({ kind: id.kind, value: id.value })));
        const reference = suppressions.hashOf(client, { kind, value });
        const id = type === 'access' ? value : undefined;
        results.push({ kind, reference, found: found !== undefined, id });
      }
      // Stored first, because the ids cannot be found once the profile is removed.
      await requests.change(client, request.id, (kept) => ({ ...kept, ids, results, workedAt: now() }));
    }
    const waitingFor =
      type === 'access' ? [] : await this.#protect(client, unique(ids), type, request.createdAt);
    await requests.change(client, request.id, (kept) =>
      waitingFor.length > 0
        ? { ...kept, waitingFor, workedAt: now() }
        : {
            ...kept,
            ...{ state: 'complete', finishedAt: now(), workedAt: now() },
            ...{ identities: [], ids: [], waitingFor: [] },
          },
    );
    if (waitingFor.length > 0 || !request.callback) return;
    const done = await requests.find(client, request.id);
    if (done) callbacks.offer(client, done);
  }

  /** @returns what must still be waited for */
  async #protect(
    client: string,
    ids: readonly VisitorId[],
    type: Exclude<PrivacyType, 'access'>,
    at: number,
  ): Promise<string[]> {
    const { suppressions, peers } = this.#parts;
    // Many visitors may share a placeholder.
    const own = ids.filter((id) => !isPlaceholder(id));
    const decisions = await suppressions.decide(client, own, type !== 'unsuppress', at);
    const silent = await this.#ask(peers, (peer) => peer.suppress(client, decisions).then(() => []));
    if (type !== 'erase' || silent.length > 0) return silent;
    await pause(suppressions.settledMs);
    for (const id of own) await this.#remove(client, id);
    return [
      ...(await this.forget(client, own)),
      ...(await this.#ask(peers, (peer) => peer.forget(client, own))),
    ];
  }

  async #remove(client: string, { kind, value }: VisitorId): Promise<void> {
    const { profiles } = this.#parts;
    for (let removals = 0; removals < MAX_REMOVALS; removals += 1) {
      if (!(await profiles.remove(client, { kind, text: value })).outcome) return;
    }
    throw new QuiverError('not-done', 'A suppressed profile is created again and again');
  }

  async #ask(
    peers: readonly PrivacyPeer[],
    ask: (peer: PrivacyPeer) => Promise<string[]>,
  ): Promise<string[]> {
    const answers = await Promise.all(
      peers.map((peer) =>
        ask(peer).then(
          (waiting) => waiting.map((what) => `edge cluster ${peer.cluster}: ${what}`),
          (error: unknown) => {
            this.#parts.log.warn({ err: error }, 'an edge cluster could not be asked on behalf of a person');
            return [`edge cluster ${peer.cluster} cannot be reached`];
          },
        ),
      ),
    );
    return answers.flat();
  }
}

function withoutIds(request: PrivacyRequest): PrivacyRequest {
  return {
    ...request,
    identities: [],
    ids: [],
    results: request.results.map(({ id: _, ...result }) => result),
  };
}

function unique(ids: readonly VisitorId[]): VisitorId[] {
  return [...new Map(ids.map((id) => [`${id.kind} ${id.value}`, id])).values()];
}

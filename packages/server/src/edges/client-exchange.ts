/**
 * Keeps settings, tokens, profile scripts, sources of customer attributes and ended console
 * sessions the same in all clusters. A change is sent to
 * all other clusters at once. In addition, every second each cluster sends every other all it has
 * and takes over what is newer there, so that missed changes are recovered. A change takes effect
 * within a second at every cluster that can be reached (contract section 8). Settings and tokens
 * are exchanged one by one: the latest change wins, and of two changes in the same millisecond the
 * one that sorts last.
 */

import { Rounds } from '../background.ts';
import type { Log } from '../log.ts';
import type { ClientRecord, ClientStore } from '../storage/kept/client-store.ts';
import type { LoginStore } from '../storage/kept/login-store.ts';
import type { SharedRecords } from '../storage/kept/shared-records.ts';
import type { SentAccess, SentClient } from './edge-calls.ts';
import { type EdgePeer, PeerSilent } from './edge-peer.ts';
import { SharedExchange } from './shared-exchange.ts';

const EVERY = 1000;
const MAX_TRIES = 20;
const FAILURE = 'settings and tokens could not be exchanged with the other edge clusters';

/** How many ended sessions are sent, the latest ones; this bounds the size of a call. */
const MAX_ENDED_SESSIONS = 1000;

export interface ClientExchangeParts {
  readonly store: ClientStore;
  readonly logins: Pick<LoginStore, 'endSession' | 'hasEnded' | 'endedSessions'>;
  /** By the name of the kind, as clusters send it. */
  readonly shared: Readonly<Record<string, SharedRecords>>;
  readonly clients: readonly string[];
  readonly peers: readonly EdgePeer[];
  readonly log: Log;
}

export class ClientExchange {
  readonly #parts: ClientExchangeParts;
  readonly #shared: SharedExchange;
  #telling: Promise<void> | undefined;
  #hasMore = false;

  constructor(parts: ClientExchangeParts) {
    this.#parts = parts;
    this.#shared = new SharedExchange(parts.shared, parts.clients);
  }

  /** The exchange that repeats in the background; not started yet. */
  rounds(): Rounds {
    const { peers, log } = this.#parts;
    return new Rounds({
      every: EVERY,
      atOnce: true,
      log,
      failure: FAILURE,
      round: async () => {
        await Promise.all(peers.map((peer) => this.#exchange(peer)));
      },
    });
  }

  /**
   * Sends the current state to every other cluster. Changes made meanwhile are sent next. The
   * caller does not wait for it.
   */
  tell(): void {
    this.#hasMore = true;
    this.#telling ??= this.#tellAll().finally(() => {
      this.#telling = undefined;
    });
  }

  async #tellAll(): Promise<void> {
    const { peers, log } = this.#parts;
    while (this.#hasMore) {
      this.#hasMore = false;
      const told = await Promise.allSettled(peers.map((peer) => this.#exchange(peer)));
      for (const one of told) if (one.status === 'rejected') log.warn({ err: one.reason }, FAILURE);
    }
  }

  async #exchange(peer: EdgePeer): Promise<void> {
    try {
      const theirs = await peer.ask('clients', await this.#all());
      await this.#takeAccess(theirs);
      const shared = await this.#shared.differences(theirs.shared);
      if (shared.length === 0) return;
      const more = await peer.ask('clients', { clients: [], endedSessions: [], shared });
      await this.#shared.takeAll(more.shared);
    } catch (error) {
      // The circuit breaker logs this once; the next round retries.
      if (!(error instanceof PeerSilent)) throw error;
    }
  }

  /** Takes over what is newer in another cluster's state. @returns the state here afterwards */
  async take(theirs: SentAccess): Promise<SentAccess> {
    await this.#takeAccess(theirs);
    const shared = await this.#shared.answer(theirs.shared);
    return { ...(await this.#access()), shared };
  }

  async #takeAccess({ clients, endedSessions }: SentAccess): Promise<void> {
    for (const one of clients) {
      if (this.#parts.clients.includes(one.client)) await this.#takeOne(one);
    }
    const { logins } = this.#parts;
    for (const { session, at } of endedSessions) {
      if (!(await logins.hasEnded(session))) await logins.endSession(session, at);
    }
  }

  async #takeOne(theirs: SentClient): Promise<void> {
    const { store } = this.#parts;
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const ours = await store.find(theirs.client);
      const newest = newestOf(ours, theirs);
      if (newest === ours || (await store.replace(theirs.client, newest))) return;
    }
  }

  async #all(): Promise<SentAccess> {
    return { ...(await this.#access()), shared: await this.#shared.state() };
  }

  async #access(): Promise<Omit<SentAccess, 'shared'>> {
    const { logins, clients } = this.#parts;
    const [endedSessions, states] = await Promise.all([
      logins.endedSessions(Date.now(), MAX_ENDED_SESSIONS),
      Promise.all(clients.map((client) => this.#stateOf(client))),
    ]);
    return { clients: states, endedSessions };
  }

  async #stateOf(client: string): Promise<SentClient> {
    const { revision: _, token, debugToken, ...record } = await this.#parts.store.find(client);
    return { client, ...record, ...(token && { token }), ...(debugToken && { debugToken }) };
  }
}

/** The record with everything that is newer there; the same object when nothing is. */
function newestOf(ours: ClientRecord, theirs: SentClient): ClientRecord {
  const takesSettings =
    isLater(theirs.settings.changedAt, ours.settings.changedAt) ||
    (theirs.settings.changedAt === ours.settings.changedAt && theirs.settings.json > ours.settings.json);
  const takes = (token: 'token' | 'debugToken') => {
    const [theirTime, ourTime] = [theirs[`${token}ChangedAt`], ours[`${token}ChangedAt`]];
    return (
      isLater(theirTime, ourTime) ||
      (theirTime === ourTime && (theirs[token]?.id ?? '') > (ours[token]?.id ?? ''))
    );
  };
  const takesToken = takes('token');
  const takesDebugToken = takes('debugToken');
  if (!takesSettings && !takesToken && !takesDebugToken) return ours;
  const { settings, token, tokenChangedAt, debugToken, debugTokenChangedAt } = theirs;
  return {
    ...ours,
    ...(takesSettings && { settings }),
    ...(takesToken && { token, tokenChangedAt }),
    ...(takesDebugToken && { debugToken, debugTokenChangedAt }),
  };
}

function isLater(one: number, other: number): boolean {
  return one > other;
}

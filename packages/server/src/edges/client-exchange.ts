/**
 * Settings and tokens of clients and the ends of console sessions, the same in all clusters: what is changed at one is told to all others at once, and every second each cluster
 * tells every other what it has, and takes what is newer there, so that what was missed is made good. What was set at one is true at all that it
 * can reach within a second (contract section 8). Settings and each of the tokens go apart: of each the one that was changed last stays; of two that were
 * changed in one millisecond the one that sorts last.
 */

import { Rounds } from '../background.ts';
import type { Log } from '../log.ts';
import type { ClientRecord, ClientStore } from '../storage/kept/client-store.ts';
import type { LoginStore } from '../storage/kept/login-store.ts';
import type { SentAccess, SentClient } from './edge-calls.ts';
import { type EdgePeer, PeerSilent } from './edge-peer.ts';

const EVERY = 1000;
const MAX_TRIES = 20;
const FAILURE = 'settings and tokens could not be exchanged with the other edge clusters';

/** Ends of sessions that are told, the last ones: a bound on what a call takes. */
const MAX_ENDED_SESSIONS = 1000;

export interface ClientExchangeParts {
  readonly store: ClientStore;
  readonly logins: Pick<LoginStore, 'endSession' | 'hasEnded' | 'endedSessions'>;
  readonly clients: readonly string[];
  readonly peers: readonly EdgePeer[];
  readonly log: Log;
}

export class ClientExchange {
  readonly #parts: ClientExchangeParts;
  #telling: Promise<void> | undefined;
  #hasMore = false;

  constructor(parts: ClientExchangeParts) {
    this.#parts = parts;
  }

  /** The rounds that go on in the background; not started yet. */
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

  /** Tells every other cluster what is here now; what changes while they are told is told next. Nobody waits for it. */
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
      await this.take(await peer.ask('clients', await this.#all()));
    } catch (error) {
      // The breaker says it once; the next round comes.
      if (!(error instanceof PeerSilent)) throw error;
    }
  }

  /** Takes what is newer of what another cluster has; gives what is here then. */
  async take({ clients, endedSessions }: SentAccess): Promise<SentAccess> {
    for (const one of clients) {
      if (this.#parts.clients.includes(one.client)) await this.#takeOne(one);
    }
    const { logins } = this.#parts;
    for (const { session, at } of endedSessions) {
      if (!(await logins.hasEnded(session))) await logins.endSession(session, at);
    }
    return this.#all();
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

/** The record with whatever is newer there; the very same one when nothing is. */
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

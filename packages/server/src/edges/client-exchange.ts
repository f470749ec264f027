/**
 * Settings and tokens of clients, the same in all clusters: every second each cluster tells every other what it has, and takes what is newer there. So what was set
 * at one is true at all within five seconds (contract section 8; a process may keep what it knew for one second more). Settings and each of the tokens go
 * apart: of each the one that was changed last stays; of two that were changed in one millisecond the one that sorts last.
 */

import { Rounds } from '../background.ts';
import type { Log } from '../log.ts';
import type { ClientRecord, ClientStore } from '../storage/client-store.ts';
import type { SentClient } from './edge-calls.ts';
import { type EdgePeer, PeerSilent } from './edge-peer.ts';

const EVERY = 1000;
const MAX_TRIES = 20;

export interface ClientExchangeParts {
  readonly store: ClientStore;
  readonly clients: readonly string[];
  readonly peers: readonly EdgePeer[];
  readonly log: Log;
}

export class ClientExchange {
  readonly #parts: ClientExchangeParts;

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
      failure: 'settings and tokens could not be exchanged with the other edge clusters',
      round: async () => {
        await Promise.all(peers.map((peer) => this.#exchange(peer)));
      },
    });
  }

  async #exchange(peer: EdgePeer): Promise<void> {
    try {
      const { clients } = await peer.ask('clients', { clients: await this.#all() });
      await this.take(clients);
    } catch (error) {
      // The breaker says it once; the next round comes.
      if (!(error instanceof PeerSilent)) throw error;
    }
  }

  /** Takes what is newer of what another cluster has; gives what is here then. */
  async take(theirs: readonly SentClient[]): Promise<SentClient[]> {
    for (const one of theirs) {
      if (this.#parts.clients.includes(one.client)) await this.#takeOne(one);
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

  #all(): Promise<SentClient[]> {
    const { store, clients } = this.#parts;
    return Promise.all(
      clients.map(async (client) => {
        const { revision: _, token, debugToken, ...record } = await store.find(client);
        return { client, ...record, ...(token && { token }), ...(debugToken && { debugToken }) };
      }),
    );
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

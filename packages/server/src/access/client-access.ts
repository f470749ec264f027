/**
 * What holds for each client, kept in memory a moment: its settings and its present profile token.
 *
 *   age of what is kept   what a question gets
 *   -------------------   --------------------------------------------------------------
 *   under 0.5 s           it, at once
 *   under 0.9 s           it, at once; the store is asked beside
 *   older, or nothing     what the store says; an error when the store cannot say
 *
 * So a token that was ended, or a setting that was changed, in another process holds here within a second (contract section 9), while a
 * fetch pays for a look into a map.
 */

import { randomUUID } from 'node:crypto';
import { QuiverError } from '../errors.ts';
import type { ClientRecord, ClientStore, TokenFacts } from '../storage/client-store.ts';
import type { JsonObject } from '../wire/json.ts';
import { type ClientSettings, withDefaults } from './client-settings.ts';
import { signProfileToken } from './profile-token.ts';
import { digestOf, isSameSecret } from './same-secret.ts';

const FRESH_MS = 500;
const USABLE_MS = 900;
/** How often a change is tried again that another process was ahead of. */
const MAX_TRIES = 20;

/** The present profile token of a client. */
export interface PresentToken extends TokenFacts {
  readonly text: string;
  readonly digest: Buffer;
}

export interface CurrentClient {
  readonly record: ClientRecord;
  readonly settings: JsonObject & ClientSettings;
  readonly token: PresentToken | undefined;
}

interface Kept {
  readonly current: CurrentClient;
  /** Monotonic milliseconds at which the store was asked. */
  readonly askedAt: number;
}

export interface ClientAccessOptions {
  readonly clients: ClientStore;
  /** What profile tokens are signed with, 32 bytes. */
  readonly tokenKey: Uint8Array;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

export class ClientAccess {
  readonly #options: ClientAccessOptions;
  readonly #kept = new Map<string, Kept>();
  readonly #asking = new Map<string, Promise<CurrentClient>>();

  constructor(options: ClientAccessOptions) {
    this.#options = options;
  }

  /**
   * What holds for a client that is served, less than a second old.
   *
   * @throws QuiverError (rejects) `unavailable` when the store cannot say
   */
  current(client: string): CurrentClient | Promise<CurrentClient> {
    const kept = this.#kept.get(client);
    if (kept === undefined) return this.#ask(client);
    const age = performance.now() - kept.askedAt;
    if (age < FRESH_MS) return kept.current;
    const asked = this.#ask(client);
    if (age >= USABLE_MS) return asked;
    // Whoever needs the answer asks again and hears of the failure.
    asked.catch(() => undefined);
    return kept.current;
  }

  /**
   * What holds for a client this moment, asked of the store: for those who look at it, so that another process cannot have been told of something newer.
   *
   * @throws QuiverError (rejects) `unavailable`
   */
  async latest(client: string): Promise<CurrentClient> {
    const askedAt = performance.now();
    return this.#keep(client, await this.#options.clients.find(client), askedAt);
  }

  /** How long a client's profiles live after a write, in days. */
  lifetimeDays(client: string): number | Promise<number> {
    const current = this.current(client);
    return current instanceof Promise
      ? current.then(({ settings }) => settings.profileLifetimeDays)
      : current.settings.profileLifetimeDays;
  }

  /** Whether `text` is the client's present token, and has not expired. */
  isPresentToken({ token }: CurrentClient, text: string): boolean {
    return token !== undefined && isSameSecret(text, token.digest) && token.expiresAt > this.#options.now();
  }

  /** Replaces the settings by what `change` makes of them. What is there is what the store says now, not what is kept here. */
  changeSettings(client: string, change: (members: JsonObject) => JsonObject): Promise<CurrentClient> {
    return this.#change(client, (record, now) => ({
      ...record,
      settings: {
        json: JSON.stringify(change(JSON.parse(record.settings.json))),
        changedAt: Math.max(now, record.settings.changedAt + 1),
      },
    }));
  }

  /** Makes a new token, which ends the present one. @param seconds how long it is good; by default as the settings say */
  renewToken(client: string, seconds: number | undefined): Promise<CurrentClient> {
    return this.#change(client, (record, now) => {
      const { tokenLifetimeDays } = withDefaults(JSON.parse(record.settings.json));
      const issuedAt = Math.floor(now / 1000) * 1000;
      const expiresAt = issuedAt + (seconds ?? tokenLifetimeDays * 86_400) * 1000;
      return {
        ...record,
        token: { id: randomUUID(), issuedAt, expiresAt },
        tokenChangedAt: Math.max(now, record.tokenChangedAt + 1),
      };
    });
  }

  /** Ends the present token. */
  endToken(client: string): Promise<CurrentClient> {
    return this.#change(client, (record, now) => ({
      ...record,
      token: undefined,
      tokenChangedAt: Math.max(now, record.tokenChangedAt + 1),
    }));
  }

  async #change(
    client: string,
    change: (record: ClientRecord, now: number) => ClientRecord,
  ): Promise<CurrentClient> {
    const { clients, now } = this.#options;
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const changed = change(await clients.find(client), now());
      if (await clients.replace(client, changed)) {
        const askedAt = performance.now();
        return this.#keep(client, { ...changed, revision: changed.revision + 1 }, askedAt);
      }
    }
    throw new QuiverError('not-done', 'Others change the settings of this client at the same time');
  }

  /** Asks the store; those who ask meanwhile share the answer. */
  #ask(client: string): Promise<CurrentClient> {
    const asking = this.#asking.get(client);
    if (asking !== undefined) return asking;
    const askedAt = performance.now();
    const asked = this.#options.clients
      .find(client)
      .then((record) => this.#keep(client, record, askedAt))
      .finally(() => this.#asking.delete(client));
    this.#asking.set(client, asked);
    return asked;
  }

  async #keep(client: string, record: ClientRecord, askedAt: number): Promise<CurrentClient> {
    const known = this.#kept.get(client)?.current;
    const current =
      known?.record.revision === record.revision ? known : await this.#currentOf(client, record);
    const kept = this.#kept.get(client);
    // An answer that was overtaken by a change made here is old news.
    if (kept && kept.askedAt > askedAt) return kept.current;
    this.#kept.set(client, { current, askedAt });
    return current;
  }

  async #currentOf(client: string, record: ClientRecord): Promise<CurrentClient> {
    const settings = withDefaults(JSON.parse(record.settings.json));
    if (!record.token) return { record, settings, token: undefined };
    const text = await signProfileToken(this.#options.tokenKey, client, record.token);
    return { record, settings, token: { ...record.token, text, digest: digestOf(text) } };
  }
}

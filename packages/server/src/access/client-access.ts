/**
 * What holds for each client, kept in memory a moment: its settings and its present tokens.
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
import type { ClientRules } from '../domain/client-rules.ts';
import { QuiverError } from '../errors.ts';
import type { ClientRecord, ClientStore, TokenFacts } from '../storage/client-store.ts';
import type { JsonObject } from '../wire/json.ts';
import { type ClientSettings, rulesOf, withDefaults } from './client-settings.ts';
import { signToken, type TokenScope } from './client-token.ts';
import { digestOf, isSameSecret } from './same-secret.ts';

const FRESH_MS = 500;
const USABLE_MS = 900;
/** How long a debug token is good, as at Adobe. */
const DEBUG_TOKEN_SECONDS = 6 * 3600;
/** Where the record keeps the token of each scope. */
const KEPT_AS = { profile_api: 'token', debug_tools: 'debugToken' } as const;
/** How often a change is tried again that another process was ahead of. */
const MAX_TRIES = 20;

/** The present token of a client for one scope. */
export interface PresentToken extends TokenFacts {
  readonly text: string;
  readonly digest: Buffer;
}

export interface CurrentClient {
  readonly record: ClientRecord;
  readonly settings: JsonObject & ClientSettings;
  readonly rules: ClientRules;
  /** The present token of each scope; undefined where there is none. */
  readonly tokens: Readonly<Record<TokenScope, PresentToken | undefined>>;
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

  /** The rules that the client has chosen. */
  rulesOf(client: string): ClientRules | Promise<ClientRules> {
    const current = this.current(client);
    return current instanceof Promise ? current.then(({ rules }) => rules) : current.rules;
  }

  /** Whether `text` is the client's present token for a scope, and has not expired. */
  isPresentToken({ tokens }: CurrentClient, scope: TokenScope, text: string): boolean {
    const token = tokens[scope];
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

  /**
   * Makes a new token, which ends the present one of its scope.
   *
   * @param seconds how long it is good; a profile token by default as the settings say, a debug token six hours
   */
  renewToken(client: string, scope: TokenScope, seconds: number | undefined): Promise<CurrentClient> {
    const kept = KEPT_AS[scope];
    return this.#change(client, (record, now) => {
      const { tokenLifetimeDays } = withDefaults(JSON.parse(record.settings.json));
      const issuedAt = Math.floor(now / 1000) * 1000;
      const usual = scope === 'debug_tools' ? DEBUG_TOKEN_SECONDS : tokenLifetimeDays * 86_400;
      const expiresAt = issuedAt + (seconds ?? usual) * 1000;
      return {
        ...record,
        [kept]: { id: randomUUID(), issuedAt, expiresAt },
        [`${kept}ChangedAt`]: Math.max(now, record[`${kept}ChangedAt`] + 1),
      };
    });
  }

  /** Ends the present token of a scope. */
  endToken(client: string, scope: TokenScope): Promise<CurrentClient> {
    const kept = KEPT_AS[scope];
    return this.#change(client, (record, now) => ({
      ...record,
      [kept]: undefined,
      [`${kept}ChangedAt`]: Math.max(now, record[`${kept}ChangedAt`] + 1),
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
    const presentToken = async (scope: TokenScope): Promise<PresentToken | undefined> => {
      const facts = record[KEPT_AS[scope]];
      if (!facts) return undefined;
      const text = await signToken(this.#options.tokenKey, client, scope, facts);
      return { ...facts, text, digest: digestOf(text) };
    };
    const tokens = {
      profile_api: await presentToken('profile_api'),
      debug_tools: await presentToken('debug_tools'),
    };
    return { record, settings, rules: rulesOf(settings), tokens };
  }
}

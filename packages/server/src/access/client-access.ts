/**
 * Caches the settings and current tokens of each client (contract section 9).
 *
 * Where the store counts changes in memory that all processes of a machine share, a cached value is
 * valid while that count stays the same. So once a change has been answered, every process applies
 * it from its next request.
 *
 * Over a network, asking the store costs a round trip, so cached values are used for a while:
 *
 *   age of the cached value   result
 *   -----------------------   --------------------------------------------------
 *   under 0.25 s              the cached value
 *   under 0.5 s               the cached value; the store is asked in parallel
 *   older, or none            the store's answer, or an error if it has none
 */

import { randomUUID } from 'node:crypto';
import type { ClientRules } from '../domain/client-rules.ts';
import { QuiverError } from '../errors.ts';
import { type NowOrLater, whenKnown } from '../now-or-later.ts';
import type { ClientRecord, ClientStore, TokenFacts } from '../storage/kept/client-store.ts';
import type { JsonObject } from '../wire/json.ts';
import { type ClientSettings, rulesOf, withDefaults } from './client-settings.ts';
import { isSignedToken, signToken, type TokenScope } from './client-token.ts';
import { digestOf, isSameSecret } from './same-secret.ts';

const FRESH_MS = 250;
const USABLE_MS = 500;
/** How long a debug token is valid, as at Adobe. */
const DEBUG_TOKEN_SECONDS = 6 * 3600;
/** The member of the record that holds the token of each scope. */
const KEPT_AS = { profile_api: 'token', debug_tools: 'debugToken' } as const;
/** How often a change is retried when another process was faster. */
const MAX_TRIES = 20;

/** The current token of a client for one scope. */
export interface PresentToken extends TokenFacts {
  readonly text: string;
  readonly digest: Buffer;
}

export interface CurrentClient {
  readonly record: ClientRecord;
  readonly settings: JsonObject & ClientSettings;
  readonly rules: ClientRules;
  /** The current token of each scope; undefined where there is none. */
  readonly tokens: Readonly<Record<TokenScope, PresentToken | undefined>>;
}

/** When the store was asked. */
interface Asked {
  /** Monotonic milliseconds. */
  readonly at: number;
  /**
   * The number of changes at that time; undefined where the store does not count, and for values
   * that must be read again.
   */
  readonly changes: number | undefined;
}

interface Kept {
  readonly current: CurrentClient;
  readonly asked: Asked;
}

interface Asking {
  readonly answer: Promise<CurrentClient>;
  readonly asked: Asked;
}

export interface ClientAccessOptions {
  readonly clients: ClientStore;
  /** The 32-byte key that signs profile tokens. */
  readonly tokenKey: Uint8Array;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Called when a change made here is durable, before it is answered. */
  readonly changed?: () => void;
}

export class ClientAccess {
  readonly #options: ClientAccessOptions;
  readonly #kept = new Map<string, Kept>();
  readonly #asking = new Map<string, Asking>();

  constructor(options: ClientAccessOptions) {
    this.#options = options;
  }

  /**
   * The settings and tokens of a client that is served. They include every change that was answered
   * on this machine; over a network they are less than a second old.
   *
   * @throws QuiverError `unavailable` (throws or rejects) when the store cannot answer
   */
  current(client: string): NowOrLater<CurrentClient> {
    const kept = this.#kept.get(client);
    const changes = this.#options.clients.changes?.();
    if (changes !== undefined) {
      return kept?.asked.changes === changes ? kept.current : this.#ask(client, changes);
    }
    const age = kept === undefined ? Number.POSITIVE_INFINITY : performance.now() - kept.asked.at;
    if (age < FRESH_MS) return kept!.current;
    const answer = this.#ask(client, undefined);
    if (age >= USABLE_MS) return answer;
    // A caller that needs the answer asks again and gets the error.
    answer.catch(() => undefined);
    return kept!.current;
  }

  /**
   * The settings and tokens of a client as they are in the store now. For viewing them, so that no
   * other process has answered with anything newer.
   *
   * @throws QuiverError (rejects) `unavailable`
   */
  async latest(client: string): Promise<CurrentClient> {
    const asked = this.#askedNow(this.#options.clients.changes?.());
    return this.#keep(client, await this.#options.clients.find(client), asked);
  }

  /** The rules that the client has chosen. */
  rulesOf(client: string): ClientRules | Promise<ClientRules> {
    const current = this.current(client);
    return whenKnown(current, ({ rules }) => rules);
  }

  /** Whether `text` is the client's current token for a scope and has not expired. */
  isPresentToken({ tokens }: CurrentClient, scope: TokenScope, text: string): boolean {
    const token = tokens[scope];
    return token !== undefined && isSameSecret(text, token.digest) && token.expiresAt > this.#options.now();
  }

  /**
   * Whether `text` is or was a token of any client and scope, including expired and revoked ones.
   */
  hasSigned(text: string): Promise<boolean> {
    return isSignedToken(this.#options.tokenKey, text);
  }

  /**
   * Replaces the settings with the result of `change`, which receives the members that are in the
   * store now, not the cached ones.
   */
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
   * Makes a new token, which revokes the current one of its scope.
   *
   * @param seconds how long it is valid; by default what the settings say for a profile token, and
   *   six hours for a debug token
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

  /** Revokes the current token of a scope. */
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
        this.#options.changed?.();
        // Others may have changed another client meanwhile, so the number of changes is unknown.
        const asked = this.#askedNow(undefined);
        return this.#keep(client, { ...changed, revision: changed.revision + 1 }, asked);
      }
    }
    throw new QuiverError('not-done', 'Others change the settings of this client at the same time');
  }

  /**
   * Asks the store. Concurrent callers share the answer, unless something has changed since the
   * store was asked.
   */
  #ask(client: string, changes: number | undefined): Promise<CurrentClient> {
    const asking = this.#asking.get(client);
    if (asking?.asked.changes === changes && asking !== undefined) return asking.answer;
    const asked = this.#askedNow(changes);
    const answer = this.#options.clients
      .find(client)
      .then((record) => this.#keep(client, record, asked))
      .finally(() => {
        if (this.#asking.get(client)?.answer === answer) this.#asking.delete(client);
      });
    this.#asking.set(client, { answer, asked });
    return answer;
  }

  #askedNow(changes: number | undefined): Asked {
    return { at: performance.now(), changes };
  }

  async #keep(client: string, record: ClientRecord, asked: Asked): Promise<CurrentClient> {
    const known = this.#kept.get(client)?.current;
    const current =
      known?.record.revision === record.revision ? known : await this.#currentOf(client, record);
    const kept = this.#kept.get(client);
    // Ignore an answer that is older than a change made here.
    if (kept && kept.asked.at > asked.at) return kept.current;
    this.#kept.set(client, { current, asked });
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

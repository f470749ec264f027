/**
 * Webhooks of a client: where to send changes, the progress of each, and what could not be
 * delivered (contract section 19). Errors and durability are those of `record-store.ts`. No secret
 * is stored: it is derived from the signing key of the server and {@link Webhook.version}.
 */

import type { ChangeType } from '../../domain/change.ts';
import type { RecordKind, RecordStore } from '../record-store.ts';

export interface Webhook {
  readonly id: string;
  readonly url: string;
  /** Undefined: all. */
  readonly types: readonly ChangeType[] | undefined;
  readonly isPaused: boolean;
  /** Counts the secrets it has had. */
  readonly version: number;
  /** Epoch milliseconds. */
  readonly createdAt: number;
}

/** A change that has not been delivered yet, by its cursor. */
export interface Pending {
  readonly attempts: number;
  /** When it failed first, and when it is tried next; epoch milliseconds. */
  readonly firstAt: number;
  readonly nextAt: number;
  readonly error: string;
}

/** The progress of a webhook. */
export interface WebhookProgress {
  /** All changes up to here are delivered or given up, except those in {@link pending}. */
  readonly cursor: string;
  /** Changes after the cursor that have been delivered already, because earlier ones were not. */
  readonly done: readonly string[];
  readonly pending: Readonly<Record<string, Pending>>;
  /** Which process sends, and until when no other does; epoch milliseconds. */
  readonly holder: string;
  readonly until: number;
  /** When something was last delivered, and the last problem; epoch milliseconds. */
  readonly deliveredAt?: number | undefined;
  readonly failedAt?: number | undefined;
  readonly error?: string | undefined;
  /** Whether changes were removed before they could be sent. */
  readonly hasMissed?: boolean | undefined;
}

/** A change whose delivery was given up. */
export interface DeadLetter {
  readonly cursor: string;
  /** The body as it was sent. */
  readonly body: string;
  /** The id of the profile that it names, as `kind value`. */
  readonly profile: string;
  readonly at: number;
  readonly attempts: number;
  readonly error: string;
  /** Whether it should be sent again. */
  readonly isWanted: boolean;
}

export interface WebhookStore {
  list(client: string): Promise<Webhook[]>;
  find(client: string, id: string): Promise<Webhook | undefined>;
  /**
   * Adds a webhook that sends the changes after a cursor; false when there are {@link MAX_WEBHOOKS}
   * already.
   */
  add(client: string, webhook: Webhook, cursor: string): Promise<boolean>;
  /** Changes a webhook; undefined when there is none. */
  change(client: string, id: string, change: (webhook: Webhook) => Webhook): Promise<Webhook | undefined>;
  /** Removes a webhook and everything that belongs to it; false when there is none. */
  remove(client: string, id: string): Promise<boolean>;
  progress(client: string, id: string): Promise<WebhookProgress | undefined>;
  /**
   * Changes the progress. Undefined members, or members for which `change` returns undefined, stay
   * as they are.
   */
  advance(
    client: string,
    id: string,
    change: (progress: WebhookProgress) => WebhookProgress | undefined,
  ): Promise<WebhookProgress | undefined>;
  deadLetters(client: string, id: string, limit: number): Promise<DeadLetter[]>;
  keepDeadLetter(client: string, id: string, letter: DeadLetter): Promise<void>;
  removeDeadLetter(client: string, id: string, cursor: string): Promise<void>;
}

export const MAX_WEBHOOKS = 20;
const WEBHOOKS: RecordKind = { name: 'webhooks', owner: 'client', purpose: 'ordinary', most: MAX_WEBHOOKS };
const PROGRESS: RecordKind = { name: 'webhook-progress', owner: 'client', purpose: 'ordinary', most: 100 };
/** Key: the webhook, then the cursor. */
const DEAD: RecordKind = {
  name: 'webhook-dead-letters',
  owner: 'client',
  purpose: 'ordinary',
  most: 10_000,
  keptMs: 30 * 86_400_000,
};

export function webhookStore(records: RecordStore): WebhookStore {
  return {
    async list(client) {
      return (await records.range(WEBHOOKS, client)).map(({ value }) => parsed<Webhook>(value));
    },

    async find(client, id) {
      const value = await records.get(WEBHOOKS, client, id);
      return value === undefined ? undefined : parsed<Webhook>(value);
    },

    async add(client, webhook, cursor) {
      const progress: WebhookProgress = { cursor, done: [], pending: {}, holder: '', until: 0 };
      await records.change(PROGRESS, client, webhook.id, () => JSON.stringify(progress));
      return (
        (await records.add(WEBHOOKS, client, [{ key: webhook.id, value: JSON.stringify(webhook) }])) === 1
      );
    },

    async change(client, id, change) {
      let changed: Webhook | undefined;
      await records.change(WEBHOOKS, client, id, (value) => {
        changed = value === undefined ? undefined : change(parsed<Webhook>(value));
        return changed && JSON.stringify(changed);
      });
      return changed;
    },

    async remove(client, id) {
      let was = false;
      await records.change(WEBHOOKS, client, id, (value) => {
        was = value !== undefined;
        return undefined;
      });
      await records.change(PROGRESS, client, id, () => undefined);
      while ((await records.remove(DEAD, client, lettersOf(id))) > 0);
      return was;
    },

    async progress(client, id) {
      const value = await records.get(PROGRESS, client, id);
      return value === undefined ? undefined : parsed<WebhookProgress>(value);
    },

    async advance(client, id, change) {
      let advanced: WebhookProgress | undefined;
      await records.change(PROGRESS, client, id, (value) => {
        advanced = value === undefined ? undefined : change(parsed<WebhookProgress>(value));
        return advanced === undefined ? value : JSON.stringify(advanced);
      });
      return advanced;
    },

    ...deadLetters(records),
  };
}

/** The changes that could not be delivered. */
function deadLetters(
  records: RecordStore,
): Pick<WebhookStore, 'deadLetters' | 'keepDeadLetter' | 'removeDeadLetter'> {
  return {
    async deadLetters(client, id, limit) {
      const found = await records.range(DEAD, client, { ...lettersOf(id), limit });
      return found.map(({ value }) => parsed<DeadLetter>(value));
    },

    async keepDeadLetter(client, id, letter) {
      await records.change(DEAD, client, `${id} ${letter.cursor}`, () => JSON.stringify(letter));
    },

    async removeDeadLetter(client, id, cursor) {
      await records.change(DEAD, client, `${id} ${cursor}`, () => undefined);
    },
  };
}

/** The keys of the dead letters of one webhook. */
function lettersOf(id: string): { readonly from: string; readonly before: string } {
  return { from: `${id} `, before: `${id}!` };
}

function parsed<Type>(value: string): Type {
  return JSON.parse(value) as Type;
}

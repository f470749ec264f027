/**
 * Delivers changes to the webhooks of all clients, in the background (contract section 19).
 *
 * Each webhook processes one page of the feed at a time. Changes of one profile are sent one after
 * another, those of different profiles in parallel. A change
 *
 * is due        no earlier change of its profile waits → sent
 * is delivered  the target answered 2xx → recorded
 * waits         the target did not → sent again after a pause; later changes of its profile wait
 * is dead       the last attempt failed, or the fourth while the target accepts others → kept
 *               separately, and its profile continues
 *
 * A page is done when all its changes are delivered or dead; then the next one is read. The
 * progress records what was delivered of an unfinished page and how often each change was tried, so
 * a new process continues there. If the previous process died between a delivery and its record,
 * that change is sent twice, with the same `webhook-id`. Only one process sends at a time: it holds
 * the progress until a time that it extends.
 */

import { randomUUID } from 'node:crypto';
import { Rounds } from '../../background.ts';
import type { Log } from '../../log.ts';
import type { ChangeFeed, FeedChange } from '../../storage/change-feed.ts';
import type { Pending, Webhook, WebhookProgress, WebhookStore } from '../../storage/kept/webhook-store.ts';
import { timeText } from '../../wire/time-text.ts';
import { changeView } from '../change-view.ts';
import type { SecretOf } from './webhook-secret.ts';
import { DELIVERY_PAUSES, type WebhookTarget } from './webhook-target.ts';

export interface WebhookRunnerParts {
  readonly webhooks: WebhookStore;
  readonly feed: ChangeFeed;
  readonly clients: readonly string[];
  readonly target: WebhookTarget;
  readonly secretOf: SecretOf;
  readonly log: Log;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /**
   * Pauses before each further attempt, in milliseconds; after the last one a change is given up.
   */
  readonly pauses?: readonly number[];
  /** The interval between checks, in milliseconds; 250 by default. */
  readonly lookEvery?: number;
}

const LOOK_EVERY_MS = 250;
const LOOKS_PER_WHOLE_LOOK = 8;
/** The most attempts for a change that is refused while later ones are accepted. */
const ATTEMPTS_BESIDE_OTHERS = 4;
const PAGE = 100;
/** How many profiles' changes are sent in parallel. */
const SIDE_BY_SIDE = 8;
const HELD_MS = 60_000;

/** Not started yet. */
export function webhookRunner(parts: WebhookRunnerParts): Rounds {
  const holder = randomUUID();
  const { lookEvery = LOOK_EVERY_MS } = parts;
  let seen: string | undefined;
  let lookedAt = Number.NEGATIVE_INFINITY;
  return new Rounds({
    every: lookEvery,
    log: parts.log,
    failure: 'webhooks could not be delivered; will be tried again',
    async round(isStopped) {
      const newest = await parts.feed.newest();
      // Without a new change, only waiting or requested messages remain.
      if (newest === seen && performance.now() - lookedAt < LOOKS_PER_WHOLE_LOOK * lookEvery) return;
      lookedAt = performance.now();
      for (const client of parts.clients) {
        for (const webhook of await parts.webhooks.list(client)) {
          if (!webhook.isPaused && !isStopped())
            await new Delivery(parts, client, webhook, holder).run(isStopped);
        }
      }
      seen = newest;
    },
  });
}

/** The body of a message. */
export function messageBody(client: string, change: FeedChange): string {
  const { type, at } = change;
  return JSON.stringify({
    type: `profile.${type}`,
    timestamp: timeText(at),
    data: { client, ...changeView(change) },
  });
}

/** The deliveries of one check of one webhook. */
class Delivery {
  readonly #parts: WebhookRunnerParts;
  readonly #client: string;
  readonly #webhook: Webhook;
  readonly #holder: string;
  readonly #done = new Set<string>();
  readonly #pending = new Map<string, Pending>();
  #about: Partial<WebhookProgress> = {};

  constructor(parts: WebhookRunnerParts, client: string, webhook: Webhook, holder: string) {
    this.#parts = parts;
    this.#client = client;
    this.#webhook = webhook;
    this.#holder = holder;
  }

  async run(isStopped: () => boolean): Promise<void> {
    await this.#sendWanted();
    const { webhooks, feed, now } = this.#parts;
    const before = await webhooks.progress(this.#client, this.#webhook.id);
    if (!before || (before.holder !== this.#holder && before.until > now())) return;
    if ((await feed.newest()) === before.cursor) return;
    const page = await feed.read(this.#client, before.cursor, PAGE);
    if (page === 'off') return;
    if (page === 'gone' || page === 'malformed') return this.#goOnWithOldest();
    const held = await this.#hold();
    if (held?.cursor !== before.cursor) return;
    this.#about = { deliveredAt: held.deliveredAt };
    for (const cursor of held.done) this.#done.add(cursor);
    for (const [cursor, pending] of Object.entries(held.pending)) this.#pending.set(cursor, pending);
    const wanted = page.changes.filter(({ type }) => this.#webhook.types?.includes(type) ?? true);
    const hadDone = this.#done.size;
    await this.#deliverAll(wanted, isStopped);
    const isFinished = wanted.every(({ cursor }) => this.#done.has(cursor));
    // Nothing was due, so the progress is unchanged.
    if (!isFinished && this.#done.size === hadDone && this.#about.failedAt === undefined) return;
    await webhooks.advance(this.#client, this.#webhook.id, (progress) =>
      progress.holder !== this.#holder
        ? undefined
        : {
            ...progress,
            ...this.#about,
            cursor: isFinished ? page.next : progress.cursor,
            done: isFinished ? [] : [...this.#done],
            pending: isFinished ? {} : Object.fromEntries(this.#pending),
          },
    );
  }

  #hold(): Promise<WebhookProgress | undefined> {
    const now = this.#parts.now();
    return this.#parts.webhooks.advance(this.#client, this.#webhook.id, (progress) =>
      progress.holder !== this.#holder && progress.until > now
        ? undefined
        : { ...progress, holder: this.#holder, until: now + HELD_MS },
    );
  }

  /** The next change to send is no longer kept. */
  async #goOnWithOldest(): Promise<void> {
    const page = await this.#parts.feed.read(this.#client, undefined, 1);
    if (typeof page === 'string') return;
    const newest = (await this.#parts.feed.newest())!;
    this.#parts.log.error({ webhook: this.#webhook.id }, 'changes expired before they could be sent');
    await this.#parts.webhooks.advance(this.#client, this.#webhook.id, (progress) => ({
      ...progress,
      cursor: newest,
      done: [],
      pending: {},
      hasMissed: true,
    }));
  }

  /** Sends changes of one profile one after another, and those of several profiles in parallel. */
  async #deliverAll(changes: readonly FeedChange[], isStopped: () => boolean): Promise<void> {
    const profiles = new Map<string, FeedChange[]>();
    for (const change of changes) {
      const key = profileOf(change);
      profiles.set(key, [...(profiles.get(key) ?? []), change]);
    }
    const queue = [...profiles.values()];
    const lane = async () => {
      for (let next = queue.shift(); next !== undefined && !isStopped(); next = queue.shift()) {
        for (const change of next) if (!(await this.#deliver(change))) break;
      }
    };
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, lane));
  }

  /** False when the change still waits. */
  async #deliver(change: FeedChange): Promise<boolean> {
    const { cursor } = change;
    if (this.#done.has(cursor)) return true;
    const { now, pauses = DELIVERY_PAUSES } = this.#parts;
    const waiting = this.#pending.get(cursor);
    if (waiting && waiting.nextAt > now()) return false;
    const body = messageBody(this.#client, change);
    const { isOk, status, error } = await this.#send(cursor, body);
    if (isOk) {
      this.#done.add(cursor);
      this.#pending.delete(cursor);
      this.#about = { ...this.#about, deliveredAt: now() };
      return true;
    }
    this.#about = { ...this.#about, failedAt: now(), error };
    const attempts = (waiting?.attempts ?? 0) + 1;
    const firstAt = waiting?.firstAt ?? now();
    const isAlone = (this.#about.deliveredAt ?? 0) > firstAt && attempts >= ATTEMPTS_BESIDE_OTHERS;
    const pause = isAlone ? undefined : pauses[attempts - 1];
    // 410: the target wants no more messages (Standard Webhooks).
    if (status === 410) await this.#pause();
    if (pause !== undefined) {
      this.#pending.set(cursor, { attempts, firstAt, nextAt: now() + pause, error });
      return false;
    }
    const letter = { cursor, body, profile: profileOf(change), at: now(), attempts, error, isWanted: false };
    await this.#parts.webhooks.keepDeadLetter(this.#client, this.#webhook.id, letter);
    this.#done.add(cursor);
    this.#pending.delete(cursor);
    return true;
  }

  async #pause(): Promise<void> {
    await this.#parts.webhooks.change(this.#client, this.#webhook.id, (one) => ({ ...one, isPaused: true }));
  }

  /** Sends the requested dead letters again. */
  async #sendWanted(): Promise<void> {
    const { webhooks, now } = this.#parts;
    const letters = await webhooks.deadLetters(this.#client, this.#webhook.id, 1000);
    for (const letter of letters.filter(({ isWanted }) => isWanted)) {
      const { isOk, error } = await this.#send(letter.cursor, letter.body);
      if (isOk) await webhooks.removeDeadLetter(this.#client, this.#webhook.id, letter.cursor);
      else {
        const again = { ...letter, at: now(), attempts: letter.attempts + 1, error, isWanted: false };
        await webhooks.keepDeadLetter(this.#client, this.#webhook.id, again);
      }
    }
  }

  #send(cursor: string, body: string) {
    const { target, secretOf, now } = this.#parts;
    const secret = secretOf(this.#client, this.#webhook);
    return target.send(this.#webhook.url, secret, { id: `msg_${cursor}`, body, at: now() });
  }
}

function profileOf({ id }: FeedChange): string {
  return `${id.kind} ${id.value}`;
}

/**
 * Tells the target of a privacy request that it is complete (contract section 22).
 *
 *   waiting    the request is not complete, or the target has not accepted the message yet. When it
 *              is due, a process holds it for a minute and sends it → delivered; the target does
 *              not accept it → waiting, for longer each time; it was the last attempt, or the
 *              target wants no more (410) → failed
 *   delivered  the target answered 2xx
 *   failed     it was given up
 *
 * A process that dies while it sends leaves the message held; another one then sends it again with
 * the same `webhook-id`. The URL is kept only while it is needed.
 */

import type { Log } from '../log.ts';
import type {
  PrivacyCallback,
  PrivacyRequest,
  PrivacyRequestStore,
} from '../storage/kept/privacy-request-store.ts';
import { timeText } from '../wire/time-text.ts';

/** A message, and the outcome of sending it; implemented by the sender of webhooks. */
export interface CallbackMessage {
  readonly id: string;
  readonly body: string;
  /** Epoch milliseconds. */
  readonly at: number;
}
interface SentCallback {
  readonly isOk: boolean;
  readonly status: number | undefined;
  readonly error: string;
}

export interface PrivacyCallbacksParts {
  readonly requests: PrivacyRequestStore;
  /** Sends a signed message; never throws because of the target. */
  readonly send: (client: string, url: string, message: CallbackMessage) => Promise<SentCallback>;
  /** Pauses before each further attempt, in milliseconds. */
  readonly pauses: readonly number[];
  readonly log: Log;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** Longer than one attempt may take, in milliseconds. */
const HELD_MS = 60_000;
/** How many messages are sent in parallel. */
const SIDE_BY_SIDE = 8;

export class PrivacyCallbacks {
  readonly #parts: PrivacyCallbacksParts;
  readonly #queue: (readonly [client: string, id: string])[] = [];
  readonly #queued = new Set<string>();
  readonly #lanes = new Set<Promise<void>>();
  #isStopped = false;

  constructor(parts: PrivacyCallbacksParts) {
    this.#parts = parts;
  }

  /** Sends the message of a request in the background, if it is due. */
  offer(client: string, request: PrivacyRequest): void {
    const { id } = request;
    if (this.#isStopped || this.#queued.has(id) || !isDue(request, this.#parts.now())) return;
    this.#queued.add(id);
    this.#queue.push([client, id]);
    if (this.#lanes.size >= SIDE_BY_SIDE) return;
    const lane = this.#run().finally(() => this.#lanes.delete(lane));
    this.#lanes.add(lane);
  }

  /** Waits for the messages that are being sent. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#lanes);
  }

  async #run(): Promise<void> {
    for (let next = this.#queue.shift(); next && !this.#isStopped; next = this.#queue.shift()) {
      const [client, id] = next;
      try {
        await this.#deliver(client, id);
      } catch (error) {
        this.#parts.log.error({ err: error, request: id }, 'the callback of a privacy request waits');
      }
      this.#queued.delete(id);
    }
  }

  async #deliver(client: string, id: string): Promise<void> {
    const { requests, send, pauses, now } = this.#parts;
    let held: PrivacyRequest | undefined;
    await requests.change(client, id, (kept) => {
      held = isDue(kept, now()) ? kept : undefined;
      return held ? { ...kept, callback: { ...kept.callback!, nextAt: now() + HELD_MS } } : kept;
    });
    const url = held?.callback?.url;
    if (!held || url === undefined) return;
    const at = now();
    const sent = await send(client, url, { id: `msg_${id}`, body: bodyOf(client, held, at), at });
    await requests.change(client, id, (kept) =>
      kept.callback ? { ...kept, callback: after(kept.callback, sent, pauses, now()) } : kept,
    );
  }
}

/** The message: no id of the person, and no reference. */
function bodyOf(client: string, { id, type, state, createdAt, finishedAt }: PrivacyRequest, at: number) {
  return JSON.stringify({
    type: 'privacy.complete',
    timestamp: timeText(finishedAt ?? at),
    data: { client, id, type, state, createdAt: timeText(createdAt), finishedAt: timeText(finishedAt ?? at) },
  });
}

function isDue({ state, callback }: PrivacyRequest, now: number): boolean {
  return state === 'complete' && callback?.state === 'waiting' && callback.nextAt <= now;
}

function after(
  callback: PrivacyCallback,
  { isOk, status, error }: SentCallback,
  pauses: readonly number[],
  now: number,
): PrivacyCallback {
  const attempts = callback.attempts + 1;
  const done = { attempts, nextAt: 0, url: undefined, error };
  if (isOk) return { ...done, state: 'delivered', deliveredAt: now };
  // 410: the target wants no more messages (Standard Webhooks).
  const pause = status === 410 ? undefined : pauses[attempts - 1];
  if (pause === undefined) return { ...done, state: 'failed' };
  return { ...callback, attempts, error, nextAt: now + pause };
}

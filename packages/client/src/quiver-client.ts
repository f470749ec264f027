/** The client for visits and the profile APIs. */

import { AdminClient } from './admin-client.ts';
import { attributeText } from './attribute-text.ts';
import { type BatchKey, type BatchLimits, encodeBatches, type ProfileRecord } from './batch-encoder.ts';
import {
  type CallOptions,
  Connection,
  type ConnectionOptions,
  pause,
  type RawReply,
  type RequestBody,
  refusalOf,
} from './connection.ts';
import { QuiverClientError } from './errors.ts';
import { pathsOf } from './paths.ts';
import { onlyId, type ProfileId, textOf } from './profile-id.ts';
import type { BatchStatus, Profile } from './replies.ts';
import { elementOf, messageOf, unescapeXml } from './reply-text.ts';
import { jsonOf, type Request, requested, undefinedWhen404 } from './requested.ts';
import { namesVisitor, sentVisit, type Visit, type VisitReply } from './visit.ts';

/** `v1` only updates, `v2` also creates missing profiles. */
export type BatchVersion = 'v1' | 'v2';

/** Options of a batch. */
export interface BatchOptions extends CallOptions {
  /** `v2` by default. */
  readonly version?: BatchVersion;
}

/** Options of waiting for a batch. */
export interface WaitOptions extends BatchOptions {
  /** Called with each status that the server reports. */
  readonly onStatus?: (status: BatchStatus) => void;
  /** How long the server may be unreachable in between, in milliseconds; 60,000 by default. */
  readonly awayMs?: number;
}

/** Options of sending records. */
export interface SendOptions extends WaitOptions, BatchLimits {
  /** The kind of the ids; `thirdPartyId` by default. */
  readonly key?: BatchKey;
}

/** A batch that was applied. */
export interface AppliedBatch extends BatchStatus {
  /**
   * The index of its first record among all records, from 0: line `n` of the batch is record
   * `firstRecord + n - 2`.
   */
  readonly firstRecord: number;
}

/** Polling starts with a short interval, because small batches are done at once. */
const FIRST_POLL_MS = 50;
const SLOWEST_POLL_MS = 1000;

/**
 * Calls Quiver, or Adobe Target, for one client code.
 *
 * Every method rejects with a `QuiverClientError`, or with the signal's reason if its signal
 * aborts. Calls that are safe to repeat are retried after 429, 503 or a lost connection: reads,
 * updates, removals, settings, and visits that name the visitor. A batch, a new token and a visit
 * without an id are retried only when the server said that it was busy.
 *
 * @example
 * ```ts
 * const quiver = new QuiverClient({ url: 'http://127.0.0.1:8680', client: 'demo' });
 * await quiver.updateProfile({ thirdPartyId: 'crm-1' }, { plan: 'gold' });
 * const profile = await quiver.fetchProfile({ thirdPartyId: 'crm-1' });
 * ```
 */
export class QuiverClient {
  /** The Admin API. */
  readonly admin: AdminClient;
  readonly #connection: Connection;
  /** The paths of the server, for {@link request} and links. */
  readonly paths: ReturnType<typeof pathsOf>;

  /** @throws TypeError when `url` is not an http or https URL, or `client` is empty */
  constructor(options: ConnectionOptions) {
    this.#connection = new Connection(options);
    this.paths = pathsOf(options.client);
    this.admin = new AdminClient(this.#connection, this.paths);
  }

  /** The address of the server, without a trailing slash. */
  get url(): string {
    return this.#connection.url;
  }

  /** The client code. */
  get client(): string {
    return this.#connection.client;
  }

  /**
   * Reports a visit. Profile parameters are sent as text. Returns the visitor's ids; undefined for
   * a beacon.
   *
   * @throws QuiverArgumentError for an id of an unknown kind, or one that is not a string; ids that
   *   are undefined count as not given
   */
  async visit({ sessionId, ...visit }: Visit, options?: CallOptions): Promise<VisitReply | undefined> {
    const call: Request = {
      method: 'POST',
      path: this.paths.delivery,
      query: { sessionId: sessionId ?? crypto.randomUUID().replaceAll('-', '') },
      json: { context: { channel: 'web' }, ...sentVisit(visit) },
      // Without an id, each try would create a visitor.
      repeatable: namesVisitor(visit.id) ? 'always' : 'refused',
    };
    const reply = await requested(this.#connection, call, options);
    return reply.status === 204 ? undefined : jsonOf<VisitReply>(reply, 'requestId');
  }

  /** A profile, by one of its ids; undefined when there is none. */
  fetchProfile(id: ProfileId, options?: CallOptions): Promise<Profile | undefined> {
    return undefinedWhen404(async () =>
      jsonOf<Profile>(
        await requested(this.#connection, { path: this.paths.profile(id) }, options),
        'profileAttributes',
      ),
    );
  }

  /**
   * Sets attributes of an existing profile; empty values set nothing. Returns whether the profile
   * exists; Adobe always returns true.
   *
   * @throws QuiverArgumentError for an id of another kind than tntId and thirdPartyId, and for a
   *   value that is not a string, number or boolean, including `undefined`; nothing is sent then
   */
  async updateProfile(
    id: ProfileId,
    attributes: Readonly<Record<string, string | number | boolean>>,
    options?: CallOptions,
  ): Promise<boolean> {
    const form = new URLSearchParams(idParameter(id));
    for (const [name, value] of Object.entries(attributes)) {
      form.append(`profile.${name}`, attributeText(name, value));
    }
    const call: Request = {
      method: 'POST',
      path: this.paths.update,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: form.toString(),
      repeatable: 'always',
    };
    const reply = await requested(this.#connection, call, options);
    if (elementOf(reply.text, 'success') === 'true') return true;
    const message = messageOf(reply.text);
    if (message.startsWith('No profile found')) return false;
    throw new QuiverClientError('refused', message, { status: reply.status });
  }

  /** Removes a profile with all its ids; false when there was none (only Quiver). */
  async removeProfile(id: ProfileId, options?: CallOptions): Promise<boolean> {
    return this.#removed(this.paths.profile(id), options);
  }

  /** Removes one attribute; false when there was no such profile or attribute (only Quiver). */
  async removeAttribute(id: ProfileId, name: string, options?: CallOptions): Promise<boolean> {
    return this.#removed(this.paths.profileAttribute(id, name), options);
  }

  /**
   * Sends records in as many batches as needed, and waits until each is applied.
   *
   * @throws RangeError for a record that fits into no batch; batches that were sent before it stay
   *   sent
   */
  async *updateProfiles(
    records: AsyncIterable<ProfileRecord> | Iterable<ProfileRecord>,
    options: SendOptions = {},
  ): AsyncGenerator<AppliedBatch, void, undefined> {
    for await (const { bytes, firstRecord } of encodeBatches(
      records,
      options.key ?? 'thirdPartyId',
      options,
    )) {
      const id = await this.uploadBatch(bytes, options);
      yield { ...(await this.waitForBatch(id, options)), firstRecord };
    }
  }

  /**
   * Sends one batch file unchanged. When this resolves, the server has stored the batch; it then
   * applies it in the background.
   *
   * @param content the bytes, or a function that makes them for each try
   * @returns the batch's id
   */
  async uploadBatch(content: RequestBody | (() => RequestBody), options: BatchOptions = {}): Promise<string> {
    const call: Request = {
      method: 'POST',
      path: this.paths.batchUpdate(options.version ?? 'v2'),
      headers: { 'content-type': 'text/plain;charset=UTF-8' },
      body: content,
      repeatable: 'refused',
    };
    // Fifty megabytes take a while.
    const reply = await requested(this.#connection, call, { timeoutMs: 600_000, ...options });
    const url = elementOf(reply.text, 'batchStatus');
    const id = url !== undefined && URL.canParse(url) ? new URL(url).searchParams.get('batchId') : null;
    if (elementOf(reply.text, 'success') === 'true' && id) return id;
    throw refusalOf(reply);
  }

  /** The status of a batch; undefined when there is none. */
  batchStatus(id: string, options: BatchOptions = {}): Promise<BatchStatus | undefined> {
    const path = this.paths.batchStatus(options.version ?? 'v2');
    return undefinedWhen404(async () => {
      const call = { path, query: { batchId: textOf('batch id', id), showDetails: 'true' } };
      return statusOf(await requested(this.#connection, call, options), id);
    });
  }

  /**
   * Waits until a batch is complete or stuck. A server that stops responding gets a minute to come
   * back.
   */
  async waitForBatch(id: string, options: WaitOptions = {}): Promise<BatchStatus> {
    let lastAnswer = Date.now();
    for (let wait = FIRST_POLL_MS; ; wait = Math.min(wait * 1.5, SLOWEST_POLL_MS)) {
      try {
        const status = await this.batchStatus(id, { ...options, retries: 0 });
        if (status === undefined)
          throw new QuiverClientError('refused', `No such batch: ${id}`, { status: 404 });
        lastAnswer = Date.now();
        options.onStatus?.(status);
        if (status.status !== 'incomplete') return status;
      } catch (error) {
        if (!isAway(error) || Date.now() - lastAnswer > (options.awayMs ?? 60_000)) throw error;
      }
      await pause(wait, options.signal);
    }
  }

  /**
   * Sends any other call, with the client's address, token, time limit and retries.
   *
   * @returns the reply when its status is a success
   */
  request(call: Request, options?: CallOptions): Promise<RawReply> {
    return requested(this.#connection, call, options);
  }

  async #removed(path: string, options?: CallOptions): Promise<boolean> {
    const reply = await undefinedWhen404(() =>
      requested(this.#connection, { method: 'DELETE', path }, options),
    );
    return reply !== undefined;
  }
}

function idParameter(id: ProfileId): Record<string, string> {
  const [kind, value] = onlyId(id, ['tntId', 'thirdPartyId']);
  return { [kind === 'tntId' ? 'mboxPC' : 'mbox3rdPartyId']: value };
}

/** Whether the server may come back: there was no reply, or it said that it is busy. */
function isAway(error: unknown): boolean {
  if (!(error instanceof QuiverClientError)) return false;
  return error.status === 0 || error.status === 429 || error.status === 503;
}

function statusOf(reply: RawReply, batchId: string): BatchStatus {
  const { text } = reply;
  const status = elementOf(text, 'status');
  if (status === undefined) {
    throw new QuiverClientError('unexpected', `the server told no status: ${messageOf(text)}`, reply);
  }
  const counts = {
    consumed: 'consumedCount',
    successful: 'successfulUpdates',
    notFound: 'profilesNotFound',
    failed: 'failedUpdates',
  };
  const told = Object.entries(counts).flatMap(([name, element]) => {
    const count = elementOf(text, element);
    return count === undefined ? [] : [[name, Number(count)]];
  });
  return {
    batchId,
    status,
    size: Number(elementOf(text, 'batchSize') ?? 0),
    ...Object.fromEntries(told),
    failedIds: [...text.matchAll(/<profile><id>([^<]*)<\/id>/g)].map(([, id]) => unescapeXml(id!)),
  };
}

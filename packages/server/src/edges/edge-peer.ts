/**
 * Another edge cluster, as this one calls it. A circuit breaker stops calls while it does not
 * answer:
 *
 * closed  Every call is sent. Five failures in a row → open.
 * open    Calls fail at once, without waiting. After a pause of 1 s, which doubles each time up to
 *         10 s → trial.
 * trial   One call is sent, the others fail at once. It succeeds → closed; it fails → open.
 */

import { Counter, Gauge, type Registry } from 'prom-client';
import { QuiverError } from '../errors.ts';
import type { Log } from '../log.ts';
import {
  EDGE_CALLS,
  EDGE_PATH,
  type EdgeAnswer,
  type EdgeAsk,
  type EdgeCallName,
  MAX_EDGE_BODY,
} from './edge-calls.ts';
import { ANSWER_HEADER, type EdgeSeal } from './edge-seal.ts';

export interface EdgePeerOptions {
  readonly cluster: number;
  readonly url: string;
  readonly seal: EdgeSeal;
  /** How long a lookup may take, in milliseconds. */
  readonly lookupLimit: number;
  readonly metrics: EdgeMetrics;
  readonly log: Log;
}

/** For calls other than lookups: a write must reach a disk, perhaps with many rows of a batch. */
const WRITE_LIMIT = 2500;
const ROWS_LIMIT = 20_000;
const LIMITS: Readonly<Partial<Record<EdgeCallName, number>>> = {
  update: WRITE_LIMIT,
  visit: WRITE_LIMIT,
  remove: WRITE_LIMIT,
  'remove-attribute': WRITE_LIMIT,
  'hand-over': WRITE_LIMIT,
  adopt: WRITE_LIMIT,
  release: WRITE_LIMIT,
  clients: WRITE_LIMIT,
  state: WRITE_LIMIT,
  merges: WRITE_LIMIT,
  unmerge: WRITE_LIMIT,
  rows: ROWS_LIMIT,
  suppress: WRITE_LIMIT,
  forget: ROWS_LIMIT,
};
/** Large enough for the largest profile with every character escaped twice. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
/**
 * Calls with larger answers: a profile with any number of ids, the settings of any number of
 * clients.
 */
const ANSWER_BYTES: Readonly<Partial<Record<EdgeCallName, number>>> = {
  'hand-over': MAX_EDGE_BODY,
  merges: MAX_EDGE_BODY,
  clients: MAX_EDGE_BODY,
  suppress: MAX_EDGE_BODY,
};
const FAILURES_TO_OPEN = 5;
const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 10_000;
/** Connection errors after which nothing was sent. */
const NOT_SENT = new Set([
  'ECONNREFUSED',
  'ConnectionRefused',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'FailedToOpenSocket',
]);

/** A cluster could not be reached, or did not answer. */
export class PeerSilent extends Error {
  readonly cluster: number;
  /** Whether the call may have been carried out nevertheless. */
  readonly mayBeDone: boolean;
  /** Whether it refused only this call and would accept others. */
  readonly hasRefused: boolean;

  constructor(
    cluster: number,
    why: string,
    {
      mayBeDone = false,
      hasRefused = false,
      cause,
    }: { mayBeDone?: boolean; hasRefused?: boolean; cause?: unknown } = {},
  ) {
    super(`cluster ${cluster}: ${why}`, { cause });
    this.cluster = cluster;
    this.mayBeDone = mayBeDone;
    this.hasRefused = hasRefused;
  }

  /** The error for a caller whose write went to that cluster. */
  asWriteError(): QuiverError {
    const [code, what] = this.mayBeDone
      ? (['unknown', 'has not said whether it was done'] as const)
      : (['not-done', 'cannot be reached'] as const);
    return new QuiverError(code, `Edge cluster ${this.cluster} ${what}; send it again`, { cause: this });
  }
}

export class EdgePeer {
  readonly cluster: number;
  readonly url: string;
  readonly #options: EdgePeerOptions;
  #failures = 0;
  #openUntil = 0;
  #pause = FIRST_PAUSE;
  #isOnTrial = false;

  constructor(options: EdgePeerOptions) {
    this.cluster = options.cluster;
    this.url = options.url.endsWith('/') ? options.url.slice(0, -1) : options.url;
    this.#options = options;
    options.metrics.open.set({ cluster: this.cluster }, 0);
  }

  /** Whether calls are sent at present. */
  get isClosed(): boolean {
    return this.#failures < FAILURES_TO_OPEN;
  }

  /**
   * Calls the cluster.
   *
   * @throws PeerSilent when it does not answer in time or did not understand the call
   * @throws QuiverError `insufficient-storage` when it has no room
   */
  async ask<Name extends EdgeCallName>(name: Name, ask: EdgeAsk<Name>): Promise<EdgeAnswer<Name>> {
    const { metrics } = this.#options;
    if (!this.isClosed && (this.#isOnTrial || Date.now() < this.#openUntil)) {
      metrics.calls.inc({ cluster: this.cluster, call: name, outcome: 'not_tried' });
      throw new PeerSilent(this.cluster, 'has not answered for a while');
    }
    this.#isOnTrial = !this.isClosed;
    try {
      const answer = await this.#send(name, ask);
      this.#succeeded();
      metrics.calls.inc({ cluster: this.cluster, call: name, outcome: 'answered' });
      return answer;
    } catch (error) {
      if (error instanceof PeerSilent && !error.hasRefused) this.#failed(error);
      else this.#succeeded();
      metrics.calls.inc({ cluster: this.cluster, call: name, outcome: 'failed' });
      throw error;
    }
  }

  async #send<Name extends EdgeCallName>(name: Name, ask: EdgeAsk<Name>): Promise<EdgeAnswer<Name>> {
    const { seal, lookupLimit } = this.#options;
    const path = EDGE_PATH + name;
    const body = JSON.stringify(ask);
    const { authorization, nonce } = seal.seal(this.cluster, path, body);
    let response: Response;
    let text: string;
    try {
      response = await fetch(this.url + path, {
        method: 'POST',
        // A compressed answer would have to be unpacked before its sender is verified.
        headers: { authorization, 'content-type': 'application/json', 'accept-encoding': 'identity' },
        body,
        redirect: 'error',
        signal: AbortSignal.timeout(LIMITS[name] ?? lookupLimit),
      });
      text = await readAnswer(response, ANSWER_BYTES[name] ?? MAX_ANSWER_BYTES);
    } catch (error) {
      throw new PeerSilent(this.cluster, reasonOf(error), {
        mayBeDone: !NOT_SENT.has(codeOf(error)),
        cause: error,
      });
    }
    if (response.status === 507) {
      throw new QuiverError('insufficient-storage', `No space left at edge cluster ${this.cluster}`);
    }
    if (response.status !== 200) {
      // A 403 means that it refuses all calls: the secrets or the clocks differ.
      throw new PeerSilent(this.cluster, `answered ${response.status}: ${text.slice(0, 200)}`, {
        mayBeDone: response.status >= 500,
        hasRefused: response.status < 500 && response.status !== 403,
      });
    }
    if (!seal.isAnswer(nonce, text, response.headers.get(ANSWER_HEADER))) {
      throw new PeerSilent(this.cluster, 'its answer has not the right signature', { mayBeDone: true });
    }
    const answer = EDGE_CALLS[name].answer.safeParse(JSON.parse(text));
    if (answer.success) return answer.data as EdgeAnswer<Name>;
    throw new PeerSilent(this.cluster, 'its answer is not understood', {
      mayBeDone: true,
      cause: answer.error,
    });
  }

  #succeeded(): void {
    if (!this.isClosed) {
      this.#options.log.info({ cluster: this.cluster }, 'an edge cluster answers again');
      this.#options.metrics.open.set({ cluster: this.cluster }, 0);
    }
    this.#failures = 0;
    this.#pause = FIRST_PAUSE;
    this.#isOnTrial = false;
  }

  #failed(error: PeerSilent): void {
    this.#failures += 1;
    this.#isOnTrial = false;
    if (this.isClosed) return;
    if (this.#failures === FAILURES_TO_OPEN) {
      this.#options.log.warn({ err: error, cluster: this.cluster }, 'an edge cluster does not answer');
      this.#options.metrics.open.set({ cluster: this.cluster }, 1);
    }
    this.#openUntil = Date.now() + this.#pause;
    this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
  }
}

export interface EdgeMetrics {
  readonly calls: Counter<'cluster' | 'call' | 'outcome'>;
  readonly open: Gauge<'cluster'>;
}

/** Registers the metrics about other clusters. */
export function edgeMetrics(registry: Registry): EdgeMetrics {
  return {
    calls: new Counter({
      name: 'quiver_edge_calls_total',
      help: 'Calls to other edge clusters.',
      labelNames: ['cluster', 'call', 'outcome'],
      registers: [registry],
    }),
    open: new Gauge({
      name: 'quiver_edge_breaker_open',
      help: 'Whether calls to another edge cluster are paused, because it did not answer.',
      labelNames: ['cluster'],
      aggregator: 'max',
      registers: [registry],
    }),
  };
}

/**
 * Reads an answer whose sender has not been verified yet.
 *
 * @throws Error when it is compressed or exceeds `mostBytes`; reading stops at that limit
 */
async function readAnswer({ body, headers }: Response, mostBytes: number): Promise<string> {
  if (body === null) return '';
  if (headers.has('content-encoding')) {
    await body.cancel();
    throw new Error('its answer is packed, which nobody asked for');
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    // Leaving the loop cancels the rest of the stream.
    if (bytes > mostBytes) throw new Error(`its answer has more than ${mostBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const code = 'code' in error ? String(error.code) : '';
  return NOT_SENT.has(code) || error.cause === undefined ? code : codeOf(error.cause);
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

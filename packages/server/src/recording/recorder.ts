/**
 * `quiver record`: a server that forwards each call to another server and stores it, redacted
 * (contract section 13).
 */

import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import type { Log } from '../log.ts';
import { currentRuntime } from '../runtime/current-runtime.ts';
import { readBody, textOf } from '../wire/body.ts';
import { errorToResponse } from '../wire/errors-to-response.ts';
import { HeaderLines, type Outgoing } from '../wire/replies.ts';
import type { HttpRequest } from '../wire/request.ts';
import { rawPathOf, rawQueryOf } from '../wire/target.ts';
import { Pseudonyms, type PseudonymsOptions } from './pseudonyms.ts';
import { type RecordedCall, recordingHead } from './recording.ts';
import { Redaction } from './redaction.ts';

/** The limit for batch files at Adobe. */
const MAX_BODY = 50 * 1024 * 1024;
const UPSTREAM_TIMEOUT_MS = 60_000;
/** Headers of a call that are forwarded; Host is that of the other server. */
const FORWARDED = [
  'content-type',
  'accept',
  'authorization',
  'access_token',
  'x-api-key',
  'cookie',
  'origin',
  'user-agent',
];
/** Headers of a reply that are returned to the caller. */
const RETURNED = [
  'content-type',
  'retry-after',
  'set-cookie',
  'access-control-allow-origin',
  'access-control-allow-credentials',
];
const CARRIES_TOKEN = ['authorization', 'access_token'];

export interface RecorderOptions extends PseudonymsOptions {
  /** Scheme, host and port of the server that answers. */
  readonly upstream: string;
  /** The file, which must not exist yet. */
  readonly out: string;
  readonly host: string;
  readonly port: number;
  readonly log: Log;
}

export interface CallRecorder {
  readonly url: string;
  /** How many calls are in the file. */
  readonly calls: number;
  /** Stops listening. Returns when everything that was answered is on disk. */
  close(): Promise<void>;
}

/**
 * Starts the recorder.
 *
 * @throws the system's error (rejects) when the file exists or cannot be created, or when it cannot
 *   listen
 */
export async function startRecorder(options: RecorderOptions): Promise<CallRecorder> {
  const { upstream, out, host, port, log, keepsIds, keepsValues } = options;
  const file = await open(out, 'wx', 0o600);
  const redaction = new Redaction(new Pseudonyms({ keepsIds, keepsValues }));
  const lines = new Lines(file);
  await lines.add(recordingHead(upstream, { ids: !keepsIds, values: !keepsValues }));
  let calls = 0;

  async function answer(request: HttpRequest, _caller: unknown, refusal: unknown): Promise<Outgoing> {
    try {
      if (refusal) throw refusal;
      const { call, outgoing } = await recorded(upstream, redaction, request);
      // The caller is answered after the call is in the file, so that no answered call is missing.
      await lines.add(call);
      calls += 1;
      return outgoing;
    } catch (error) {
      const { body, status, headers } = errorToResponse(error, 'json', log);
      return { body, status, headers: new HeaderLines(headers) };
    }
  }

  try {
    const runtime = await currentRuntime();
    const listener = await runtime.listen({ host, port, tls: undefined, keepAliveSeconds: 30, answer });
    return {
      url: `http://${host.includes(':') ? `[${host}]` : host}:${listener.port}`,
      get calls() {
        return calls;
      },
      async close() {
        await listener.close();
        await lines.close();
      },
    };
  } catch (error) {
    await lines.close();
    throw error;
  }
}

/**
 * Forwards a call.
 * @returns the call as it is stored, and the reply for the caller
 */
async function recorded(
  upstream: string,
  redaction: Redaction,
  request: HttpRequest,
): Promise<{ readonly call: RecordedCall; readonly outgoing: Outgoing }> {
  const at = new Date();
  const started = performance.now();
  const target = targetOf(request.url);
  const body = await readBody(request, MAX_BODY);
  const response = await forwarded(upstream, request, target, body);
  const reply = new Uint8Array(await response.arrayBuffer());
  const { status } = response;
  const isBatch = request.method === 'POST' && /\/batchUpdate$|\/target\/batches$/.test(rawPathOf(target));
  const contentType = request.headers.get('content-type');
  redaction.begin(target);
  const call: RecordedCall = {
    at: at.toISOString(),
    method: request.method,
    target: redaction.target(target),
    ...(contentType !== null && { contentType }),
    ...(CARRIES_TOKEN.some((name) => request.headers.has(name)) && { hadToken: true }),
    ...(body.byteLength > 0 && { body: redaction.body(textOf(body), isBatch) }),
    status,
    reply: redaction.body(new TextDecoder().decode(reply)),
    ms: Math.round(performance.now() - started),
  };
  return { call, outgoing: { body: reply, status, headers: new HeaderLines(returned(response)) } };
}

/**
 * Sends a new request with the contents of the call; a request passed on unchanged could be
 * interpreted in two ways.
 */
async function forwarded(
  upstream: string,
  { method, headers }: HttpRequest,
  target: string,
  body: Uint8Array,
): Promise<Response> {
  const sent = new Headers();
  for (const name of FORWARDED) {
    const value = headers.get(name);
    if (value !== null) sent.set(name, value);
  }
  try {
    return await fetch(upstream + target, {
      method,
      headers: sent,
      redirect: 'manual',
      signal: AbortSignal.timeout(UPSTREAM_TIMEOUT_MS),
      ...(body.byteLength > 0 && { body: body as Uint8Array<ArrayBuffer> }),
    });
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const why = cause instanceof Error ? cause.message : String(cause);
    return new Response(JSON.stringify({ status: 502, message: `${upstream} does not answer: ${why}` }), {
      status: 502,
      headers: { 'content-type': 'application/json' },
    });
  }
}

function targetOf(url: string): string {
  const query = rawQueryOf(url);
  return query === '' ? rawPathOf(url) : `${rawPathOf(url)}?${query}`;
}

function returned({ headers }: Response): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of RETURNED) {
    const value = headers.get(name);
    if (value !== null) kept[name] = value;
  }
  return kept;
}

/** Writes lines of JSON, one after another. */
class Lines {
  readonly #file: FileHandle;
  #last: Promise<unknown> = Promise.resolve();

  constructor(file: FileHandle) {
    this.#file = file;
  }

  add(value: unknown): Promise<void> {
    const written = this.#last.then(() => this.#file.appendFile(`${JSON.stringify(value)}\n`));
    this.#last = written.catch(() => {});
    return written;
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#file.sync();
    await this.#file.close();
  }
}

/**
 * Runs a script on a visitor's profile without storing anything, for the person who writes it
 * (contract section 16).
 */

import { listAttributes, NO_ATTRIBUTES } from '../domain/attributes.ts';
import type { RequestFacts, ScriptValue } from '../domain/script-input.ts';
import { scriptMemoryOf } from '../domain/script-memory.ts';
import { type IdKind, idProblem, parseTntId, type SentId } from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import type { LinkedProfile } from '../storage/profile-store.ts';
import { isJsonObject, type JsonObject } from '../wire/json.ts';
import { requireScriptName } from './client-scripts.ts';
import { jobOf } from './script-job.ts';
import type { ScriptRunner } from './script-runner.ts';
import { isRead, readSource, sourceProblemText } from './script-source.ts';

export interface ScriptTestsParts {
  readonly runner: ScriptRunner;
  readonly profiles: {
    findLinked(client: string, id: SentId, limit: number): Promise<LinkedProfile | undefined>;
  };
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly seed: () => number;
}

/** The result of a script. */
export interface ScriptTested {
  readonly value?: ScriptValue | undefined;
  readonly error?: string | undefined;
  readonly locals?: Readonly<Record<string, ScriptValue>> | undefined;
  readonly milliseconds?: number | undefined;
  readonly instructions?: number | undefined;
}

const IDS: readonly { readonly member: string; readonly kind: IdKind }[] = [
  { member: 'thirdPartyId', kind: 'thirdPartyId' },
  { member: 'marketingCloudVisitorId', kind: 'ecid' },
  { member: 'tntId', kind: 'tntId' },
];

export class ScriptTests {
  readonly #parts: ScriptTestsParts;

  constructor(parts: ScriptTestsParts) {
    this.#parts = parts;
  }

  /**
   * Runs a script once, for one mbox.
   *
   * @param sent the members of the request
   * @throws QuiverError `bad-request` naming the member and the rule; `not-found` when the id names
   *   no profile
   */
  async run(client: string, name: string, source: string, sent: JsonObject): Promise<ScriptTested> {
    requireScriptName(name);
    const read = readSource(source);
    if (!isRead(read)) throw new QuiverError('bad-request', `script: ${sourceProblemText(read)}`);
    const { now, seed, runner } = this.#parts;
    const at = now();
    const facts = factsOf(sent);
    const id = idOf(sent);
    const found = id && (await this.#parts.profiles.findLinked(client, id, 1));
    if (id && !found) throw new QuiverError('not-found', 'No profile found for the id');
    const attributes = found?.profile.attributes ?? NO_ATTRIBUTES;
    const visit = { settings: new Map(), seen: { categories: [], notesSessions: true, page: facts.page } };
    const tntId = id?.kind === 'tntId' ? parseTntId(id.text).id.value : '';
    const { json } = jobOf({ attributes, tntId }, visit, facts, at, seed());
    const set = { client, scripts: [{ name, code: read.code }] };
    const { outcome, stopped } = await runner.run(set, json, true);
    const [stop] = stopped;
    if (stop) return { error: stop.reason };
    const run = outcome?.results[0];
    if (!run) throw new QuiverError('unavailable', 'The script could not be run; send it again');
    const { value, error, ignored, milliseconds, instructions } = run;
    return {
      value,
      error: error ?? (ignored === undefined ? undefined : `returned ${ignored}, which is not stored`),
      locals: outcome?.locals[name] ?? scriptMemoryOf(attributes, listAttributes(attributes)).locals[name],
      milliseconds,
      instructions,
    };
  }
}

function idOf({ id }: JsonObject): SentId | undefined {
  if (id === undefined) return undefined;
  if (!isJsonObject(id)) throw new QuiverError('bad-request', 'id: must be an object');
  for (const { member, kind } of IDS) {
    const text = id[member];
    if (text === undefined) continue;
    if (typeof text !== 'string') throw new QuiverError('bad-request', `id.${member}: must be a string`);
    const problem = idProblem(kind, text);
    if (problem !== undefined) throw new QuiverError('bad-request', `id.${member}: ${problem}`);
    return { kind, text };
  }
  return undefined;
}

function factsOf(sent: JsonObject): RequestFacts {
  const text = (member: string) => {
    const value = sent[member];
    if (value === undefined || typeof value === 'string') return value;
    throw new QuiverError('bad-request', `${member}: must be a string`);
  };
  const { parameters = {} } = sent;
  if (!isJsonObject(parameters)) throw new QuiverError('bad-request', 'parameters: must be an object');
  const named = Object.entries(parameters).map(([name, value]): [string, string] => [name, String(value)]);
  return {
    sessionId: 'test',
    ...{ page: text('page'), referrer: text('referrer'), userAgent: text('userAgent') },
    headers: [],
    executed: [{ name: text('mbox') ?? '', parameters: named }],
    prefetched: [],
  };
}

/**
 * The routes that other edge clusters call. They never call a further cluster: a call goes one hop
 * (contract section 8).
 */

import type { MergeRecord } from '../domain/unmerge.ts';
import type { SentId, VisitorId } from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import type { LocalMerges } from '../service/local-merges.ts';
import type { ProfileService } from '../service/profile-service.ts';
import type { RowOutcome } from '../storage/batch-store.ts';
import type { ProfileStore, ScriptTrace } from '../storage/profile-store.ts';
import { readBody } from '../wire/body.ts';
import type { Call } from '../wire/call.ts';
import { JSON_HEADERS, Reply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';
import { z } from '../wire/schema.ts';
import type { ClientExchange } from './client-exchange.ts';
import {
  EDGE_CALLS,
  EDGE_PATH,
  type EdgeAnswer,
  type EdgeAsk,
  type EdgeCallName,
  MAX_EDGE_BODY,
  mergeOf,
  profileOf,
  sentMerge,
  sentProfile,
} from './edge-calls.ts';
import { ANSWER_HEADER, bodyDigest, type EdgeSeal } from './edge-seal.ts';

/** The calls of other clusters for privacy requests; `privacy/` implements them. */
export interface EdgePrivacy {
  takeIn(client: string, decisions: EdgeAsk<'suppress'>['decisions']): Promise<void>;
  unlike(
    client: string,
    digests: Readonly<Record<string, string>>,
  ): Promise<EdgeAnswer<'suppress'>['decisions']>;
  /**
   * Removes all data of this cluster that names the ids, except the profile. @returns what has not
   * finished yet
   */
  forget(client: string, ids: readonly VisitorId[]): Promise<string[]>;
}

export interface EdgeRouteParts {
  readonly seal: EdgeSeal;
  /** The profiles that live here. */
  readonly profiles: ProfileService;
  readonly store: Pick<ProfileStore, 'findLinked' | 'adopt' | 'release'>;
  /** Applies rows of another cluster's batch, each once. */
  readonly rows: (ask: EdgeAsk<'rows'>, from: number) => Promise<RowOutcome[]>;
  /** The merges that were recorded here. */
  readonly merges: LocalMerges;
  readonly exchange: ClientExchange;
  readonly privacy: EdgePrivacy;
  readonly figures: () => Promise<{ readonly profiles: number }>;
  readonly clients: readonly string[];
  readonly node: number;
  readonly version: string;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

type Answers = { [Name in EdgeCallName]: (ask: EdgeAsk<Name>, from: number) => Promise<EdgeAnswer<Name>> };

/** The answers for clients that are not served here. */
const NOTHING: Readonly<Partial<Record<EdgeCallName, object>>> = {
  find: {},
  known: { known: [] },
  'hand-over': {},
  merges: { records: [], ids: [] },
};
const ALL_IDS = Number.MAX_SAFE_INTEGER;

/** One route per call. */
export function edgeRoutes(parts: EdgeRouteParts): Route[] {
  const { seal } = parts;
  const answers = answersOf(parts);

  async function answer<Name extends EdgeCallName>(name: Name, { request, sealed }: Call) {
    if (!sealed) throw new RangeError('the call did not pass the guard');
    const { nonce, digest, from } = sealed;
    const body = await readBody(request, MAX_EDGE_BODY);
    if (bodyDigest(body) !== digest)
      throw new QuiverError('forbidden', 'edge call: another body than was sealed');
    const asked = EDGE_CALLS[name].ask.safeParse(JSON.parse(Buffer.from(body).toString()));
    if (!asked.success) throw new QuiverError('bad-request', `edge call: ${asked.error.issues[0]?.message}`);
    const ask = asked.data as EdgeAsk<Name>;
    const client = 'client' in ask ? ask.client : undefined;
    const isServed = client === undefined || parts.clients.includes(client);
    if (!isServed && !(name in NOTHING)) throw new QuiverError('not-found', `No such client: ${client}`);
    const text = JSON.stringify(isServed ? await answers[name](ask, from) : NOTHING[name]);
    return new Reply(text, 200, { ...JSON_HEADERS, [ANSWER_HEADER]: seal.signAnswer(nonce, text) });
  }

  return (Object.keys(EDGE_CALLS) as EdgeCallName[]).map((name) => ({
    method: 'POST',
    path: EDGE_PATH + name,
    guard: 'edge',
    style: 'json',
    cors: 'none',
    scope: 'server',
    describe: describeCall(name),
    handle: (call) => answer(name, call),
  }));
}

/** Long because it has one answer for each call between clusters. */
function answersOf({
  profiles,
  store,
  rows,
  merges,
  exchange,
  privacy,
  figures,
  node,
  version,
  now,
}: EdgeRouteParts): Answers {
  const sent = ({ kind, value }: VisitorId): SentId => ({ kind, text: value });
  return {
    async find({ client, id }) {
      const found = await profiles.find(client, sent(id));
      if (!found) return {};
      const { modifiedAt, expiresAt, attributes } = found;
      return { found: { modifiedAt, expiresAt, attributes } };
    },
    async known({ client, ids }) {
      const found = await Promise.all(ids.map((id) => profiles.find(client, sent(id))));
      return { known: found.flatMap((one, place) => (one ? [place] : [])) };
    },
    async update({ client, id, settings }) {
      const { outcome } = await profiles.update(client, sent(id), new Map(settings));
      return { outcome };
    },
    async visit({ client, ids, freshTntId, settings, seen, state, facts, isTraced }) {
      const visit = {
        ids,
        freshTntId,
        settings: new Map(settings),
        seen,
        ...(state && { state: new Map(state) }),
        ...(facts && { facts: () => facts }),
        isTraced,
      };
      const { outcome, tntId, scripts } = await profiles.visit(client, visit);
      return { outcome, tntId, node, ...(scripts && { scripts: tracesSent(scripts) }) };
    },
    async remove({ client, id }) {
      return { removed: (await profiles.remove(client, sent(id))).outcome };
    },
    async 'remove-attribute'({ client, id, name }) {
      const { outcome } = await profiles.removeAttribute(client, sent(id), name);
      return { outcome };
    },
    async 'hand-over'({ client, id }) {
      const found = await store.findLinked(client, id, now(), ALL_IDS);
      return found ? { profile: sentProfile(found) } : {};
    },
    async adopt({ client, profile }) {
      await store.adopt(client, profileOf(profile), now());
      return {};
    },
    async release({ client, profile }) {
      return { released: await store.release(client, profileOf(profile), now()) };
    },
    async rows(ask, from) {
      return { outcomes: await rows(ask, from) };
    },
    async merges({ client, ...search }) {
      const { records, ids } = await merges.search(client, search);
      return { records: records.map(sentMerge), ids: [...ids] };
    },
    async unmerge({ client, merge, isPreview }) {
      return unmerged(merges, client, mergeOf(merge), isPreview);
    },
    clients: (theirs) => exchange.take(theirs),
    async suppress({ client, decisions, digests }) {
      await privacy.takeIn(client, decisions);
      return { decisions: digests ? await privacy.unlike(client, digests) : [] };
    },
    async forget({ client, ids }) {
      return { waitingFor: await privacy.forget(client, ids) };
    },
    async state() {
      return { profiles: (await figures()).profiles, node, version };
    },
  };
}

async function unmerged(
  merges: LocalMerges,
  client: string,
  record: MergeRecord,
  isPreview: boolean,
): Promise<EdgeAnswer<'unmerge'>> {
  if (record.undoneAt !== undefined) {
    await merges.noteUndone(client, record, record.undoneAt);
    return { outcome: 'noted' };
  }
  const done = await merges.undo(client, record, isPreview);
  if (done.outcome === 'unmerged') return { outcome: done.outcome, removed: [...done.removed] };
  return done;
}

/** JSON has no read-only lists. */
function tracesSent(scripts: readonly ScriptTrace[]) {
  return scripts.map(({ value, ...trace }) => ({
    ...trace,
    value: typeof value === 'object' ? [...value] : value,
  }));
}

function describeCall(name: EdgeCallName): Route['describe'] {
  const { about, ask, answer } = EDGE_CALLS[name];
  const refused = z.object({ status: z.int(), message: z.string() });
  return {
    tags: ['Between edge clusters'],
    summary: about,
    description: 'Must be sealed with the secret that the clusters share; no other credential is accepted.',
    request: { body: { required: true, content: { 'application/json': { schema: ask } } } },
    responses: {
      200: { description: 'The answer', content: { 'application/json': { schema: answer } } },
      403: { description: 'Not sealed by a peer', content: { 'application/json': { schema: refused } } },
    },
  };
}

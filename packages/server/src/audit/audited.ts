/**
 * Records what administrators do, around every route that changes something (contract section 23).
 *
 * An entry is written after the action and before its reply, so a refused or failed action leaves
 * none. If the entry cannot be written, the action is done nevertheless, and both a header of the
 * reply and the log say so.
 */

import { createHmac, randomBytes } from 'node:crypto';
import { likelyKinds, parseTntId, type VisitorId } from '../domain/visitor-id.ts';
import type { Log } from '../log.ts';
import type { AuditActor, AuditStore } from '../storage/kept/audit-store.ts';
import type { Call } from '../wire/call.ts';
import { isJsonObject } from '../wire/json.ts';
import { kindName, kindOfName } from '../wire/kind-names.ts';
import { lastValue } from '../wire/parameters.ts';
import { Reply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';

export interface AuditedParts {
  readonly audit: AuditStore;
  /** The name of the admin token in entries, see {@link tokenName}. */
  readonly tokenName: string;
  /** The keyed hash that stands for an id of a visitor. */
  readonly referenceOf: (client: string, id: VisitorId) => string;
  readonly log: Log;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** Query parameters that name the target of the action. */
const NAMED_IN_QUERY = ['authorizationScope', 'scope', 'name', 'format'] as const;
/** The members of a reply to a POST that contain the new id. */
const MADE = ['id', 'batchId'] as const;
const MADE_STATUSES = [201, 202];
const MAX_CHARACTERS = 128;
const NAME_CHARACTERS = 8;

/**
 * The name of an admin token in entries: equal for equal tokens, and useless to sign in with.
 *
 * @param key derived from the signing key, so that nobody else can compare guesses with the name
 */
export function tokenName(key: Uint8Array, adminToken: string): string {
  return createHmac('sha256', key).update(adminToken).digest('hex').slice(0, NAME_CHARACTERS);
}

/** The routes; those with which an administrator changes something now record it. */
export function audited(routes: readonly Route[], parts: AuditedParts): Route[] {
  return routes.map((route) => (isAudited(route) ? recording(route, parts) : route));
}

function isAudited({ guard, scope, method, writes, audited }: Route): boolean {
  const isForAdmins = guard === 'admin' || guard === 'adminOrProfileToken';
  return isForAdmins && scope !== 'server' && (audited ?? (writes === true || method !== 'GET'));
}

function recording(route: Route, { audit, tokenName, referenceOf, log, now }: AuditedParts): Route {
  const action = `${route.method} ${route.path}`;
  const names = [...route.path.matchAll(/\{(\w+)\*?\}/g)].map(([, name]) => name!);
  const inPath = names.filter((name) => name !== 'client');
  const handle: Route['handle'] = async (call) => {
    const reply = await route.handle(call);
    // A caller with a profile token is not an administrator.
    if (call.admin === undefined || reply.status >= 400) return reply;
    const by: AuditActor =
      call.admin.kind === 'token'
        ? { kind: 'token', id: tokenName }
        : { kind: 'session', id: call.admin.session.slice(0, NAME_CHARACTERS) };
    const { client } = call;
    const target = { ...targetOf(call, inPath, referenceOf), ...madeBy(reply) };
    try {
      await audit.add(client, { at: now(), by, action, target }, randomBytes(6).toString('hex'));
    } catch (err) {
      log.error({ err, client, action, by }, 'an action of an administrator could not be recorded');
      return new Reply(reply.body, reply.status, {
        ...reply.headers,
        'x-quiver-warning': 'done, but not recorded in the audit',
      });
    }
    return reply;
  };
  return { ...route, handle };
}

/** What the path and the query name; ids of visitors as their keyed hashes. */
function targetOf(
  call: Call,
  inPath: readonly string[],
  referenceOf: AuditedParts['referenceOf'],
): Record<string, string> {
  const target: Record<string, string> = {};
  const nameVisitor = (id: VisitorId) => {
    target.kind = kindName(id.kind);
    target.reference = referenceOf(call.client, id);
  };
  for (const name of inPath) {
    const value = call.param(name);
    const kind = kindOfName(name);
    if (kind !== undefined) nameVisitor(visitorId(kind, value));
    else target[name] = value.slice(0, MAX_CHARACTERS);
  }
  for (const name of NAMED_IN_QUERY) {
    const value = lastValue(call.query, name);
    if (value !== undefined && value !== '') target[name] = value.slice(0, MAX_CHARACTERS);
  }
  const id = lastValue(call.query, 'id');
  const kind = kindOfName(lastValue(call.query, 'kind')) ?? likelyKinds(id ?? '')[0];
  if (id !== undefined && kind !== undefined) nameVisitor(visitorId(kind, id));
  return target;
}

function visitorId(kind: VisitorId['kind'], text: string): VisitorId {
  return kind === 'tntId' ? parseTntId(text).id : { kind, value: text };
}

/** The id of what was created, as the reply names it: a batch, a webhook, a request. */
function madeBy({ body, status }: Reply): Record<string, string> {
  if (!MADE_STATUSES.includes(status) || typeof body !== 'string' || !body.startsWith('{')) return {};
  const json: unknown = JSON.parse(body);
  if (!isJsonObject(json)) return {};
  const made = MADE.flatMap((name) => (typeof json[name] === 'string' ? [[name, json[name]]] : []));
  return Object.fromEntries(made);
}

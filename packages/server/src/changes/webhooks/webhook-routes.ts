/** `/{client}/target/webhooks…` (contract section 19). */

import { randomBytes } from 'node:crypto';
import { CHANGE_TYPES, type ChangeType } from '../../domain/change.ts';
import { QuiverError } from '../../errors.ts';
import type { ChangeFeed } from '../../storage/change-feed.ts';
import {
  type DeadLetter,
  MAX_WEBHOOKS,
  type Webhook,
  type WebhookProgress,
  type WebhookStore,
} from '../../storage/kept/webhook-store.ts';
import { ADMIN_ROUTE, AdminRefusal, ClientParam } from '../../wire/admin-route.ts';
import { readBody } from '../../wire/body.ts';
import type { Call } from '../../wire/call.ts';
import { type JsonObject, readJsonObject } from '../../wire/json.ts';
import { emptyReply, jsonReply, type Reply } from '../../wire/replies.ts';
import type { Route } from '../../wire/route.ts';
import { z } from '../../wire/schema.ts';
import { timeOrNull, timeText } from '../../wire/time-text.ts';
import { webhookUrl } from '../../wire/webhook-url.ts';
import type { SecretOf } from './webhook-secret.ts';
import type { WebhookTarget } from './webhook-target.ts';

export interface WebhookRouteParts {
  readonly webhooks: WebhookStore;
  readonly feed: ChangeFeed;
  readonly target: WebhookTarget;
  readonly secretOf: SecretOf;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

const PATH = '/{client}/target/webhooks';
const MAX_BODY = 16 * 1024;
const LISTED_FAILURES = 100;

const WEBHOOK = {
  id: 'wh_4b7f0c2a9d1e',
  url: 'https://example.com/hooks/quiver',
  types: ['merged' as const, 'removed' as const],
  paused: false,
  createdAt: '2026-08-18T17:53:39.003Z',
  cursor: '9f2c41d07ab3-4711',
  waiting: 0,
  deliveredAt: null,
  failedAt: null,
  error: null,
  missed: false,
};
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw3Kd1Qk0Zb5E=';
export const WebhookReply = z
  .object({
    id: z.string(),
    url: z.string(),
    types: z.array(z.enum(CHANGE_TYPES)).nullable().openapi({ description: 'Null: all.' }),
    paused: z.boolean(),
    createdAt: z.string(),
    cursor: z.string().nullable().openapi({ description: 'Changes up to here are done with.' }),
    waiting: z.int().openapi({ description: 'Changes that will be tried again.' }),
    deliveredAt: z.string().nullable(),
    failedAt: z.string().nullable(),
    error: z.string().nullable().openapi({ description: 'The last error.' }),
    missed: z.boolean().openapi({ description: 'Whether changes expired before they could be sent.' }),
    secret: z.string().optional().openapi({ description: 'Only in the reply that creates it.' }),
  })
  .openapi('Webhook', { example: WEBHOOK });
const WebhookList = z
  .object({ webhooks: z.array(WebhookReply) })
  .openapi({ example: { webhooks: [WEBHOOK] } });
const WANTED = {
  url: z.string(),
  types: z.array(z.enum(CHANGE_TYPES)).optional().openapi({ description: 'All by default.' }),
  paused: z.boolean().optional(),
};
const Wanted = z
  .object(WANTED)
  .openapi({ example: { url: 'https://example.com/hooks/quiver', types: ['merged', 'removed'] } });
const WantedChange = z
  .object(WANTED)
  .partial()
  .openapi({ example: { paused: true } });
const SecretReply = z.object({ secret: z.string() }).openapi({ example: { secret: SECRET } });
const TestReply = z
  .object({ delivered: z.boolean(), status: z.int().nullable(), error: z.string().nullable() })
  .openapi({ example: { delivered: true, status: 204, error: null } });
const Redelivered = z.object({ redelivered: z.int() }).openapi({ example: { redelivered: 3 } });
export const WebhookFailureReply = z.object({
  cursor: z.string(),
  at: z.string(),
  attempts: z.int(),
  error: z.string(),
  message: z.unknown().openapi({ description: 'The body as it was sent.' }),
});

const FailureList = z.object({ failures: z.array(WebhookFailureReply) }).openapi({
  example: {
    failures: [
      {
        cursor: '9f2c41d07ab3-4711',
        at: '2026-08-18T17:53:39.003Z',
        attempts: 9,
        error: 'answered 500',
        message: { type: 'profile.removed' },
      },
    ],
  },
});

export function webhookRoutes(parts: WebhookRouteParts): Route[] {
  return [...allRoutes(parts), ...oneRoutes(parts), ...secretRoutes(parts), ...messageRoutes(parts)];
}

/** The webhook named in a path. */
async function named({ webhooks }: WebhookRouteParts, call: Call): Promise<Webhook> {
  const id = call.param('webhookId');
  return (await webhooks.find(call.client, id)) ?? none(call.client, id);
}

function none(client: string, id: string): never {
  throw new QuiverError('not-found', `No webhook ${id} for client ${client}`);
}

async function viewed({ webhooks }: WebhookRouteParts, client: string, webhook: Webhook, more: object = {}) {
  return { ...viewOf(webhook, await webhooks.progress(client, webhook.id)), ...more };
}

/** Routes that list and create webhooks. */
function allRoutes(parts: WebhookRouteParts): Route[] {
  const { webhooks, feed, secretOf, now } = parts;
  return [
    {
      ...described('GET', PATH, 'The webhooks of a client', WebhookList),
      async handle({ client }) {
        const all = await webhooks.list(client);
        return jsonReply({ webhooks: await Promise.all(all.map((one) => viewed(parts, client, one))) });
      },
    },
    {
      ...described(
        'POST',
        PATH,
        'Create a webhook, which sends changes from now on',
        WebhookReply,
        201,
        Wanted,
      ),
      async handle({ client, request }): Promise<Reply> {
        const sent = readJsonObject(await readBody(request, MAX_BODY));
        const newest = await feed.newest();
        if (newest === undefined)
          throw new QuiverError('not-found', 'This server keeps no change feed (--changes)');
        const webhook: Webhook = {
          id: `wh_${randomBytes(6).toString('hex')}`,
          url: webhookUrl('url', sent.url),
          types: typesOf(sent.types),
          isPaused: pausedOf(sent.paused) ?? false,
          version: 1,
          createdAt: now(),
        };
        if (!(await webhooks.add(client, webhook, newest))) {
          throw new QuiverError('bad-request', `webhooks: a client may have ${MAX_WEBHOOKS}`);
        }
        return jsonReply(await viewed(parts, client, webhook, { secret: secretOf(client, webhook) }), 201);
      },
    },
  ];
}

/** Routes that show, change and remove a webhook. */
function oneRoutes(parts: WebhookRouteParts): Route[] {
  const { webhooks } = parts;
  return [
    {
      ...described('GET', `${PATH}/{webhookId}`, 'A webhook and its progress', WebhookReply),
      handle: async (call) => jsonReply(await viewed(parts, call.client, await named(parts, call))),
    },
    {
      ...described(
        'PATCH',
        `${PATH}/{webhookId}`,
        'Change or pause a webhook',
        WebhookReply,
        200,
        WantedChange,
      ),
      async handle(call) {
        const sent = readJsonObject(await readBody(call.request, MAX_BODY));
        const { id } = await named(parts, call);
        const changes = changesOf(sent);
        const changed = await webhooks.change(call.client, id, (one) => ({ ...one, ...changes }));
        if (!changed) none(call.client, id);
        return jsonReply(await viewed(parts, call.client, changed));
      },
    },
    {
      ...described('DELETE', `${PATH}/{webhookId}`, 'Remove a webhook', undefined, 204),
      async handle(call) {
        await webhooks.remove(call.client, (await named(parts, call)).id);
        return emptyReply();
      },
    },
  ];
}

/** Routes for its secret. */
function secretRoutes(parts: WebhookRouteParts): Route[] {
  const { webhooks, secretOf } = parts;
  return [
    {
      ...described(
        'GET',
        `${PATH}/{webhookId}/secret`,
        'The secret that messages are signed with',
        SecretReply,
      ),
      handle: async (call) => jsonReply({ secret: secretOf(call.client, await named(parts, call)) }),
    },
    {
      ...described(
        'POST',
        `${PATH}/{webhookId}/secret`,
        'Create a new secret, which replaces the current one at once',
        SecretReply,
        201,
      ),
      async handle(call) {
        const { id } = await named(parts, call);
        const changed = await webhooks.change(call.client, id, (one) => ({
          ...one,
          version: one.version + 1,
        }));
        if (!changed) none(call.client, id);
        return jsonReply({ secret: secretOf(call.client, changed) }, 201);
      },
    },
  ];
}

/** Routes for its messages. */
function messageRoutes(parts: WebhookRouteParts): Route[] {
  const { webhooks, target, secretOf, now } = parts;
  return [
    {
      ...described(
        'POST',
        `${PATH}/{webhookId}/test`,
        'Send a message of the type `test` now, and return the result',
        TestReply,
      ),
      async handle(call) {
        const webhook = await named(parts, call);
        const at = now();
        const body = JSON.stringify({
          type: 'test',
          timestamp: timeText(at),
          data: { client: call.client },
        });
        const id = `msg_test_${randomBytes(6).toString('hex')}`;
        const sent = await target.send(webhook.url, secretOf(call.client, webhook), { id, body, at });
        return jsonReply({ delivered: sent.isOk, status: sent.status ?? null, error: sent.error || null });
      },
    },
    {
      ...described(
        'GET',
        `${PATH}/{webhookId}/failures`,
        `The oldest ${LISTED_FAILURES} messages that were given up`,
        FailureList,
      ),
      async handle(call) {
        const letters = await webhooks.deadLetters(
          call.client,
          (await named(parts, call)).id,
          LISTED_FAILURES,
        );
        return jsonReply({ failures: letters.map(failureView) });
      },
    },
    {
      ...described(
        'POST',
        `${PATH}/{webhookId}/failures/redeliver`,
        'Send the messages that were given up again',
        Redelivered,
      ),
      async handle(call) {
        const { id } = await named(parts, call);
        const letters = await webhooks.deadLetters(call.client, id, 1000);
        for (const letter of letters)
          await webhooks.keepDeadLetter(call.client, id, { ...letter, isWanted: true });
        return jsonReply({ redelivered: letters.length });
      },
    },
  ];
}

function described(
  method: Route['method'],
  path: string,
  summary: string,
  schema: z.ZodType | undefined,
  status = 200,
  body?: z.ZodType,
): Omit<Route, 'handle'> {
  const hasId = path.includes('{webhookId}');
  const params = hasId
    ? ClientParam.extend({ webhookId: z.string().openapi({ example: 'wh_4b7f0c2a9d1e' }) })
    : ClientParam;
  return {
    ...ADMIN_ROUTE,
    method,
    path,
    describe: {
      tags: ['Change feed'],
      summary,
      security: [{ bearer: [] }],
      request: { params, ...(body && { body: { content: { 'application/json': { schema: body } } } }) },
      responses: {
        [status]: schema
          ? { description: 'Done', content: { 'application/json': { schema } } }
          : { description: 'Done' },
        ...(body && { 400: AdminRefusal('A bad member; nothing was changed') }),
        401: AdminRefusal('Not the admin'),
        ...((hasId || method === 'POST') && { 404: AdminRefusal('No such webhook, or no feed is kept') }),
      },
    },
  };
}

function changesOf(sent: JsonObject): Partial<Webhook> {
  const isPaused = pausedOf(sent.paused);
  return {
    ...(sent.url !== undefined && { url: webhookUrl('url', sent.url) }),
    ...(sent.types !== undefined && { types: typesOf(sent.types) }),
    ...(isPaused !== undefined && { isPaused }),
  };
}

function typesOf(value: unknown): readonly ChangeType[] | undefined {
  if (value === undefined || value === null) return undefined;
  const isGood = Array.isArray(value) && value.length > 0 && value.every((one) => CHANGE_TYPES.includes(one));
  if (!isGood)
    throw new QuiverError('bad-request', `types: must be a list of some of ${CHANGE_TYPES.join(', ')}`);
  return value as ChangeType[];
}

function pausedOf(value: unknown): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value;
  throw new QuiverError('bad-request', 'paused: must be true or false');
}

function viewOf({ id, url, types, isPaused, createdAt }: Webhook, progress: WebhookProgress | undefined) {
  return {
    id,
    url,
    types: types ?? null,
    paused: isPaused,
    createdAt: timeText(createdAt),
    cursor: progress?.cursor ?? null,
    waiting: Object.keys(progress?.pending ?? {}).length,
    deliveredAt: timeOrNull(progress?.deliveredAt),
    failedAt: timeOrNull(progress?.failedAt),
    error: progress?.error ?? null,
    missed: progress?.hasMissed ?? false,
  };
}

function failureView({ cursor, at, attempts, error, body }: DeadLetter) {
  return { cursor, at: timeText(at), attempts, error, message: JSON.parse(body) as unknown };
}

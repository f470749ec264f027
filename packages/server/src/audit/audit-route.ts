/** What administrators did, over HTTP (contract section 23). */

import { badRequest } from '../errors.ts';
import { AUDIT_KEPT_MS, type AuditStore, isAuditCursor } from '../storage/kept/audit-store.ts';
import { ADMIN_ROUTE, AdminRefusal, ClientParam } from '../wire/admin-route.ts';
import type { Call } from '../wire/call.ts';
import { givenValue, wholeNumber } from '../wire/parameters.ts';
import { jsonReply, type Reply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';
import { z } from '../wire/schema.ts';
import { timeParameter, timeText } from '../wire/time-text.ts';

const PAGE = 100;
const MOST_PAGE = 1000;

/** @param now epoch milliseconds */
export function auditRoute(audit: AuditStore, now: () => number): Route {
  async function show({ client, query }: Call): Promise<Reply> {
    const limit = wholeNumber(givenValue(query, 'limit'), 'limit', 1, MOST_PAGE) ?? PAGE;
    const cursor = givenValue(query, 'cursor');
    if (cursor !== undefined && !isAuditCursor(cursor)) throw badRequest('cursor: must be next of a page');
    const since = Math.max(now() - AUDIT_KEPT_MS, timeParameter(givenValue(query, 'since'), 'since') ?? 0);
    const { entries, next } = await audit.page(client, since, limit, cursor);
    return jsonReply({ entries: entries.map((entry) => ({ ...entry, at: timeText(entry.at) })), next });
  }

  return { ...ADMIN_ROUTE, method: 'GET', path: '/{client}/target/audit', describe: DESCRIBE, handle: show };
}

const Entry = z.object({
  at: z.string(),
  by: z.object({
    kind: z.enum(['token', 'session']),
    id: z.string().openapi({ description: 'The name of the token or session; it gives no access.' }),
  }),
  action: z.string().openapi({ description: 'Method and route.' }),
  target: z.record(z.string(), z.string()).openapi({
    description: 'What it was done to; an id of a visitor as its `kind` and keyed hash (`reference`).',
  }),
});
export const AuditReply = z
  .object({
    entries: z.array(Entry),
    next: z.string().optional().openapi({ description: 'The cursor of the next page; none at the end.' }),
  })
  .openapi('Audit', {
    example: {
      entries: [
        {
          at: '2026-08-18T17:53:39.003Z',
          by: { kind: 'token', id: '3f9a01c2' },
          action: 'DELETE /{client}/target/profiles',
          target: { kind: 'thirdPartyId', reference: 'q3fT0b2Zk1uN8sWxYv7A4g' },
        },
      ],
      next: '998212924380997-5b1e00c2a7d4',
    },
  });

const DESCRIBE: Route['describe'] = {
  tags: ['Access'],
  summary: 'What administrators did, newest first',
  description:
    'Every change that was made with the admin token or in the console, and every export and access file. Never values. Kept for 90 days.',
  security: [{ bearer: [] }],
  request: {
    params: ClientParam,
    query: z.object({
      since: z.string().optional().openapi({ description: 'ISO 8601: entries of that time or later.' }),
      limit: z.string().optional().openapi({ description: '1 to 1,000; 100 by default.', example: '100' }),
      cursor: z.string().optional().openapi({ description: '`next` of the previous page.' }),
    }),
  },
  responses: {
    200: { description: 'A page', content: { 'application/json': { schema: AuditReply } } },
    400: AdminRefusal('A parameter breaks a rule'),
    401: AdminRefusal('Not the admin'),
  },
};

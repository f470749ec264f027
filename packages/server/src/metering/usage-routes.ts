/** The counted usage, for the operator of the server (contract section 10). */

import { QuiverError } from '../errors.ts';
import type { UsageStore } from '../storage/kept/usage-store.ts';
import { ADMIN_ROUTE, AdminRefusal, ClientParam } from '../wire/admin-route.ts';
import type { Call } from '../wire/call.ts';
import { lastValue } from '../wire/parameters.ts';
import { jsonReply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';
import { z } from '../wire/schema.ts';
import { dayOf, PROFILE_API_KINDS } from './usage-meter.ts';

const DAY_MS = 86_400_000;
/** How many days are returned when no range is given. */
const DEFAULT_DAYS = 30;
/** How many days are kept; also the longest range. */
export const KEPT_DAYS = 400;

const Day = z.string().optional();
type ProfileApiKind = (typeof PROFILE_API_KINDS)[number];
const ofEachKind = <Value>(each: (kind: ProfileApiKind) => Value) =>
  Object.fromEntries(PROFILE_API_KINDS.map((kind) => [kind, each(kind)])) as Record<ProfileApiKind, Value>;

export const UsageReply = z
  .object({
    client: z.string(),
    from: z.string(),
    to: z.string(),
    days: z.array(
      z.object({
        day: z.string(),
        mboxCalls: z.int(),
        placeholderIds: z
          .int()
          .openapi({ description: 'Ids such as `undefined` sent with a write, including refused ones.' }),
        profileApiCalls: z.object(ofEachKind(() => z.int())),
      }),
    ),
  })
  .openapi('Usage', {
    example: {
      client: 'demo',
      from: '2026-08-18',
      to: '2026-08-18',
      days: [
        {
          day: '2026-08-18',
          mboxCalls: 4711,
          placeholderIds: 0,
          profileApiCalls: { fetches: 120, updates: 17, batchUploads: 1, batchStatuses: 6, removals: 0 },
        },
      ],
    },
  });

/**
 * The usage of a client per day.
 *
 * @param flush reports what this process has counted to the store; the others report within a
 *   second
 * @param now epoch milliseconds
 */
export function usageRoutes(usage: UsageStore, flush: () => Promise<void>, now: () => number): Route[] {
  return [
    {
      ...ADMIN_ROUTE,
      method: 'GET',
      path: '/{client}/target/usage',
      describe: {
        tags: ['Usage'],
        summary: 'Mbox calls and calls of the profile APIs per day',
        description: `Every day of the range, in UTC; at most ${KEPT_DAYS} days. Calls of the profile APIs never count as mbox calls.`,
        security: [{ bearer: [] }],
        request: {
          params: ClientParam,
          query: z.object({
            from: Day.openapi({
              description: 'The first day; 29 days before the last by default.',
              example: '2026-08-18',
            }),
            to: Day.openapi({ description: 'The last day; today by default.', example: '2026-08-18' }),
          }),
        },
        responses: {
          200: { description: 'The counts', content: { 'application/json': { schema: UsageReply } } },
          400: AdminRefusal('An invalid day, or too many days'),
          401: AdminRefusal('Not the admin'),
        },
      },
      async handle(call) {
        const { from, to } = rangeOf(call, now());
        await flush();
        const days = await usageDays(usage, call.client, from, to);
        return jsonReply({ client: call.client, from, to, days });
      },
    },
  ];
}

type UsageDays = z.infer<typeof UsageReply>['days'];

/** Every day from `from` to `to`, both included, with its counts. */
async function usageDays(usage: UsageStore, client: string, from: string, to: string): Promise<UsageDays> {
  const found = new Map((await usage.read(client, from, to)).map(({ day, counts }) => [day, counts]));
  const days: UsageDays = [];
  for (let at = Date.parse(from); at <= Date.parse(to); at += DAY_MS) {
    const day = dayOf(at);
    const counts = found.get(day) ?? {};
    days.push({
      day,
      mboxCalls: counts.mboxCalls ?? 0,
      placeholderIds: counts.placeholderIds ?? 0,
      profileApiCalls: ofEachKind((kind) => counts[kind] ?? 0),
    });
  }
  return days;
}

/** The last {@link DEFAULT_DAYS} days. @param now epoch milliseconds */
export function recentUsage(usage: UsageStore, client: string, now: number): Promise<UsageDays> {
  return usageDays(usage, client, dayOf(now - (DEFAULT_DAYS - 1) * DAY_MS), dayOf(now));
}

function rangeOf({ query }: Call, now: number): { from: string; to: string } {
  const to = dayIn(lastValue(query, 'to'), 'to') ?? dayOf(now);
  const from = dayIn(lastValue(query, 'from'), 'from') ?? dayOf(Date.parse(to) - (DEFAULT_DAYS - 1) * DAY_MS);
  const days = (Date.parse(to) - Date.parse(from)) / DAY_MS + 1;
  if (days < 1) throw new QuiverError('bad-request', 'from: must not be after to');
  if (days > KEPT_DAYS)
    throw new QuiverError('bad-request', `to: must be at most ${KEPT_DAYS} days after from`);
  return { from, to };
}

function dayIn(text: string | undefined, member: string): string | undefined {
  if (text === undefined || text === '') return undefined;
  const isDay =
    /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(text) &&
    !Number.isNaN(Date.parse(text)) &&
    dayOf(Date.parse(text)) === text;
  if (isDay) return text;
  throw new QuiverError('bad-request', `${member}: must be a day such as 2026-08-18`);
}

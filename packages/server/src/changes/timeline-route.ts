/** `GET /{client}/target/profiles/changes` (contract section 18). */

import { ADMIN_ROUTE, AdminRefusal, ClientParam } from '../wire/admin-route.ts';
import { ONE_ID, oneIdOf } from '../wire/one-id.ts';
import { givenValue, wholeNumber } from '../wire/parameters.ts';
import { jsonReply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';
import { z } from '../wire/schema.ts';
import { timeText } from '../wire/time-text.ts';
import { ChangeView, changeView } from './change-view.ts';
import { ProfileTimeline, type ProfileTimelineParts, TIMELINE_ENDS } from './profile-timeline.ts';

const MAX_LIMIT = 1000;
const DEFAULT_LIMIT = 100;
/** How many changes of all profiles one call reads. */
const READ_PER_CALL = 100_000;

export const TimelineReply = z
  .object({
    changes: z.array(ChangeView.omit({ state: true })),
    next: z
      .string()
      .optional()
      .openapi({ description: '`before` of the next page; absent when the feed has nothing older.' }),
    end: z.enum(TIMELINE_ENDS).openapi({
      description:
        'Why the page ends: it is full (`limit`), the call has read as much of the feed as one call may ' +
        '(`bound`), or it has read the oldest change that is kept (`oldest`).',
    }),
    readTo: z.string().optional().openapi({
      description: 'The time of the oldest change that the call has read, of any profile.',
    }),
  })
  .openapi('Timeline', {
    example: {
      changes: [
        {
          cursor: '9f2c41d07ab3-4711',
          type: 'updated',
          at: '2026-08-18T17:53:39.003Z',
          channel: 'visit',
          profile: { kind: 'thirdPartyId', id: 'crm-4711' },
          attributes: ['country'],
        },
      ],
      next: '9f2c41d07ab3-4000',
      end: 'bound',
      readTo: '2026-08-11T09:20:00.000Z',
    },
  });

const Query = z.object({
  ...ONE_ID,
  before: z.string().optional().openapi({
    description: '`next` of the page before, or the cursor of a change; by default the newest change.',
    example: '9f2c41d07ab3-4712',
  }),
  limit: z
    .string()
    .optional()
    .openapi({ description: `1 to ${MAX_LIMIT}; ${DEFAULT_LIMIT} by default.` }),
});

export function timelineRoute(parts: ProfileTimelineParts): Route {
  const timeline = new ProfileTimeline(parts, READ_PER_CALL);
  return {
    ...ADMIN_ROUTE,
    method: 'GET',
    path: '/{client}/target/profiles/changes',
    describe: {
      tags: ['Change feed'],
      summary: 'The changes of one profile, newest first',
      description:
        'Give one id. Lists the changes that this edge cluster keeps of its profile, also those of profiles ' +
        'that were merged into it. A page can be short, even empty, and have `next`.',
      security: [{ bearer: [] }],
      request: { params: ClientParam, query: Query },
      responses: {
        200: {
          description: 'A page of the timeline',
          content: { 'application/json': { schema: TimelineReply } },
        },
        400: AdminRefusal('No id, more than one, or a bad parameter'),
        401: AdminRefusal('Not the admin'),
        404: AdminRefusal('No feed is kept'),
        410: AdminRefusal('The cursor belongs to another feed'),
      },
    },
    async handle({ client, query }) {
      const limit = wholeNumber(givenValue(query, 'limit'), 'limit', 1, MAX_LIMIT) ?? DEFAULT_LIMIT;
      const before = givenValue(query, 'before');
      const { changes, next, end, readTo } = await timeline.page(client, oneIdOf(query), before, limit);
      return jsonReply({
        ...{ changes: changes.map(changeView), next, end },
        readTo: readTo === undefined ? undefined : timeText(readTo),
      });
    },
  };
}

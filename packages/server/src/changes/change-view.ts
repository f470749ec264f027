/** A change as the API returns it (contract section 18). */

import { CHANGE_CHANNELS, CHANGE_TYPES } from '../domain/change.ts';
import type { VisitorId } from '../domain/visitor-id.ts';
import type { FeedChange } from '../storage/change-feed.ts';
import type { LinkedProfile } from '../storage/profile-store.ts';
import { KIND_NAMES, kindName } from '../wire/kind-names.ts';
import { PROFILE_STATE, profileState } from '../wire/profile-view.ts';
import { z } from '../wire/schema.ts';
import { timeText } from '../wire/time-text.ts';

const IdView = z.object({ kind: z.enum(KIND_NAMES), id: z.string() });
const names = (description: string) => z.array(z.string()).optional().openapi({ description });
const ids = (description: string) => z.array(IdView).optional().openapi({ description });

export const ChangeView = z
  .object({
    cursor: z.string().openapi({ description: 'The cursor after this change.' }),
    type: z.enum(CHANGE_TYPES),
    at: z.string(),
    channel: z.enum(CHANGE_CHANNELS).openapi({ description: 'How the change was made.' }),
    profile: IdView.openapi({ description: 'An id that named the profile right after the change.' }),
    attributes: names('`created`, `updated`: names of attributes that were set or removed.'),
    ids: ids('`linked`: ids that joined. `moved`: ids that left; without it the whole profile left.'),
    from: ids('`merged`: ids of the profile that became part of this one, at most 100.'),
    overruled: names('`merged`: names of attributes of which the other profile’s value was not kept.'),
    state: z.object(PROFILE_STATE).nullable().optional().openapi({
      description:
        'With `include=profile`: the profile as it is when the feed is read; null when the id names none.',
    }),
  })
  .openapi('Change', {
    example: {
      cursor: '9f2c41d07ab3-4711',
      type: 'merged',
      at: '2026-08-18T17:53:39.003Z',
      channel: 'visit',
      profile: { kind: 'thirdPartyId', id: 'crm-4711' },
      from: [{ kind: 'tntId', id: '4c1fd1a0c6b34f2b9d0f3a5e8b7c6d21' }],
      overruled: ['country'],
    },
  });

/** A change as JSON, without the state of the profile. */
export function changeView({ cursor, type, at, channel, id, attributes, ids: others }: FeedChange) {
  return {
    cursor,
    type,
    at: timeText(at),
    channel,
    profile: idView(id),
    ...((type === 'created' || type === 'updated') && { attributes }),
    ...((type === 'linked' || (type === 'moved' && others.length > 0)) && { ids: others.map(idView) }),
    ...(type === 'merged' && { from: others.map(idView), overruled: attributes }),
  };
}

/** The current profile of a change; null when there is none. */
export function stateView(linked: LinkedProfile | undefined) {
  return linked === undefined ? null : profileState(linked);
}

function idView({ kind, value }: VisitorId) {
  return { kind: kindName(kind), id: value };
}

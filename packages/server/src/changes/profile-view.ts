/** A whole profile as the admin routes show it. */

import { listAttributes } from '../domain/attributes.ts';
import { isPlaceholder } from '../domain/placeholder-id.ts';
import type { LinkedProfile } from '../storage/profile-store.ts';
import { KIND_NAMES, kindName } from '../wire/kind-names.ts';
import { z } from '../wire/schema.ts';
import { timeText } from '../wire/time-text.ts';

/** The members that every view of a profile has. */
export const PROFILE_STATE = {
  ids: z
    .array(
      z.object({
        kind: z.enum(KIND_NAMES),
        id: z.string(),
        since: z.string(),
        isPlaceholder: z.boolean().optional(),
      }),
    )
    .openapi({
      description:
        'All that names the profile, oldest first, without location hints, customer ids as `alias:id`. A placeholder such as `undefined` may name many visitors.',
    }),
  modifiedAt: z.string(),
  expiresAt: z.string(),
  attributes: z
    .array(z.object({ name: z.string(), value: z.string(), modifiedAt: z.string() }))
    .openapi({ description: 'Oldest first.' }),
};

export function profileState({ profile, ids }: LinkedProfile) {
  return {
    ids: ids.map((linked) => ({
      kind: kindName(linked.kind),
      id: linked.value,
      since: timeText(linked.since),
      ...(isPlaceholder(linked) && { isPlaceholder: true }),
    })),
    modifiedAt: timeText(profile.modifiedAt),
    expiresAt: timeText(profile.expiresAt),
    attributes: listAttributes(profile.attributes).map(({ name, value, modifiedAt }) => ({
      name,
      value,
      modifiedAt: timeText(modifiedAt),
    })),
  };
}

/** A profile in JSON, as the admin routes, the change feed and exports show it. */

import { listAttributes, type PackedAttributes } from '../domain/attributes.ts';
import { isPlaceholder } from '../domain/placeholder-id.ts';
import type { Profile } from '../domain/profile.ts';
import type { VisitorId } from '../domain/visitor-id.ts';
import { KIND_NAMES, kindName } from './kind-names.ts';
import { z } from './schema.ts';
import { timeText } from './time-text.ts';

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

/** An id, and since when it names its profile, in epoch milliseconds. */
interface SinceId extends VisitorId {
  readonly since: number;
}

export function profileState({
  profile,
  ids,
}: {
  readonly profile: Profile;
  readonly ids: readonly SinceId[];
}) {
  return {
    ids: ids.map((linked) => ({
      ...linkedIdView(linked),
      ...(isPlaceholder(linked) && { isPlaceholder: true }),
    })),
    modifiedAt: timeText(profile.modifiedAt),
    expiresAt: timeText(profile.expiresAt),
    attributes: attributeViews(profile.attributes),
  };
}

/** One id of a profile, and since when it names it. */
export function linkedIdView({ kind, value, since }: SinceId) {
  return { kind: kindName(kind), id: value, since: timeText(since) };
}

/** The attributes of a profile, oldest first. */
export function attributeViews(attributes: PackedAttributes) {
  return listAttributes(attributes).map(({ name, value, modifiedAt }) => ({
    name,
    value,
    modifiedAt: timeText(modifiedAt),
  }));
}

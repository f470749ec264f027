import type { AttributeSettings } from '../../domain/attributes.ts';
import type { ChangeChannel } from '../../domain/change.ts';
import { isExpired, type WriteMoment } from '../../domain/lifetime.ts';
import type { LinkPlan } from '../../domain/linking.ts';
import { newProfile, withAttributes } from '../../domain/profile.ts';
import type { VisitorId } from '../../domain/visitor-id.ts';
import type { StateSettings } from '../../domain/visitor-state.ts';
import { plainChange } from '../changes-of.ts';
import type { UpdateOutcome } from '../profile-store.ts';
import type { LocatedProfile, ProfileTables } from './profile-tables.ts';

/**
 * Sets attributes of one profile within a write transaction; shared by single updates and rows of a
 * batch.
 *
 * @param channel how the change came, for the change feed
 * @param state visitor state that is set as well; none by default
 */
export function updateProfile(
  tables: ProfileTables,
  client: string,
  id: VisitorId,
  settings: AttributeSettings,
  moment: WriteMoment,
  create: boolean,
  channel: ChangeChannel,
  state?: StateSettings,
): UpdateOutcome {
  const found = tables.locate(client, id);
  const living = found && !isExpired(found.profile, moment.now) ? found : undefined;
  if (!living && !create) return 'not-found';
  const located = living ?? bornProfile(tables, client, id, moment);
  const profile = withAttributes(located.profile, settings, moment, state);
  if (profile === 'too-large') return 'too-large';
  if (found && !living) tables.remove(found);
  tables.save({ ...located, profile }, 'settings');
  const { changes } = tables;
  if (changes.isOn) {
    const origin = { channel, at: moment.now, id };
    if (found && !living) changes.add(client, plainChange('expired', { ...origin, channel: 'expiry' }));
    changes.add(client, plainChange(living ? 'updated' : 'created', origin, [...settings.keys()]));
  }
  return living ? 'updated' : 'created';
}

/** A new profile for its first id, not written yet. */
function bornProfile(
  tables: ProfileTables,
  client: string,
  founder: VisitorId,
  moment: WriteMoment,
): LocatedProfile {
  return tables.placeFor(client, founder, newProfile(founder, moment), moment.now);
}

/** The profile that a visit acts on: one of `living`, or a new one. */
export function plannedTarget(
  tables: ProfileTables,
  client: string,
  { target, founder }: LinkPlan<string>,
  living: ReadonlyMap<string, LocatedProfile>,
  moment: WriteMoment,
): LocatedProfile {
  return target === undefined ? bornProfile(tables, client, founder!, moment) : living.get(target)!;
}

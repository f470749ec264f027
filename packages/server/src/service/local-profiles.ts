/** The profiles of this edge cluster. */

import { attributesJson } from '../domain/attributes.ts';
import type { ClientRules } from '../domain/client-rules.ts';
import { withCustomerAttributes } from '../domain/customer-attributes.ts';
import type { WriteMoment, WriteRules } from '../domain/lifetime.ts';
import { idProblem, type SentId, type VisitorId, visitorIdOf } from '../domain/visitor-id.ts';
import { type NowOrLater, whenKnown } from '../now-or-later.ts';
import type { FoundProfile, ProfileStore } from '../storage/profile-store.ts';
import type { Done, ProfileService } from './profile-service.ts';

export interface LocalProfilesOptions {
  readonly store: ProfileStore;
  /** The rules by which each client's profiles are written and shown. */
  readonly rulesOf: (
    client: string,
  ) => NowOrLater<WriteRules & Partial<Pick<ClientRules, 'customerAttributesInFetch'>>>;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/**
 * Serves the profiles of a store: removes location hints from ids, and adds the time and each
 * client's lifetime.
 */
export function localProfiles({ store, rulesOf, now }: LocalProfilesOptions): ProfileService {
  const momentOf = ({ lifetimeDays, whenTooLarge = 'refuse' }: WriteRules): WriteMoment => {
    return { now: now(), lifetimeDays, whenTooLarge };
  };
  /** Performs a write at the moment when the rules are known. */
  const written = <Outcome>(client: string, write: (moment: WriteMoment) => Promise<Outcome>) =>
    whenKnown(rulesOf(client), (rules) => write(momentOf(rules)));
  const isMalformed = ({ kind, text }: SentId) => idProblem(kind, text) !== undefined;
  return {
    find(client, sent) {
      if (isMalformed(sent)) return undefined;
      const id = visitorIdOf(sent);
      return whenKnown(rulesOf(client), ({ customerAttributesInFetch }) =>
        customerAttributesInFetch ? fullProfile(store, client, id, now()) : store.find(client, id, now()),
      );
    },
    findLinked: (client, sent, limit) => store.findLinked(client, visitorIdOf(sent), now(), limit),
    update(client, sent, settings, through) {
      return written(client, (moment) =>
        store
          .update(client, visitorIdOf(sent), settings, through ? { ...moment, through } : moment, false)
          .then(done),
      );
    },
    visit: (client, visit) => written(client, (moment) => store.visit(client, visit, moment)),
    async remove(client, sent) {
      return done(!isMalformed(sent) && (await store.remove(client, visitorIdOf(sent), now())));
    },
    async removeAttribute(client, sent, name) {
      if (isMalformed(sent)) return { outcome: 'no-profile' };
      return written(client, (moment) =>
        store.removeAttribute(client, visitorIdOf(sent), name, moment).then(done),
      );
    },
  };
}

/** A profile as a fetch shows it, with customer attributes. */
async function fullProfile(
  store: ProfileStore,
  client: string,
  id: VisitorId,
  now: number,
): Promise<FoundProfile | undefined> {
  const found = await store.findLinked(client, id, now, 1);
  if (!found) return undefined;
  const { modifiedAt, expiresAt, attributes } = found.profile;
  const shown = withCustomerAttributes(attributes);
  return { modifiedAt, expiresAt, attributes: attributesJson(shown, 0, shown.length) };
}

function done<Outcome>(outcome: Outcome): Done<Outcome> {
  return { outcome };
}

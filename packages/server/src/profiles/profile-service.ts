/**
 * The profiles as the routes ask for them: an id as it was sent, and a client.
 *
 * What is made here are the profiles of this edge cluster: it takes location hints off, knows the time and each client's lifetime. Where there are other
 * clusters, `edges/located-profiles.ts` stands before it, looks at the hint and goes to where the profile lives.
 */

import type { AttributeSettings } from '../domain/attributes.ts';
import type { WriteMoment, WriteRules } from '../domain/lifetime.ts';
import { type IdKind, idProblem, parseTntId, type VisitorId } from '../domain/visitor-id.ts';
import { type NowOrLater, whenKnown } from '../now-or-later.ts';
import type {
  FoundProfile,
  ProfileStore,
  UpdateOutcome,
  Visit,
  VisitOutcome,
} from '../storage/profile-store.ts';

/** An id as a request wrote it, a tntId with its location hint. */
export interface SentId {
  readonly kind: IdKind;
  readonly text: string;
}

export interface ProfileServiceOptions {
  readonly store: ProfileStore;
  readonly rulesOf: (client: string) => NowOrLater<WriteRules>;
  /** Epoch milliseconds; the system's clock by default. */
  readonly now?: () => number;
}

/** What came of a request, and the edge cluster whose profile it was when that is another than this one. */
export interface Done<Outcome> {
  readonly outcome: Outcome;
  readonly cluster?: number;
}

/** A profile as a fetch sends it, and the edge cluster that has it when that is another than this one. */
export type LocatedProfile = FoundProfile & { readonly cluster?: number };

/** What came of a visit; `cluster` and `node` name where the profile lives when that is not here. */
export type LocatedVisit = VisitOutcome & { readonly cluster?: number; readonly node?: number };

/** Every method throws what the store throws; see `storage/profile-store.ts`. */
export interface ProfileService {
  /** The profile that an id names; undefined when the id is malformed, unknown, or its profile has expired. Changes nothing. */
  find(client: string, id: SentId): NowOrLater<LocatedProfile | undefined>;
  /** Sets attributes of a profile that is there; see {@link ProfileStore.update}. The id must be well formed. */
  update(client: string, id: SentId, settings: AttributeSettings): Promise<Done<UpdateOutcome>>;
  /** Takes in a visitor; see {@link ProfileStore.visit}. */
  visit(client: string, visit: Visit): Promise<LocatedVisit>;
  /** Removes a profile; false when there is none. */
  remove(client: string, id: SentId): Promise<Done<boolean>>;
  /** Removes one attribute of a profile. */
  removeAttribute(
    client: string,
    id: SentId,
    name: string,
  ): Promise<Done<'removed' | 'no-profile' | 'no-attribute'>>;
}

export function makeProfileService(options: ProfileServiceOptions): ProfileService {
  const { store, rulesOf, now = Date.now } = options;
  const momentOf = ({ lifetimeDays, whenTooLarge = 'refuse' }: WriteRules): WriteMoment => {
    return { now: now(), lifetimeDays, whenTooLarge };
  };
  /** Writes at the moment at which the rules are known: as a rule they are, which saves a promise for each write. */
  const written = <Outcome>(client: string, write: (moment: WriteMoment) => Promise<Outcome>) => {
    return whenKnown(rulesOf(client), (rules) => write(momentOf(rules)));
  };
  return {
    find(client, sent) {
      return idProblem(sent.kind, sent.text) === undefined
        ? store.find(client, visitorIdOf(sent), now())
        : undefined;
    },
    update(client, sent, settings) {
      return written(client, (moment) =>
        store.update(client, visitorIdOf(sent), settings, moment, false).then(done),
      );
    },
    visit: (client, visit) => written(client, (moment) => store.visit(client, visit, moment)),
    async remove(client, sent) {
      if (idProblem(sent.kind, sent.text) !== undefined) return { outcome: false };
      return { outcome: await store.remove(client, visitorIdOf(sent), now()) };
    },
    async removeAttribute(client, sent, name) {
      if (idProblem(sent.kind, sent.text) !== undefined) return { outcome: 'no-profile' };
      return written(client, (moment) =>
        store.removeAttribute(client, visitorIdOf(sent), name, moment).then(done),
      );
    },
  };
}

function done<Outcome>(outcome: Outcome): Done<Outcome> {
  return { outcome };
}

/** The identity that a sent id stands for: a tntId's location hint is never part of it. */
export function visitorIdOf({ kind, text }: SentId): VisitorId {
  return kind === 'tntId' ? parseTntId(text).id : { kind, value: text };
}

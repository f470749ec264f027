/**
 * The storage contract, in the words of the domain.
 *
 * Kept out: keys, transactions, engines. Whoever holds a store may not learn which engine answers.
 * What every method promises:
 *
 * - It returns only when what it did is durable and every process that opens the same store reads
 *   it.
 * - It is atomic: a reader sees the profile (or both profiles of a merge) as before or as after,
 *   never between.
 * - It throws a `QuiverError` with code `not-done` (nothing changed), `unknown` (cannot tell;
 *   sending it again is safe), `insufficient-storage` (nothing changed), or `unavailable` (a read
 *   that could not be made). Never a guess.
 * - A profile past its expiry is gone, whether or not its space has been freed.
 *
 * One conformance suite, `profile-store-conformance.ts`, holds every engine to this.
 */

import type { AttributeSettings, PackedAttributes } from '../domain/attributes.ts';
import type { WriteMoment } from '../domain/lifetime.ts';
import type { Profile, VisitSettings } from '../domain/profile.ts';
import type { LimitOutcome } from '../domain/profile-limits.ts';
import type { RequestFacts, ScriptValue } from '../domain/script-input.ts';
import type { VisitorId } from '../domain/visitor-id.ts';

/** What came of the removal of an attribute. */
export type RemovalOutcome = 'removed' | 'no-profile' | 'no-attribute';

/** The outcome of an update or a removal. */
export type UpdateOutcome = 'updated' | 'created' | 'not-found' | 'too-large';

/** A visit: the ids of one visitor request, and what it sets. */
export interface Visit extends VisitSettings {
  /**
   * The ids sent, in any order, at most one of a kind; never empty (a visitor without one is sent
   * with `freshTntId` as its id).
   */
  readonly ids: readonly VisitorId[];
  /** Joins the profile when it has no tntId at all. */
  readonly freshTntId: VisitorId;
  /** The location hint that the tntId came with; of no meaning to a store. */
  readonly hint?: string | undefined;
  /** What else the request says; made when somebody asks. Of no meaning to a store. */
  readonly facts?: (() => RequestFacts) | undefined;
  /** Whether the outcome is to say what each script did. */
  readonly isTraced?: boolean | undefined;
}

export interface VisitOutcome {
  /** `too-large`: the settings would pass 64 KB. As with the limits of linking, nothing at all was changed then, no link either. `suppressed`: an id of it must
   * not be stored; no engine says so, but what stands before it (`privacy/suppressing-store.ts`).
   */
  readonly outcome: 'visited' | 'too-large' | LimitOutcome | 'suppressed';
  /**
   * The tntId of the request, else the oldest of the profile; without a hint. Empty when nothing
   * was changed.
   */
  readonly tntId: string;
  /** What scripts did, of a visit that is traced. */
  readonly scripts?: readonly ScriptTrace[] | undefined;
}

/** One run of a profile script, as a trace shows it (contract section 16). */
export interface ScriptTrace {
  readonly name: string;
  /** The mbox that it ran for; undefined when it had to be stopped. */
  readonly mbox?: string | undefined;
  /** Whether a value was stored: of what is prefetched none is. */
  readonly stored: boolean;
  readonly value?: ScriptValue | undefined;
  readonly error?: string | undefined;
  readonly milliseconds?: number | undefined;
  readonly instructions?: number | undefined;
}

/** What a visit acts on: the profile once its ids are linked, before anything is set. */
export interface VisitBasis {
  /** Those of a profile that is to be made are none. */
  readonly attributes: PackedAttributes;
  /** As in {@link VisitOutcome}. */
  readonly tntId: string;
}

/** One id of a profile, and since when it names it. */
export interface LinkedId extends VisitorId {
  /** Epoch milliseconds; a merge keeps it. */
  readonly since: number;
}

/** One profile with all that names it. */
export interface LinkedProfile {
  readonly profile: Profile;
  /** Oldest first, cut at `limit` of the call. */
  readonly ids: readonly LinkedId[];
}

/** A profile as a fetch sends it. */
export interface FoundProfile {
  /** Epoch milliseconds. */
  readonly modifiedAt: number;
  readonly expiresAt: number;
  /** The attributes as JSON, as it goes out. */
  readonly attributes: string;
}

export interface ProfileStore {
  /**
   * Finds the profile that an id names; undefined when there is none or it has expired. Changes
   * nothing.
   *
   * This is the hot path: an engine that need not wait answers at once, and then throws at once.
   */
  find(
    client: string,
    id: VisitorId,
    now: number,
  ): FoundProfile | undefined | Promise<FoundProfile | undefined>;

  /**
   * Finds the profile and the ids that name it, at most `limit` of them. For people; the hot path
   * is {@link find}.
   */
  findLinked(client: string, id: VisitorId, now: number, limit: number): Promise<LinkedProfile | undefined>;

  /**
   * Sets attributes of the profile that `id` names, and starts its lifetime anew.
   *
   * @param create whether to make the profile when there is none; without it the outcome is
   *   `not-found`
   */
  update(
    client: string,
    id: VisitorId,
    settings: AttributeSettings,
    moment: WriteMoment,
    create: boolean,
  ): Promise<UpdateOutcome>;

  /**
   * Takes in a visitor: finds or makes the profile, links and merges by the rules of
   * `domain/linking.ts`, sets attributes, notes the session and the categories by those of
   * `domain/visit-notes.ts`, starts the lifetime anew; all in one step.
   */
  visit(client: string, visit: Visit, moment: WriteMoment): Promise<VisitOutcome>;

  /** What a visit would act on. Changes nothing; an engine that need not wait answers at once. */
  lookAhead(client: string, visit: Visit, moment: WriteMoment): VisitBasis | Promise<VisitBasis>;

  /**
   * As {@link visit}, for one that was made from what {@link lookAhead} gave: so nothing that came
   * between is lost.
   *
   * @returns undefined when the attributes are others by now; nothing was changed then
   */
  visitFrom(
    basis: VisitBasis,
    client: string,
    visit: Visit,
    moment: WriteMoment,
  ): Promise<VisitOutcome | undefined>;

  /** Removes the profile and every id that names it; false when there was none. */
  remove(client: string, id: VisitorId, now: number): Promise<boolean>;

  /** Removes one attribute; which of the two was not there is told apart. */
  removeAttribute(client: string, id: VisitorId, name: string, moment: WriteMoment): Promise<RemovalOutcome>;

  /**
   * Takes in a profile that lived in another edge cluster, by the rules of `domain/adoption.ts`.
   * Adopted twice it is as adopted once.
   *
   * @param now one that has expired by then is not taken in
   */
  adopt(client: string, adopted: LinkedProfile, now: number): Promise<void>;

  /**
   * Removes a profile that another edge cluster has adopted, if it is still as it was handed over.
   *
   * @returns false when it has changed meanwhile: it is still here then, and is to be handed over
   *   again
   */
  release(client: string, handedOver: LinkedProfile, now: number): Promise<boolean>;
}

/** Whether two looks at a profile saw the very same: for {@link ProfileStore.release}. */
export function isUnchanged(one: LinkedProfile, other: LinkedProfile): boolean {
  const a = one.profile;
  const b = other.profile;
  return (
    a.thirdPartyId === b.thirdPartyId &&
    a.modifiedAt === b.modifiedAt &&
    a.expiresAt === b.expiresAt &&
    a.attributes.equals(b.attributes) &&
    one.ids.length === other.ids.length &&
    one.ids.every((id) => other.ids.some((its) => its.kind === id.kind && its.value === id.value))
  );
}

/**
 * The storage contract for profiles, in domain terms.
 *
 * Keys, transactions and engines do not appear in it, and callers cannot tell which engine answers.
 * Every method promises:
 *
 * - It returns only when its effect is durable and every process that opens the same store reads
 *   it.
 * - It is atomic: a reader sees the profile (or both profiles of a merge) either before or after
 *   it.
 * - It throws a `QuiverError` with the code `not-done` (nothing changed), `unknown` (it may have
 *   been done; repeating it is safe), `insufficient-storage` (nothing changed), or `unavailable` (a
 *   read that failed). It never guesses.
 * - A profile past its expiry does not exist, even if its space has not been freed yet.
 *
 * The conformance suite `profile-store-conformance.ts` tests every engine against this.
 */

import type { AttributeSettings, PackedAttributes } from '../domain/attributes.ts';
import type { WriteMoment } from '../domain/lifetime.ts';
import type { Profile, VisitSettings } from '../domain/profile.ts';
import type { LimitOutcome } from '../domain/profile-limits.ts';
import type { RequestFacts, ScriptValue } from '../domain/script-input.ts';
import type { VisitorId } from '../domain/visitor-id.ts';

/** The outcome of removing an attribute. */
export type RemovalOutcome = 'removed' | 'no-profile' | 'no-attribute';

/** The outcome of an update or a removal. */
export type UpdateOutcome = 'updated' | 'created' | 'not-found' | 'too-large';

/** A visit: the ids in one visitor's request, and what it sets. */
export interface Visit extends VisitSettings {
  /**
   * The ids sent, in any order, at most one of each kind. Never empty: for a visitor without an id
   * it contains `freshTntId`.
   */
  readonly ids: readonly VisitorId[];
  /** Joins the profile if the profile has no tntId. */
  readonly freshTntId: VisitorId;
  /** The location hint of the tntId; stores ignore it. */
  readonly hint?: string | undefined;
  /** Other facts about the request, determined only when needed; stores ignore it. */
  readonly facts?: (() => RequestFacts) | undefined;
  /** Whether the outcome should describe what each script did. */
  readonly isTraced?: boolean | undefined;
}

export interface VisitOutcome {
  /**
   * `too-large`: the settings would exceed 64 KB. As with the limits of linking, nothing was
   * changed then, not even a link. `suppressed`: one of the ids must not be stored. Engines never
   * return this; the layer in front of them does (`privacy/suppressing-store.ts`).
   */
  readonly outcome: 'visited' | 'too-large' | LimitOutcome | 'suppressed';
  /**
   * The tntId of the request, otherwise the oldest of the profile; without a hint. Empty when
   * nothing was changed.
   */
  readonly tntId: string;
  /** What scripts did, for a traced visit. */
  readonly scripts?: readonly ScriptTrace[] | undefined;
}

/** One run of a profile script, as shown in a trace (contract section 16). */
export interface ScriptTrace {
  readonly name: string;
  /** The mbox for which it ran; undefined if it had to be stopped. */
  readonly mbox?: string | undefined;
  /** Whether a value was stored. Prefetch requests store none. */
  readonly stored: boolean;
  readonly value?: ScriptValue | undefined;
  readonly error?: string | undefined;
  readonly milliseconds?: number | undefined;
  readonly instructions?: number | undefined;
}

/** The basis of a visit: the profile after its ids are linked and before anything is set. */
export interface VisitBasis {
  /** Empty for a profile that does not exist yet. */
  readonly attributes: PackedAttributes;
  /** As in {@link VisitOutcome}. */
  readonly tntId: string;
}

/** One id of a profile, and the time since which it names the profile. */
export interface LinkedId extends VisitorId {
  /** Epoch milliseconds. A merge does not change it. */
  readonly since: number;
}

/** A profile with the ids that name it. */
export interface LinkedProfile {
  readonly profile: Profile;
  /** Oldest first, at most `limit` of the call. */
  readonly ids: readonly LinkedId[];
}

/** A profile as a fetch returns it. */
export interface FoundProfile {
  /** Epoch milliseconds. */
  readonly modifiedAt: number;
  readonly expiresAt: number;
  /** The attributes as JSON, ready to be sent. */
  readonly attributes: string;
}

export interface ProfileStore {
  /**
   * Finds the profile that an id names; undefined when there is none or it has expired. Changes
   * nothing.
   *
   * This is the hot path: an engine that does not need to wait returns, and throws, synchronously.
   */
  find(
    client: string,
    id: VisitorId,
    now: number,
  ): FoundProfile | undefined | Promise<FoundProfile | undefined>;

  /**
   * Finds the profile with at most `limit` of its ids. For people; the hot path is {@link find}.
   */
  findLinked(client: string, id: VisitorId, now: number, limit: number): Promise<LinkedProfile | undefined>;

  /**
   * Sets attributes of the profile that `id` names, and restarts its lifetime.
   *
   * @param create whether to create the profile if it does not exist; otherwise the outcome is then
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
   * Records a visit: finds or creates the profile, links and merges by the rules in
   * `domain/linking.ts`, sets attributes, records the session and the categories by the rules in
   * `domain/visit-notes.ts`, and restarts the lifetime; all in one transaction.
   */
  visit(client: string, visit: Visit, moment: WriteMoment): Promise<VisitOutcome>;

  /**
   * The basis that a visit would have. Changes nothing. An engine that does not need to wait
   * returns synchronously.
   */
  lookAhead(client: string, visit: Visit, moment: WriteMoment): VisitBasis | Promise<VisitBasis>;

  /**
   * As {@link visit}, for a visit that was computed from the result of {@link lookAhead}. It has no
   * effect if the attributes have changed since, so no other write is lost.
   *
   * @returns undefined when the attributes have changed; nothing was changed then
   */
  visitFrom(
    basis: VisitBasis,
    client: string,
    visit: Visit,
    moment: WriteMoment,
  ): Promise<VisitOutcome | undefined>;

  /** Removes the profile and all its ids. False when there was no profile. */
  remove(client: string, id: VisitorId, now: number): Promise<boolean>;

  /** Removes one attribute. The outcome says whether the profile or the attribute was missing. */
  removeAttribute(client: string, id: VisitorId, name: string, moment: WriteMoment): Promise<RemovalOutcome>;

  /**
   * Takes over a profile from another edge cluster, by the rules in `domain/adoption.ts`. Doing it
   * twice has the same effect as doing it once.
   *
   * @param now a profile that has expired by then is not taken over
   */
  adopt(client: string, adopted: LinkedProfile, now: number): Promise<void>;

  /**
   * Removes a profile that another edge cluster has taken over, if it has not changed since it was
   * handed over.
   *
   * @returns false when it has changed in the meantime: then it still exists here and must be
   *   handed over again
   */
  release(client: string, handedOver: LinkedProfile, now: number): Promise<boolean>;
}

/** Whether two reads returned the same profile, for {@link ProfileStore.release}. */
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

/**
 * The profile operations that every feature uses; they take a client and an id as it was sent.
 *
 * `local-profiles.ts` serves the profiles of this edge cluster. When there are other clusters,
 * `edges/located-profiles.ts` wraps it and calls the cluster where the profile lives.
 */

import type { AttributeSettings } from '../domain/attributes.ts';
import type { ChangeChannel } from '../domain/change.ts';
import type { SentId } from '../domain/visitor-id.ts';
import type { NowOrLater } from '../now-or-later.ts';
import type {
  FoundProfile,
  LinkedProfile,
  RemovalOutcome,
  UpdateOutcome,
  Visit,
  VisitOutcome,
} from '../storage/profile-store.ts';

/** Where something was found or done; `cluster` is absent when it is this one. */
export interface Elsewhere {
  readonly cluster?: number;
}

/** The outcome of a write. */
export interface Done<Outcome> extends Elsewhere {
  readonly outcome: Outcome;
}

/** A profile, as a fetch returns it. */
export type FetchedProfile = FoundProfile & Elsewhere;

/**
 * The outcome of a visit; `node` names the node that handled it when that was in another cluster.
 */
export type TakenVisit = VisitOutcome & Elsewhere & { readonly node?: number };

/** Every method throws what the store throws; see `storage/profile-store.ts`. */
export interface ProfileService {
  /**
   * Finds the profile that an id names; undefined when the id is malformed or unknown, or its
   * profile has expired. Changes nothing.
   */
  find(client: string, id: SentId): NowOrLater<FetchedProfile | undefined>;
  /**
   * As {@link find}, with at most `limit` of the ids that name the profile. The id must be well
   * formed.
   */
  findLinked(client: string, id: SentId, limit: number): Promise<LinkedProfile | undefined>;
  /**
   * Sets attributes of an existing profile; see {@link ProfileStore.update}. The id must be well
   * formed.
   *
   * @param through how the change arrived, for the change feed; `update` by default
   */
  update(
    client: string,
    id: SentId,
    settings: AttributeSettings,
    through?: ChangeChannel,
  ): Promise<Done<UpdateOutcome>>;
  /** Records a visit; see {@link ProfileStore.visit}. */
  visit(client: string, visit: Visit): Promise<TakenVisit>;
  /** Removes a profile; false when there is none. */
  remove(client: string, id: SentId): Promise<Done<boolean>>;
  /** Removes one attribute of a profile. */
  removeAttribute(client: string, id: SentId, name: string): Promise<Done<RemovalOutcome>>;
}

/**
 * The profiles of one edge cluster, as the routes ask for them: an id as it was sent, and a client.
 *
 * It takes location hints off, knows the time and each client's lifetime. Where a profile lives is asked here and nowhere else:
 * once there are other edge clusters, this is what looks at the hint and goes there.
 */

import type { AttributeSettings } from '../domain/attributes.ts';
import type { WriteMoment } from '../domain/lifetime.ts';
import { type IdKind, idProblem, parseTntId, type VisitorId } from '../domain/visitor-id.ts';
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
  /** How long a client's profiles live after a write, in days. */
  readonly lifetimeDays: (client: string) => number | Promise<number>;
  /** Epoch milliseconds; the system's clock by default. */
  readonly now?: () => number;
}

/** Every method throws what the store throws; see `storage/profile-store.ts`. */
export interface ProfileService {
  /** The profile that an id names; undefined when the id is malformed, unknown, or its profile has expired. Changes nothing. */
  find(client: string, id: SentId): FoundProfile | undefined | Promise<FoundProfile | undefined>;
  /** Sets attributes of a profile that is there; see {@link ProfileStore.update}. The id must be well formed. */
  update(client: string, id: SentId, settings: AttributeSettings): Promise<UpdateOutcome>;
  /** Takes in a visitor; see {@link ProfileStore.visit}. */
  visit(client: string, visit: Visit): Promise<VisitOutcome>;
  /** Removes a profile; false when there is none. */
  remove(client: string, id: SentId): Promise<boolean>;
  /** Removes one attribute of a profile. */
  removeAttribute(
    client: string,
    id: SentId,
    name: string,
  ): Promise<'removed' | 'no-profile' | 'no-attribute'>;
}

export function makeProfileService(options: ProfileServiceOptions): ProfileService {
  const { store, lifetimeDays, now = Date.now } = options;
  const moment = async (client: string): Promise<WriteMoment> => {
    const days = await lifetimeDays(client);
    return { now: now(), lifetimeDays: days };
  };
  return {
    find(client, sent) {
      return idProblem(sent.kind, sent.text) === undefined
        ? store.find(client, visitorIdOf(sent), now())
        : undefined;
    },
    async update(client, sent, settings) {
      return store.update(client, visitorIdOf(sent), settings, await moment(client), false);
    },
    async visit(client, visit) {
      return store.visit(client, visit, await moment(client));
    },
    async remove(client, sent) {
      return idProblem(sent.kind, sent.text) === undefined && store.remove(client, visitorIdOf(sent), now());
    },
    async removeAttribute(client, sent, name) {
      if (idProblem(sent.kind, sent.text) !== undefined) return 'no-profile';
      return store.removeAttribute(client, visitorIdOf(sent), name, await moment(client));
    },
  };
}

/** The identity that a sent id stands for: a tntId's location hint is never part of it. */
export function visitorIdOf({ kind, text }: SentId): VisitorId {
  return kind === 'tntId' ? parseTntId(text).id : { kind, value: text };
}

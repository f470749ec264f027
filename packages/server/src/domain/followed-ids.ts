/**
 * Follows one profile back through changes, newest first: which changes are its own depends on
 * which ids it had at that time.
 *
 *   before a change        the profile has
 *   merged, from others    also the ids of the other profile, whose changes belong to its history
 *   moved, ids left it     also these ids
 *   linked, ids joined     no longer these ids: they were unknown, or of another profile. If they
 *                          had left this one by the same write, it is the other profile's change
 *
 * A change that names one of the ids as another profile's is shown too, because it tells where the
 * id came from.
 */

import type { Change } from './change.ts';
import type { VisitorId } from './visitor-id.ts';

/** How the ids of an earlier time differ from those of today. */
export interface IdDifference {
  /** Ids that it had then and does not have now. */
  readonly also: readonly VisitorId[];
  /** Ids that it has now and did not have then. */
  readonly without: readonly VisitorId[];
  /** Ids that left for another profile, whose `linked` has not been seen yet. */
  readonly left: readonly VisitorId[];
}

export class FollowedIds {
  readonly #now: ReadonlySet<string>;
  readonly #also = new Map<string, VisitorId>();
  readonly #without = new Map<string, VisitorId>();
  readonly #left = new Map<string, VisitorId>();

  /**
   * @param ids the ids that the profile has now
   * @param difference {@link difference} of an earlier call, to go on there
   */
  constructor(ids: readonly VisitorId[], difference: IdDifference = { also: [], without: [], left: [] }) {
    this.#now = new Set(ids.map(keyOf));
    for (const id of difference.also) this.#also.set(keyOf(id), id);
    for (const id of difference.without) this.#without.set(keyOf(id), id);
    for (const id of difference.left) this.#left.set(keyOf(id), id);
  }

  /** Whether the next earlier change belongs to the profile. */
  takes({ type, id, ids }: Change): boolean {
    const isOwn = this.#has(id);
    if (!isOwn && !ids.some((one) => this.#has(one))) return false;
    if (type === 'linked') {
      const isOfNext = ids.filter((one) => this.#left.delete(keyOf(one))).length > 0;
      if (isOfNext && !isOwn) return false;
      for (const one of ids) this.#drop(one);
      this.#add(id);
    } else if (type === 'merged' || isOwn) {
      for (const one of [id, ...ids]) this.#add(one);
      if (type === 'moved') for (const one of ids) this.#left.set(keyOf(one), one);
    }
    return true;
  }

  /** How the ids differ from those of today, after the changes so far. */
  get difference(): IdDifference {
    const [also, without, left] = [this.#also, this.#without, this.#left].map((ids) => [...ids.values()]);
    return { also: also!, without: without!, left: left! };
  }

  #has(id: VisitorId): boolean {
    const key = keyOf(id);
    return this.#also.has(key) || (this.#now.has(key) && !this.#without.has(key));
  }

  #add(id: VisitorId): void {
    const key = keyOf(id);
    this.#without.delete(key);
    if (!this.#now.has(key)) this.#also.set(key, id);
  }

  #drop(id: VisitorId): void {
    const key = keyOf(id);
    this.#also.delete(key);
    if (this.#now.has(key)) this.#without.set(key, id);
  }
}

function keyOf({ kind, value }: VisitorId): string {
  return `${kind} ${value}`;
}

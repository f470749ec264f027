/** The effect of linking on the profiles and cells involved. */

import type { WriteMoment } from '../../domain/lifetime.ts';
import { type LinkStep, strongestFirst } from '../../domain/linking.ts';
import { merged, withId, withoutId } from '../../domain/profile.ts';
import { sameId, type VisitorId } from '../../domain/visitor-id.ts';
import type { LinkingChanges } from '../changes-of.ts';
import type { LinkedId } from '../profile-store.ts';
import type { Cell, CellChange, Repoint } from './cells.ts';
import { idField } from './id-field.ts';
import { type ProfileDraft, sortedLinks } from './profile-draft.ts';

/** Applies the steps of a visit's plan to the profiles and cells involved. */
export class CellLinking {
  readonly #target: ProfileDraft;
  readonly #drafts: ReadonlyMap<string, ProfileDraft>;
  readonly #moment: WriteMoment;
  /** Ids whose cells become pointers to the target. */
  readonly #pointing: VisitorId[] = [];
  readonly #absorbed: ProfileDraft[] = [];
  readonly #left = new Set<ProfileDraft>();
  readonly #taken: { readonly id: VisitorId; readonly from: VisitorId }[] = [];

  constructor(target: ProfileDraft, drafts: ReadonlyMap<string, ProfileDraft>, moment: WriteMoment) {
    this.#target = target;
    this.#drafts = drafts;
    this.#moment = moment;
  }

  /** @param since when a joining id began to name the profile */
  take(step: LinkStep<string>, since: number): void {
    const target = this.#target;
    if (step.kind === 'merge') {
      const from = this.#drafts.get(step.from)!;
      target.profile = merged(target.profile, from.profile, this.#moment);
      for (const { id, since } of from.links.values()) {
        target.link(id, since);
        target.takeMarks(from, id);
      }
      this.#absorbed.push(from);
      return;
    }
    const { id } = step;
    if (step.kind === 'repoint') this.#leave(this.#drafts.get(step.from)!, id);
    target.profile = withId(target.profile, id, this.#moment);
    target.link(id, since);
    this.#pointing.push(id);
  }

  /**
   * The target takes ids from a profile, as they were before a merge.
   *
   * @param ids the first is the home of the target
   */
  separate(from: ProfileDraft, ids: readonly LinkedId[]): void {
    for (const { since, ...id } of ids) {
      this.#leave(from, id);
      this.#target.link(id, since);
      if (!sameId(id, this.#target.home)) this.#pointing.push(id);
    }
  }

  /** The merged profiles as they were read. */
  absorbed(): Cell[] {
    return this.#absorbed.map(({ read }) => read!);
  }

  /** The steps taken, for the change feed. */
  recorded(): Pick<LinkingChanges, 'joined' | 'merged' | 'taken'> {
    return {
      joined: this.#pointing,
      merged: this.absorbed().map((read) => ({
        ids: linkedIds(read),
        attributes: read.profile!.attributes,
      })),
      taken: this.#taken,
    };
  }

  /**
   * A person's profile loses one id. If that was its home, the strongest of the others becomes its
   * home.
   */
  #leave(from: ProfileDraft, id: VisitorId): void {
    this.#target.takeMarks(from, id);
    from.links.delete(idField(id));
    from.dropMarks(id);
    from.profile = withoutId(from.profile, this.#moment);
    if (sameId(from.home, id)) from.home = strongestFirst(from.ids().map((link) => link.id))[0]!;
    this.#left.add(from);
    this.#taken.push({ id, from: from.ids()[0]!.id });
  }

  async changes(cellOf: (id: VisitorId) => Promise<Cell>) {
    const { now } = this.#moment;
    const target = this.#target;
    const others: CellChange[] = [];
    const repoints: Repoint[] = [];
    const ttl = target.pointerTtl(now);
    if (this.#pointing.length + this.#absorbed.length > 0) target.hasNewPointers(now);
    for (const id of this.#pointing)
      others.push({ cell: await cellOf(id), change: target.pointerChange(now) });
    for (const from of this.#absorbed) {
      others.push({ cell: from.read!, change: target.pointerChange(now) });
      for (const id of from.otherIds()) {
        repoints.push({ id, from: from.pointer, to: target.pointer, ttl });
      }
    }
    for (const from of this.#left) {
      const hasMoved = !sameId(from.home, from.read!.id);
      if (hasMoved && from.otherIds().length > 0) from.hasNewPointers(now);
      const cell = hasMoved ? await cellOf(from.home) : from.read!;
      others.push({ cell, change: from.change(now) });
      if (!hasMoved) continue;
      const old = { home: from.read!.id, birth: from.birth };
      for (const id of from.otherIds()) {
        repoints.push({ id, from: old, to: from.pointer, ttl: from.pointerTtl(now) });
      }
    }
    return { others, repoints };
  }
}

/** The ids of a profile, oldest first. */
export function linkedIds(home: Cell): LinkedId[] {
  return sortedLinks(home.links).map(({ id: { kind, value }, since }) => ({ kind, value, since }));
}

/**
 * A profile while a visit, an update or a row changes it: what was read, and what will be written.
 */

import type { WriteMoment } from '../../domain/lifetime.ts';
import { newProfile, type Profile } from '../../domain/profile.ts';
import { sameId, type VisitorId } from '../../domain/visitor-id.ts';
import { type Cell, type CellEdit, type CellPointer, type Link, newVersion, pointerText } from './cells.ts';
import { idField } from './id-field.ts';
import { encodeProfile } from './packed-profile.ts';
import { GRACE_MS } from './plain-write.ts';
import { isMarkOf } from './row-marks.ts';

/**
 * How long a pointer outlives the profile's current expiry, in milliseconds, so that not every
 * write has to touch it.
 */
const POINTER_SLACK_MS = 100 * 86_400_000;

export class ProfileDraft {
  home: VisitorId;
  profile: Profile;
  readonly birth: string;
  readonly links: Map<string, Link>;
  readonly marks: Map<string, string>;
  pointersUntil: number | undefined;
  /** The cell from which the profile was read; undefined for a new profile. */
  readonly read: Cell | undefined;

  private constructor(home: VisitorId, profile: Profile, birth: string, read: Cell | undefined) {
    this.home = home;
    this.profile = profile;
    this.birth = birth;
    this.read = read;
    this.links = new Map(read?.links);
    this.marks = new Map(read?.marks);
    this.pointersUntil = read?.pointersUntil;
  }

  /** @param cell one that contains a profile */
  static of(cell: Cell): ProfileDraft {
    return new ProfileDraft(cell.id, cell.profile!, cell.birth, cell);
  }

  /** A new profile for the id of a cell. */
  static born(cell: Cell, moment: WriteMoment): ProfileDraft {
    const draft = new ProfileDraft(cell.id, newProfile(cell.id, moment), newVersion(), undefined);
    draft.link(cell.id, moment.now);
    for (const [field, mark] of cell.marks) if (isMarkOf(field, cell.id)) draft.marks.set(field, mark);
    return draft;
  }

  get pointer(): CellPointer {
    return { home: this.home, birth: this.birth };
  }

  /** Its ids, oldest first. */
  ids(): Link[] {
    return sortedLinks(this.links);
  }

  link(id: VisitorId, since: number): void {
    this.links.set(idField(id), { id, since });
  }

  /** Takes over the marks of rows that were applied by an id, from another draft. */
  takeMarks(from: ProfileDraft, id: VisitorId): void {
    for (const [field, mark] of from.marks) if (isMarkOf(field, id)) this.marks.set(field, mark);
  }

  dropMarks(id: VisitorId): void {
    for (const field of [...this.marks.keys()]) if (isMarkOf(field, id)) this.marks.delete(field);
  }

  /** The new state of the cell of one of its other ids. */
  pointerChange(now: number): CellEdit {
    const ttl = this.pointerTtl(now);
    return { ttl, clear: true, set: [['r', pointerText(this.pointer)]] };
  }

  pointerTtl(now: number): number {
    return Math.max(0, this.profile.expiresAt - now) + POINTER_SLACK_MS;
  }

  /** Records that pointers are created now, so that their expiry is taken into account. */
  hasNewPointers(now: number): void {
    const until = now + this.pointerTtl(now);
    this.pointersUntil = Math.min(this.pointersUntil ?? until, until);
  }

  /** Its ids other than the home. */
  otherIds(): VisitorId[] {
    return [...this.links.values()].map(({ id }) => id).filter((id) => !sameId(id, this.home));
  }

  /** The new state of its home's cell: the differences from what was read there, or everything. */
  change(now: number): CellEdit {
    const read = this.read && sameId(this.read.id, this.home) ? this.read : undefined;
    const { profile, home } = this;
    const createdAt = this.links.get(idField(home))?.since ?? now;
    const record = encodeProfile({ profile, createdAt, sweepAt: profile.expiresAt, linkGroup: 0 });
    const set: [string, string | Buffer][] = [['r', record]];
    if (!read) set.push(['g', this.birth]);
    if (this.pointersUntil !== undefined && this.pointersUntil !== read?.pointersUntil) {
      set.push(['u', String(this.pointersUntil)]);
    }
    for (const [field, { since }] of this.links) {
      if (read?.links.get(field)?.since !== since) set.push([`l${field}`, String(since)]);
    }
    for (const [field, mark] of this.marks) {
      if (read?.marks.get(field) !== mark) set.push([`b${field}`, mark]);
    }
    const remove = read
      ? [
          ...[...read.links.keys()].filter((field) => !this.links.has(field)).map((field) => `l${field}`),
          ...[...read.marks.keys()].filter((field) => !this.marks.has(field)).map((field) => `b${field}`),
        ]
      : [];
    return { ttl: Math.max(0, profile.expiresAt - now) + GRACE_MS, clear: !read, set, remove };
  }
}

export function sortedLinks(links: ReadonlyMap<string, Link>): Link[] {
  return [...links.entries()]
    .sort(([a, one], [b, other]) => one.since - other.since || (a < b ? -1 : 1))
    .map(([, link]) => link);
}

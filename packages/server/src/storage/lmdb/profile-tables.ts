/**
 * The tables of profiles, and the operations within a write transaction that keep them consistent.
 *
 *   records    key → the profile itself, or a pointer to it (`profile-records.ts`)
 *   links      group, since, id → nothing: the ids of each profile with several ids, oldest first
 *   expiry     due time, key of the profile → nothing: the work list of the sweeper
 *   groups     due time → keys: the same for profiles that a batch created (`expiry-groups.ts`)
 *   orphans    group → client: links of removed profiles that have not been cleared yet
 *
 * A profile with one id is stored under the key of that id. With the second id it gets a group of
 * links and is stored under the handle of that group from then on, so adding or removing ids does
 * not move it. The key of each id then contains a pointer to the handle.
 *
 * After every transaction: each id of a profile leads to it; a profile with a group has exactly its
 * ids there; and the expiry index contains each profile at its `sweepAt`, alone or in a group,
 * never after its expiry. A write that only extends a lifetime does not touch the index; the
 * sweeper moves the entry when it is due.
 *
 * Removing a profile with many ids removes the one entry under its handle. Its ids then lead
 * nowhere and are cleared in small steps ({@link ProfileTables.clearOrphans}), except those that
 * name another profile by then.
 */

import { MAX_ATTRIBUTES_SIZE, NO_ATTRIBUTES, type PackedAttributes } from '../../domain/attributes.ts';
import { isExpired, type WriteMoment } from '../../domain/lifetime.ts';
import { addName, personNames } from '../../domain/person-names.ts';
import { type Profile, withoutId } from '../../domain/profile.ts';
import { readTime, TIME_BYTES } from '../../domain/time-bytes.ts';
import type { VisitorId } from '../../domain/visitor-id.ts';
import type { FoundProfile, LinkedId } from '../profile-store.ts';
import { ChangeLog } from './change-log.ts';
import type { EntryLogOptions } from './entry-log.ts';
import { ExpiryGroups } from './expiry-groups.ts';
import type { LmdbEnvironment } from './lmdb-environment.ts';
import type { Table } from './lmdb-internals.ts';
import {
  expiryKey,
  handleKey,
  idKey,
  isLinkOfName,
  linkKey,
  linksOf,
  numberKey,
  parseKey,
  parseLinkKey,
} from './lmdb-keys.ts';
import { newestGroup, withChange } from './profile-delta.ts';
import { type KeptProfile, type Origin, ProfileRecords } from './profile-records.ts';
import { CHANGED } from './record-entry.ts';

/** A profile with its location. */
export interface LocatedProfile extends KeptProfile {
  readonly client: string;
  /** Whether it has never been saved. */
  readonly isNew: boolean;
}

/**
 * The kind of a change, for {@link ProfileTables.save}: attributes were set or only the head
 * changed; or anything else.
 */
export type ChangeKind = 'settings' | 'anything';

const NOTHING = Buffer.alloc(0);
const LAST_GROUP_KEY = Buffer.from('lastLinkGroup');
/** The ids of a removed profile with more ids than this are cleared in small steps. */
const REMOVED_AT_ONCE = 64;

export class ProfileTables {
  readonly records: ProfileRecords;
  readonly links: Table;
  readonly expiry: Table;
  readonly groups: ExpiryGroups;
  readonly orphans: Table;
  /** Records what is changed through these tables. */
  readonly changes: ChangeLog;
  readonly #meta: Table;

  constructor(environment: LmdbEnvironment, options?: EntryLogOptions) {
    this.orphans = environment.table('orphans');
    this.records = new ProfileRecords(environment, options, (homeKey) => this.#isOrphaned(homeKey));
    this.links = environment.table('links');
    this.expiry = environment.table('expiry');
    this.groups = new ExpiryGroups(environment);
    this.changes = new ChangeLog(environment);
    this.#meta = environment.table('meta');
  }

  /** The number of profiles, including expired ones that have not been removed yet. */
  count(): number {
    return this.expiry.getKeysCount() + this.groups.count;
  }

  /** Finds what a fetch returns for the profile that an id names, even if it has expired. */
  find(client: string, id: VisitorId): FoundProfile | undefined {
    return this.records.find(client, id);
  }

  /** Finds the profile that an id names, even if it has expired. */
  locate(client: string, id: VisitorId): LocatedProfile | undefined {
    const kept = this.records.locate(client, id);
    return kept && { ...kept, client, isNew: false };
  }

  /** Finds the profile that is stored under a key, even if it has expired. */
  locateKey(homeKey: Buffer): LocatedProfile | undefined {
    const kept = this.records.locateKey(homeKey);
    return kept && { ...kept, client: parseKey(homeKey).client, isNew: false };
  }

  /** Finds a profile that has not expired. */
  locateLiving(client: string, id: VisitorId, now: number): LocatedProfile | undefined {
    const located = this.locate(client, id);
    return located && !isExpired(located.profile, now) ? located : undefined;
  }

  /** The ids of a profile, oldest first, at most `limit`. */
  idsOf(located: LocatedProfile, limit = Number.POSITIVE_INFINITY): LinkedId[] {
    if (located.linkGroup === 0) return [{ ...onlyIdOf(located), since: located.createdAt }];
    const range = this.links.getKeys({
      ...linksOf(located.linkGroup),
      ...(limit === Number.POSITIVE_INFINITY ? {} : { limit }),
    });
    return Array.from(range, (key) => {
      const { id, since } = parseLinkKey(key);
      return { ...id, since };
    });
  }

  /**
   * The ids of the profile that name a person. Examines every id, but creates no object for an id
   * of another kind.
   */
  namesOf(located: LocatedProfile): Map<string, string> {
    if (located.linkGroup === 0) return personNames([onlyIdOf(located)]);
    const names = new Map<string, string>();
    for (const key of this.links.getKeys(linksOf(located.linkGroup))) {
      if (isLinkOfName(key)) addName(names, parseLinkKey(key).id);
    }
    return names;
  }

  /** The oldest tntId of the profile. */
  oldestTntId(located: LocatedProfile): LinkedId | undefined {
    if (located.linkGroup === 0) {
      const id = onlyIdOf(located);
      return id.kind === 'tntId' ? { ...id, since: located.createdAt } : undefined;
    }
    for (const key of this.links.getKeys(linksOf(located.linkGroup))) {
      const { id, since } = parseLinkKey(key);
      if (id.kind === 'tntId') return { ...id, since };
    }
    return undefined;
  }

  /** A location for a new profile under its first id. Nothing is written before {@link save}. */
  placeFor(client: string, founder: VisitorId, profile: Profile, now: number): LocatedProfile {
    return {
      client,
      isNew: true,
      homeKey: idKey(client, founder),
      profile,
      createdAt: now,
      sweepAt: 0,
      linkGroup: 0,
      idCount: 1,
      origin: undefined,
    };
  }

  /**
   * Writes the profile, and an entry in the expiry index if it has none or its entry would be too
   * late.
   *
   * @param kind `settings` when its attributes are unchanged except for those set last; the write
   *   then costs only what was set
   */
  save(located: LocatedProfile, kind: ChangeKind = 'anything', otherChanges = 0): LocatedProfile {
    const { expiresAt } = located.profile;
    let saved = located;
    let changes = otherChanges;
    if (located.isNew) changes |= CHANGED.created;
    if (located.sweepAt === 0 || located.sweepAt > expiresAt) {
      if (located.sweepAt !== 0) this.#unindex(located);
      this.expiry.putSync(expiryKey(expiresAt, located.homeKey), NOTHING);
      saved = { ...located, sweepAt: expiresAt };
    }
    const { attributes } = saved.profile;
    let change: PackedAttributes | undefined;
    if (saved.origin !== undefined && saved.origin.attributes === attributes) change = NO_ATTRIBUTES;
    else {
      changes |= CHANGED.attributes;
      if (kind === 'settings' && saved.origin !== undefined) change = changeOf(saved.origin, attributes);
    }
    this.records.save(saved, changes | CHANGED.lifetime, change);
    return saved;
  }

  /** Removes a profile from the expiry index. */
  #unindex({ sweepAt, homeKey }: LocatedProfile): void {
    if (sweepAt !== 0 && !this.expiry.removeSync(expiryKey(sweepAt, homeKey))) this.groups.left();
  }

  /** Removes a profile and its ids. */
  remove(located: LocatedProfile): void {
    const { linkGroup, client, homeKey } = located;
    if (linkGroup !== 0) {
      if (located.idCount > REMOVED_AT_ONCE) {
        this.orphans.putSync(numberKey(linkGroup), Buffer.from(client, 'latin1'));
      } else {
        for (const { since, ...id } of this.idsOf(located)) {
          this.records.remove(idKey(client, id), CHANGED.removed);
          this.links.removeSync(linkKey(linkGroup, since, id));
        }
      }
    }
    this.records.remove(homeKey, CHANGED.removed);
    this.#unindex(located);
  }

  /**
   * Clears ids of removed profiles in one small step, within a write transaction.
   * @returns how many ids were examined
   */
  clearOrphans(limit: number): number {
    let visited = 0;
    for (const { key, value } of Array.from(this.orphans.getRange({ limit: 1 }))) {
      const group = readTime(key, 0);
      const client = value.toString('latin1');
      const home = handleKey(client, group);
      const links = Array.from(this.links.getKeys({ ...linksOf(group), limit }));
      for (const link of links) {
        const ofId = idKey(client, parseLinkKey(link).id);
        if (this.records.pointer(ofId)?.homeKey.equals(home)) this.records.remove(ofId, CHANGED.removed);
        this.links.removeSync(link);
      }
      visited = links.length;
      if (links.length < limit) this.orphans.removeSync(key);
    }
    return visited;
  }

  get hasOrphans(): boolean {
    return this.orphans.getKeysCount({ limit: 1 }) > 0;
  }

  #isOrphaned(homeKey: Buffer): boolean {
    return this.orphans.doesExist(homeKey.subarray(homeKey.length - TIME_BYTES));
  }

  /** Lets an id name the profile. The caller saves the profile afterwards. */
  join(located: LocatedProfile, id: VisitorId, since: number): LocatedProfile {
    const grouped = this.#withGroup(located);
    this.records.point(idKey(located.client, id), since, grouped.homeKey, CHANGED.ids);
    this.links.putSync(linkKey(grouped.linkGroup, since, id), NOTHING);
    return { ...grouped, idCount: grouped.idCount + 1 };
  }

  /**
   * Lets every id of `from` and of `into` name one profile, which is `into` except for its
   * location. The caller saves it afterwards.
   *
   * The ids of the profile with fewer ids are moved, so a merge costs what the smaller one has.
   */
  absorb(into: LocatedProfile, from: LocatedProfile): LocatedProfile {
    if (from.idCount <= into.idCount) return this.#moveIds(from, into);
    const moved = this.#moveIds(into, from);
    return {
      ...into,
      homeKey: moved.homeKey,
      linkGroup: moved.linkGroup,
      idCount: moved.idCount,
      sweepAt: moved.sweepAt,
      origin: undefined,
    };
  }

  #moveIds(from: LocatedProfile, into: LocatedProfile): LocatedProfile {
    const ids = this.idsOf(from);
    this.#unindex(from);
    let target = into;
    for (const { since, ...id } of ids) {
      if (from.linkGroup !== 0) this.links.removeSync(linkKey(from.linkGroup, since, id));
      target = this.join(target, id, since);
    }
    // The key of a single id contains the pointer now.
    if (from.linkGroup !== 0) this.records.remove(from.homeKey, CHANGED.removed);
    return target;
  }

  /**
   * Takes one id from a profile that keeps others, for a profile that it {@link join}s in the same
   * transaction.
   */
  detach(from: LocatedProfile, id: VisitorId, moment: WriteMoment): void {
    const since = this.records.pointer(idKey(from.client, id))?.since;
    if (since === undefined) throw new RangeError('only one of several ids can be taken away');
    this.links.removeSync(linkKey(from.linkGroup, since, id));
    const profile = withoutId(from.profile, moment);
    this.save({ ...from, profile, idCount: from.idCount - 1 }, 'settings', CHANGED.ids);
  }

  /**
   * Takes ids from a profile that keeps others and becomes `profile`. Other profiles {@link join}
   * them or are stored under them in the same transaction.
   */
  split(from: LocatedProfile, ids: readonly LinkedId[], profile: Profile): void {
    for (const { since, ...id } of ids) this.links.removeSync(linkKey(from.linkGroup, since, id));
    this.save({ ...from, profile, idCount: from.idCount - ids.length }, 'anything', CHANGED.ids);
  }

  /**
   * With its second id, a profile gets a group of links and is stored under its handle from then
   * on.
   */
  #withGroup(located: LocatedProfile): LocatedProfile {
    if (located.linkGroup !== 0) return located;
    const { client, createdAt } = located;
    const last = this.#meta.getBinary(LAST_GROUP_KEY);
    const linkGroup = (last ? readTime(last, 0) : 0) + 1;
    this.#meta.putSync(LAST_GROUP_KEY, numberKey(linkGroup));
    const homeKey = handleKey(client, linkGroup);
    this.#unindex(located);
    this.records.point(located.homeKey, createdAt, homeKey, CHANGED.ids);
    this.links.putSync(linkKey(linkGroup, createdAt, onlyIdOf(located)), NOTHING);
    return { ...located, homeKey, linkGroup, sweepAt: 0, origin: undefined };
  }
}

/**
 * The attributes that were set since the profile was located; undefined when others were dropped to
 * make room (contract section 5).
 */
function changeOf(origin: Origin, attributes: PackedAttributes): PackedAttributes | undefined {
  const change = newestGroup(attributes);
  // Attributes are dropped only above this size, and the packed form is never shorter than the size
  // counted.
  if (origin.attributes.length + change.length <= MAX_ATTRIBUTES_SIZE) return change;
  return withChange(origin.attributes, change).equals(attributes) ? change : undefined;
}

function onlyIdOf({ homeKey }: LocatedProfile): VisitorId {
  const { id } = parseKey(homeKey);
  if (id === undefined) throw new RangeError('a profile under a handle has a group of links');
  return id;
}

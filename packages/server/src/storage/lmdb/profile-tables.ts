/**
 * The tables of profiles, and the moves inside a write transaction that keep them in step with one another.
 *
 *   records    id → the profile itself (under its home id) or a pointer to the home id (`profile-records.ts`)
 *   links      group, since, id → nothing: every id of a profile that has more than one, oldest first
 *   expiry     when to look, home → nothing: what the sweeper visits
 *   groups     when to look → homes: the same for profiles that a batch made together (`expiry-groups.ts`)
 *
 * What holds after every transaction: each id of a profile holds the record or a pointer to where the record is; a profile with a
 * link group has exactly its ids there; the expiry index holds each profile at its `sweepAt`, singly or in a group, never after its expiry. A write that
 * only prolongs a life leaves the index alone, so it touches one table; the sweeper moves the entry on when it comes by.
 */

import type { WriteMoment } from '../../domain/lifetime.ts';
import { isExpired } from '../../domain/lifetime.ts';
import { strongestFirst } from '../../domain/linking.ts';
import { type Profile, withoutId } from '../../domain/profile.ts';
import { readTime, writeTime } from '../../domain/time-bytes.ts';
import { sameId, type VisitorId } from '../../domain/visitor-id.ts';
import {
  decodeFound,
  decodePointer,
  decodeProfile,
  encodePointer,
  encodeProfile,
  isPointer,
  type StoredProfile,
} from '../profile-record.ts';
import type { FoundProfile, LinkedId } from '../profile-store.ts';
import { ExpiryGroups } from './expiry-groups.ts';
import type { LmdbEnvironment, Table } from './lmdb-environment.ts';
import { expiryKey, linkGroupStart, linkKey, parseLinkKey, profileKey } from './lmdb-keys.ts';
import { ProfileRecords } from './profile-records.ts';

/** A profile with the place where it lies. */
export interface LocatedProfile extends StoredProfile {
  readonly client: string;
  readonly home: VisitorId;
  readonly homeKey: Buffer;
}

const NOTHING = Buffer.alloc(0);
const LAST_GROUP_KEY = Buffer.from('lastLinkGroup');

export class ProfileTables {
  readonly records: ProfileRecords;
  readonly links: Table;
  readonly expiry: Table;
  readonly groups: ExpiryGroups;
  readonly #meta: Table;

  /** @param journalEntries as of {@link ProfileRecords} */
  constructor(environment: LmdbEnvironment, journalEntries?: number) {
    this.records = new ProfileRecords(environment, journalEntries);
    this.links = environment.table('links');
    this.expiry = environment.table('expiry');
    this.groups = new ExpiryGroups(environment);
    this.#meta = environment.table('meta');
  }

  /** How many profiles there are, expired ones that were not swept yet included. */
  count(): number {
    return this.expiry.getKeysCount() + this.groups.count;
  }

  /** Finds what a fetch sends of the profile that an id names, expired or not; the hot path, so it makes as few objects as it can. */
  find(client: string, id: VisitorId): FoundProfile | undefined {
    const { records } = this;
    const bytes = records.get(client, id);
    if (bytes === undefined) return undefined;
    if (!isPointer(bytes)) return decodeFound(bytes, records.length);
    return decodeFound(this.#homeRecord(client, decodePointer(bytes, records.length).home), records.length);
  }

  /** Finds the profile that an id names, expired or not; in one read when the id is its home. */
  locate(client: string, id: VisitorId): LocatedProfile | undefined {
    const { records } = this;
    // The library lends one buffer for all its reads; decoding copies what is kept.
    const bytes = records.get(client, id);
    if (bytes === undefined) return undefined;
    if (!isPointer(bytes)) return placed(decodeProfile(bytes, records.length), client, id);
    const { home } = decodePointer(bytes, records.length);
    return placed(decodeProfile(this.#homeRecord(client, home), records.length), client, home);
  }

  #homeRecord(client: string, home: VisitorId): Buffer {
    const bytes = this.records.get(client, home);
    if (bytes === undefined) throw new RangeError('a pointer leads to no profile');
    return bytes;
  }

  /** Finds a profile that has not expired. */
  locateLiving(client: string, id: VisitorId, now: number): LocatedProfile | undefined {
    const located = this.locate(client, id);
    return located && !isExpired(located.profile, now) ? located : undefined;
  }

  /** Every id of a profile, oldest first, at most `limit`. */
  idsOf(located: LocatedProfile, limit = Number.POSITIVE_INFINITY): LinkedId[] {
    if (located.linkGroup === 0) return [{ ...located.home, since: located.createdAt }];
    const range = this.links.getKeys({
      start: linkGroupStart(located.linkGroup),
      end: linkGroupStart(located.linkGroup + 1),
      ...(limit === Number.POSITIVE_INFINITY ? {} : { limit }),
    });
    return Array.from(range, (key) => {
      const { id, since } = parseLinkKey(key);
      return { ...id, since };
    });
  }

  /** The tntId that has named the profile longest. */
  oldestTntId(located: LocatedProfile): VisitorId | undefined {
    if (located.linkGroup === 0) return located.home.kind === 'tntId' ? located.home : undefined;
    const range = this.links.getKeys({
      start: linkGroupStart(located.linkGroup),
      end: linkGroupStart(located.linkGroup + 1),
    });
    for (const key of range) {
      const { id } = parseLinkKey(key);
      if (id.kind === 'tntId') return id;
    }
    return undefined;
  }

  /** A place for a new profile under the id that it is made for; nothing is written before {@link save}. */
  placeFor(client: string, founder: VisitorId, profile: Profile, now: number): LocatedProfile {
    return {
      client,
      home: founder,
      homeKey: profileKey(client, founder),
      profile,
      createdAt: now,
      sweepAt: 0,
      linkGroup: 0,
    };
  }

  /** Writes the profile, and its entry in the expiry index when it has none or it would come too late. */
  save(located: LocatedProfile): LocatedProfile {
    const { expiresAt } = located.profile;
    let saved = located;
    if (located.sweepAt === 0 || located.sweepAt > expiresAt) {
      if (located.sweepAt !== 0) this.#unindex(located);
      this.expiry.putSync(expiryKey(expiresAt, located.homeKey), NOTHING);
      saved = { ...located, sweepAt: expiresAt };
    }
    this.records.put(saved.client, saved.home, encodeProfile(saved), saved.homeKey);
    return saved;
  }

  /** Takes a profile out of the expiry index. */
  #unindex({ sweepAt, homeKey }: LocatedProfile): void {
    if (!this.expiry.removeSync(expiryKey(sweepAt, homeKey))) this.groups.left();
  }

  /** Removes a profile and all that names it. */
  remove(located: LocatedProfile): void {
    for (const { since, ...id } of this.idsOf(located)) {
      this.records.remove(located.client, id);
      if (located.linkGroup !== 0) this.links.removeSync(linkKey(located.linkGroup, since, id));
    }
    this.#unindex(located);
  }

  /** Makes an id name the profile; the caller saves it afterwards. */
  join(located: LocatedProfile, id: VisitorId, since: number): LocatedProfile {
    const grouped = this.#withGroup(located);
    this.records.put(located.client, id, encodePointer({ home: located.home, since }));
    this.links.putSync(linkKey(grouped.linkGroup, since, id), NOTHING);
    return grouped;
  }

  /** Makes every id of `from` name `into` and removes `from`; the caller saves `into` afterwards. */
  absorb(into: LocatedProfile, from: LocatedProfile): LocatedProfile {
    const ids = this.idsOf(from);
    this.remove(from);
    let target = into;
    for (const { since, ...id } of ids) target = this.join(target, id, since);
    return target;
  }

  /** Takes one id away from a profile that keeps at least one other. */
  detach(from: LocatedProfile, id: VisitorId, moment: WriteMoment): void {
    const ids = this.idsOf(from);
    const leaving = ids.find((linked) => sameId(linked, id));
    if (leaving) this.links.removeSync(linkKey(from.linkGroup, leaving.since, id));
    this.records.remove(from.client, id);
    const remaining: LocatedProfile = { ...from, profile: withoutId(from.profile, moment) };
    if (sameId(from.home, id)) this.#rehome(remaining, ids);
    else this.save(remaining);
  }

  /** Gives a profile whose home id has left a new home: the strongest id of those that stay. */
  #rehome(located: LocatedProfile, ids: readonly LinkedId[]): void {
    const [homeLink] = strongestFirst(ids.filter((linked) => !sameId(linked, located.home)));
    if (!homeLink) throw new RangeError('a profile has lost its last id');
    const home: VisitorId = { kind: homeLink.kind, value: homeLink.value };
    this.#unindex(located);
    for (const { since, ...id } of ids) {
      if (sameId(id, home) || sameId(id, located.home)) continue;
      this.records.put(located.client, id, encodePointer({ home, since }));
    }
    this.save({
      ...located,
      home,
      homeKey: profileKey(located.client, home),
      createdAt: homeLink.since,
      sweepAt: 0,
    });
  }

  /** A profile gets a group of links with its second id; until then its home is its only one. */
  #withGroup(located: LocatedProfile): LocatedProfile {
    if (located.linkGroup !== 0) return located;
    const last = this.#meta.get(LAST_GROUP_KEY);
    const linkGroup = (last ? readTime(last, 0) : 0) + 1;
    const bytes = Buffer.allocUnsafe(6);
    writeTime(bytes, linkGroup, 0);
    this.#meta.putSync(LAST_GROUP_KEY, bytes);
    this.links.putSync(linkKey(linkGroup, located.createdAt, located.home), NOTHING);
    return { ...located, linkGroup };
  }
}

function placed(stored: StoredProfile, client: string, home: VisitorId): LocatedProfile {
  const { profile, createdAt, sweepAt, linkGroup } = stored;
  return { profile, createdAt, sweepAt, linkGroup, client, home, homeKey: profileKey(client, home) };
}

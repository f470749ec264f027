/**
 * Profiles in LMDB: the storage contract of `profile-store.ts`, for any number of processes on one
 * folder. Long because one class implements every method of that contract.
 */

import { planAdoption } from '../../domain/adoption.ts';
import {
  type AttributeSettings,
  NO_ATTRIBUTES,
  namesOf,
  type PackedAttributes,
} from '../../domain/attributes.ts';
import { type Change, MAX_CHANGE_IDS } from '../../domain/change.ts';
import { isExpired, type WriteMoment } from '../../domain/lifetime.ts';
import {
  type KnownId,
  type LinkPlan,
  type LinkStep,
  planLinks,
  strongestFirst,
} from '../../domain/linking.ts';
import {
  merged,
  type Profile,
  reunited,
  visitedProfile,
  withId,
  withoutAttribute,
} from '../../domain/profile.ts';
import { DEFAULT_LIMITS, limitPassed, type ProfileLimits } from '../../domain/profile-limits.ts';
import { sameId, type VisitorId } from '../../domain/visitor-id.ts';
import {
  changesOfLinking,
  type MergedProfile,
  nameOfTarget,
  plainChange,
  visitedNames,
} from '../changes-of.ts';
import {
  type FoundProfile,
  isUnchanged,
  type LinkedId,
  type LinkedProfile,
  type ProfileStore,
  type UpdateOutcome,
  type Visit,
  type VisitBasis,
  type VisitOutcome,
} from '../profile-store.ts';
import type { LmdbEnvironment } from './lmdb-environment.ts';
import { expiryEnd, parseExpiryKey } from './lmdb-keys.ts';
import { type LmdbMergeTrail, mergedProfiles } from './lmdb-merge-trail.ts';
import type { LocatedProfile, ProfileTables } from './profile-tables.ts';
import { CHANNEL, type Channel } from './record-entry.ts';
import { plannedTarget, updateProfile } from './update-profile.ts';

/** Writes through these channels may use the reserved space. */
const FREES_SPACE: ReadonlySet<Channel> = new Set([CHANNEL.removal, CHANNEL.expiry]);

export class LmdbProfileStore implements ProfileStore {
  readonly #environment: LmdbEnvironment;
  readonly #tables: ProfileTables;
  readonly #limits: ProfileLimits;
  readonly #trail: LmdbMergeTrail | undefined;

  constructor(
    environment: LmdbEnvironment,
    tables: ProfileTables,
    limits?: ProfileLimits,
    trail?: LmdbMergeTrail,
  ) {
    this.#environment = environment;
    this.#tables = tables;
    this.#limits = limits ?? DEFAULT_LIMITS;
    this.#trail = trail;
  }

  find(client: string, id: VisitorId, now: number): FoundProfile | undefined {
    const found = this.#environment.read(() => this.#tables.find(client, id));
    return found && !isExpired(found, now) ? found : undefined;
  }

  async findLinked(
    client: string,
    id: VisitorId,
    now: number,
    limit: number,
  ): Promise<LinkedProfile | undefined> {
    return this.#environment.read(() => {
      const located = this.#tables.locateLiving(client, id, now);
      return located && { profile: located.profile, ids: this.#tables.idsOf(located, limit) };
    });
  }

  update(
    client: string,
    id: VisitorId,
    settings: AttributeSettings,
    moment: WriteMoment,
    create: boolean,
  ): Promise<UpdateOutcome> {
    return this.#write(CHANNEL.update, () =>
      updateProfile(this.#tables, client, id, settings, moment, create, moment.through ?? 'update'),
    );
  }

  /** Does `work` in a write transaction; its entries record the channel. */
  #write<Result>(channel: Channel, work: () => Result): Promise<Result> {
    const run = () => {
      this.#tables.records.channel = channel;
      return work();
    };
    return FREES_SPACE.has(channel) ? this.#environment.writeUpkeep(run) : this.#environment.write(run);
  }

  visit(client: string, visit: Visit, moment: WriteMoment): Promise<VisitOutcome> {
    return this.#write(CHANNEL.visit, () => this.#visit(client, visit, moment)!);
  }

  visitFrom(basis: VisitBasis, client: string, visit: Visit, moment: WriteMoment) {
    return this.#write(CHANNEL.visit, () => this.#visit(client, visit, moment, basis.attributes));
  }

  /**
   * @param expected the attributes that the profile must have; undefined is returned only when it
   *   has others
   */
  #visit(
    client: string,
    visit: Visit,
    moment: WriteMoment,
    expected?: PackedAttributes,
  ): VisitOutcome | undefined {
    const tables = this.#tables;
    const { known, living, expired } = this.#survey(client, visit.ids, moment.now);
    const plan = planLinks(known);
    let target = plannedTarget(tables, client, plan, living, moment);
    const linked = linkedProfile(target.profile, plan.steps, living, moment);
    if (expected && !expected.equals(linked.attributes)) return undefined;
    const hasMerged = plan.steps.some(({ kind }) => kind === 'merge');
    const profile = visitedProfile(linked, visit, moment, hasMerged);
    if (profile === 'too-large') return { outcome: 'too-large', tntId: '' };
    const knownTnt =
      visit.ids.find(({ kind }) => kind === 'tntId') ?? this.#oldestTntId(target, plan, living);
    const added = addedIds(plan.steps, living) + (knownTnt ? 0 : 1);
    const bytes = hasMerged ? profile.attributes.length : undefined;
    const passed = limitPassed(this.#limits, target.idCount + added, added > 0, bytes);
    if (passed !== undefined) return { outcome: passed, tntId: '' };

    const record = tables.changes.isOn;
    const merged = record ? this.#mergedBy(plan, living) : [];
    for (const gone of expired.values()) this.#expire(client, gone, moment.now);
    this.#trail?.note(client, plan.steps, living, target, visit.ids, moment.now);
    const taken: { id: VisitorId; from: VisitorId }[] = [];
    for (const step of plan.steps) {
      if (step.kind === 'merge') {
        target = tables.absorb(target, living.get(step.from)!);
      } else {
        // Located again, because an earlier step may have moved the other person's profile.
        if (step.kind === 'repoint') {
          const other = tables.locate(client, step.id)!;
          tables.detach(other, step.id, moment);
          if (record) taken.push({ id: step.id, from: tables.idsOf({ ...other }, 1)[0]! });
        }
        target = tables.join(target, step.id, moment.now);
      }
    }
    if (!knownTnt) target = tables.join(target, visit.freshTntId, moment.now);
    const saved = knownTnt ? profile : withId(profile, visit.freshTntId, moment);
    // A merge can insert attributes anywhere among the others.
    tables.save({ ...target, profile: saved }, hasMerged ? 'anything' : 'settings');
    if (record) {
      const origin = {
        channel: moment.through ?? 'visit',
        at: moment.now,
        id: strongestFirst(visit.ids)[0]!,
      };
      const joined = joinedIds(plan.steps).concat(knownTnt ? [] : [visit.freshTntId]);
      const attributes = visitedNames(visit.settings, linked.attributes);
      const namedBefore = nameOfTarget(known, plan);
      const before = plan.target === undefined ? NO_ATTRIBUTES : living.get(plan.target)!.profile.attributes;
      const linking = { namedBefore, attributes, before, joined, merged, taken };
      this.#record(client, changesOfLinking(origin, linking));
    }
    return { outcome: 'visited', tntId: (knownTnt ?? visit.freshTntId).value };
  }

  lookAhead(client: string, visit: Visit, moment: WriteMoment): VisitBasis {
    return this.#environment.read(() => {
      const { known, living } = this.#survey(client, visit.ids, moment.now);
      const plan = planLinks(known);
      const target = plannedTarget(this.#tables, client, plan, living, moment);
      const { attributes } = linkedProfile(target.profile, plan.steps, living, moment);
      const { value } =
        visit.ids.find(({ kind }) => kind === 'tntId') ??
        this.#oldestTntId(target, plan, living) ??
        visit.freshTntId;
      return { attributes, tntId: value };
    });
  }

  #recordOne(client: string, change: Change): void {
    if (this.#tables.changes.isOn) this.#tables.changes.add(client, change);
  }

  #record(client: string, changes: readonly Change[]): void {
    for (const change of changes) this.#tables.changes.add(client, change);
  }

  /** The profiles that a plan merges into its target, as they are before. */
  #mergedBy({ steps }: LinkPlan<string>, living: ReadonlyMap<string, LocatedProfile>): MergedProfile[] {
    return mergedProfiles(steps, living).map((from) => {
      return { ids: this.#tables.idsOf(from, MAX_CHANGE_IDS), attributes: from.profile.attributes };
    });
  }

  /** Removes an expired profile. */
  #expire(client: string, located: LocatedProfile, now: number): void {
    const { changes } = this.#tables;
    if (changes.isOn) {
      const [id] = this.#tables.idsOf(located, 1);
      changes.add(client, plainChange('expired', { channel: 'expiry', at: now, id: id! }));
    }
    this.#trail?.forget(located);
    this.#tables.remove(located);
  }

  /** The oldest tntId that the profile will have after the plan, for a request without one. */
  #oldestTntId(
    target: LocatedProfile,
    { steps }: LinkPlan<string>,
    living: ReadonlyMap<string, LocatedProfile>,
  ): VisitorId | undefined {
    const oldest = [target, ...mergedProfiles(steps, living)].flatMap(
      (one) => this.#tables.oldestTntId(one) ?? [],
    );
    return oldest.sort(byAge)[0];
  }

  /** What each id of a visit names, strongest first, and the profiles found, by their location. */
  #survey(client: string, ids: readonly VisitorId[], now: number) {
    const living = new Map<string, LocatedProfile>();
    const expired = new Map<string, LocatedProfile>();
    const known = strongestFirst(ids).map((id): KnownId<string> => {
      const located = this.#tables.locate(client, id);
      if (!located) return { id, profile: undefined };
      const key = located.homeKey.toString('latin1');
      const gone = isExpired(located.profile, now);
      (gone ? expired : living).set(key, located);
      const names = () => this.#tables.namesOf(located);
      return { id, profile: gone ? undefined : { key, names } };
    });
    return { known, living, expired };
  }

  remove(client: string, id: VisitorId, now: number): Promise<boolean> {
    return this.#write(CHANNEL.removal, () => {
      const located = this.#tables.locate(client, id);
      if (!located) return false;
      if (isExpired(located.profile, now)) {
        this.#expire(client, located, now);
        return false;
      }
      this.#trail?.forget(located);
      this.#tables.remove(located);
      this.#recordOne(client, plainChange('removed', { channel: 'removal', at: now, id }));
      return true;
    });
  }

  removeAttribute(client: string, id: VisitorId, name: string, moment: WriteMoment) {
    return this.#write(CHANNEL.removal, () => {
      const located = this.#tables.locateLiving(client, id, moment.now);
      if (!located) return 'no-profile';
      const profile = withoutAttribute(located.profile, name, moment);
      if (!profile) return 'no-attribute';
      this.#tables.save({ ...located, profile });
      const origin = { channel: moment.through ?? 'removal', at: moment.now, id } as const;
      this.#recordOne(client, plainChange('updated', origin, [name]));
      return 'removed';
    });
  }

  async adopt(client: string, adopted: LinkedProfile, now: number): Promise<void> {
    if (isExpired(adopted.profile, now)) return;
    await this.#write(CHANNEL.adoption, () => {
      const tables = this.#tables;
      const ids = strongestFirst(adopted.ids);
      const { known, living, expired } = this.#survey(client, ids, now);
      const plan = planAdoption(known);
      const since = (id: VisitorId) => adopted.ids.find((one) => sameId(one, id))!.since;
      const record = tables.changes.isOn;
      const merged = record ? this.#mergedBy(plan, living) : [];
      for (const gone of expired.values()) this.#expire(client, gone, now);
      let target =
        plan.target === undefined
          ? tables.placeFor(client, plan.founder!, adopted.profile, since(plan.founder!))
          : living.get(plan.target)!;
      this.#trail?.note(client, plan.steps, living, target, ids, now);
      let profile = reunited(target.profile, adopted.profile);
      for (const step of plan.steps) {
        if (step.kind === 'join') {
          target = tables.join(target, step.id, since(step.id));
        } else {
          const other = living.get(step.from)!;
          profile = reunited(profile, other.profile);
          target = tables.absorb(target, other);
        }
      }
      tables.save({ ...target, profile });
      if (!record) return;
      const namedBefore = nameOfTarget(known, plan);
      const { attributes: before } = plan.target === undefined ? profile : living.get(plan.target)!.profile;
      const attributes = namesOf(adopted.profile.attributes);
      const joined = joinedIds(plan.steps);
      const origin = { channel: 'edge', at: now, id: ids[0]! } as const;
      this.#record(
        client,
        changesOfLinking(origin, { namedBefore, attributes, before, joined, merged, taken: [] }),
      );
    });
  }

  release(client: string, handedOver: LinkedProfile, now: number): Promise<boolean> {
    return this.#write(CHANNEL.adoption, () => {
      const located = this.#tables.locateLiving(client, handedOver.ids[0]!, now);
      if (!located) return true;
      const present = { profile: located.profile, ids: this.#tables.idsOf(located) };
      if (!isUnchanged(present, handedOver)) return false;
      this.#tables.remove(located);
      const origin = { channel: 'edge', at: now, id: handedOver.ids[0]! } as const;
      this.#recordOne(client, plainChange('moved', origin));
      return true;
    });
  }

  async sweep(now: number, limit: number): Promise<{ removed: number; more: boolean }> {
    const end = expiryEnd(now);
    const tables = this.#tables;
    const { expiry, groups } = tables;
    const isDue = () => expiry.getKeysCount({ end, limit: 1 }) > 0 || groups.isDue(end) || tables.hasOrphans;
    // Most checks find nothing, and should not take the writer lock.
    if (!this.#environment.read(isDue)) return { removed: 0, more: false };
    return this.#write(CHANNEL.expiry, () => {
      const due = Array.from(expiry.getKeys({ end, limit }));
      let visited = due.length;
      let removed = 0;
      for (const key of due) if (this.#sweepEntry(key, now)) removed += 1;
      while (visited < limit) {
        const group = groups.takeDue(end);
        if (!group) break;
        visited += group.homes.length;
        for (const home of group.homes) if (this.#sweepListed(home, group.sweepAt, now)) removed += 1;
      }
      if (visited < limit) visited += tables.clearOrphans(limit - visited);
      return { removed, more: visited >= limit };
    });
  }

  /** As {@link #sweepEntry}, for one profile of a group that was removed from the table. */
  #sweepListed(home: Buffer, sweepAt: number, now: number): boolean {
    const located = this.#tables.locateKey(home);
    if (located?.sweepAt !== sweepAt) return false;
    if (isExpired(located.profile, now)) {
      this.#expire(located.client, located, now);
      return true;
    }
    this.#tables.groups.left();
    this.#tables.save({ ...located, sweepAt: 0 });
    return false;
  }

  /**
   * Frees the profile of one due entry. True when it had expired; a profile with an extended
   * lifetime gets a later entry.
   */
  #sweepEntry(key: Buffer, now: number): boolean {
    const { sweepAt, home } = parseExpiryKey(key);
    const located = this.#tables.locateKey(home);
    if (located?.sweepAt !== sweepAt) {
      this.#tables.expiry.removeSync(key);
      return false;
    }
    if (isExpired(located.profile, now)) {
      this.#expire(located.client, located, now);
      return true;
    }
    this.#tables.expiry.removeSync(key);
    this.#tables.save({ ...located, sweepAt: 0 });
    return false;
  }
}

/** Oldest first; ids of the same age by kind and value, in the order of a profile's links. */
function byAge(one: LinkedId, other: LinkedId): number {
  return one.since - other.since || Buffer.compare(Buffer.from(one.value), Buffer.from(other.value));
}

/** The ids that the steps of a plan add to its target one by one. */
function joinedIds(steps: readonly LinkStep<string>[]): VisitorId[] {
  return steps.flatMap((step) => (step.kind === 'merge' ? [] : [step.id]));
}

/** How many ids the steps of a plan add to its target. */
function addedIds(steps: readonly LinkStep<string>[], living: ReadonlyMap<string, LocatedProfile>): number {
  let added = 0;
  for (const step of steps) added += step.kind === 'merge' ? living.get(step.from)!.idCount : 1;
  return added;
}

/** The target's profile after the steps of its plan. */
function linkedProfile(
  target: Profile,
  steps: readonly LinkStep<string>[],
  living: ReadonlyMap<string, LocatedProfile>,
  moment: WriteMoment,
): Profile {
  return steps.reduce(
    (profile, step) =>
      step.kind === 'merge'
        ? merged(profile, living.get(step.from)!.profile, moment)
        : withId(profile, step.id, moment),
    target,
  );
}

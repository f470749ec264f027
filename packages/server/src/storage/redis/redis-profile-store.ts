/**
 * Profiles in a Redis or Valkey Cluster: the storage contract of `profile-store.ts`. `cells.ts`
 * explains how changes of several cells become one.
 *
 * Long because every method takes the same steps: read, decide, write, start over.
 */

import { planAdoption } from '../../domain/adoption.ts';
import { type AttributeSettings, namesOf, type PackedAttributes } from '../../domain/attributes.ts';
import type { Change } from '../../domain/change.ts';
import { isExpired, type WriteMoment } from '../../domain/lifetime.ts';
import { type KnownId, planLinks, strongestFirst } from '../../domain/linking.ts';
import { personNames } from '../../domain/person-names.ts';
import { reunited, visitedProfile, withAttributes, withoutAttribute } from '../../domain/profile.ts';
import { DEFAULT_LIMITS, limitPassed, type ProfileLimits } from '../../domain/profile-limits.ts';
import { sameId, type VisitorId } from '../../domain/visitor-id.ts';
import { changesOfLinking, nameOfTarget, plainChange, visitedNames } from '../changes-of.ts';
import {
  type FoundProfile,
  isUnchanged,
  type LinkedProfile,
  type ProfileStore,
  type UpdateOutcome,
  type Visit,
  type VisitBasis,
  type VisitOutcome,
} from '../profile-store.ts';
import { type Cell, type CellChange, type Cells, type Repoint, removal } from './cells.ts';
import { idField } from './id-field.ts';
import { CellLinking, linkedIds } from './linking.ts';
import { plainUpdate, plainVisit } from './plain-write.ts';
import { ProfileDraft } from './profile-draft.ts';
import { latest } from './redis-cluster.ts';
import type { RedisMergeTrail } from './redis-merge-trail.ts';
import { untilWritten } from './until-written.ts';

/** What was read before a linking. */
interface LinkingPlace {
  readonly client: string;
  readonly surveyed: readonly Located[];
  readonly ownCells: ReadonlyMap<string, Cell>;
  readonly now: number;
  readonly until: number;
  /** The strongest id of the write. */
  readonly into: VisitorId;
  /** The attributes of the target before anything was merged into it. */
  readonly before: PackedAttributes;
  /** The changes for the feed. */
  readonly changes: readonly Change[];
}

/** A profile is not as it was expected. */
const CHANGED = 'changed';

type Located = { readonly own: Cell; readonly home: Cell | undefined };

export class RedisProfileStore implements ProfileStore {
  readonly #cells: Cells;
  readonly #trail: RedisMergeTrail;
  readonly #limits: ProfileLimits;

  constructor(cells: Cells, trail: RedisMergeTrail, limits: ProfileLimits = DEFAULT_LIMITS) {
    this.#cells = cells;
    this.#trail = trail;
    this.#limits = limits;
  }

  find(client: string, id: VisitorId, now: number): Promise<FoundProfile | undefined> {
    return this.#cells.find(client, id, now, latest());
  }

  async findLinked(
    client: string,
    id: VisitorId,
    now: number,
    limit: number,
  ): Promise<LinkedProfile | undefined> {
    const { home } = await this.#cells.locate(client, id, latest());
    if (!home?.profile || isExpired(home.profile, now)) return undefined;
    return { profile: home.profile, ids: linkedIds(home).slice(0, limit) };
  }

  async update(
    client: string,
    id: VisitorId,
    settings: AttributeSettings,
    moment: WriteMoment,
    create: boolean,
  ): Promise<UpdateOutcome> {
    const plain = plainUpdate(id, settings, moment, create, this.#cells.isRecording);
    const until = latest();
    const outcome = await this.#cells.setPlainly(client, id, plain, until);
    return outcome ?? this.#updateAsRead(client, id, settings, moment, create, until);
  }

  /** Updates with what was read before. */
  #updateAsRead(
    client: string,
    id: VisitorId,
    settings: AttributeSettings,
    moment: WriteMoment,
    create: boolean,
    end: number,
  ): Promise<UpdateOutcome> {
    return untilWritten(end, async (until) => {
      const located = await this.#cells.locate(client, id, until);
      const living = livingHome(located, moment.now);
      if (!living && !create) return 'not-found';
      const draft = living ? ProfileDraft.of(living) : ProfileDraft.born(located.own, moment);
      const profile = withAttributes(draft.profile, settings, moment);
      if (profile === 'too-large') return 'too-large';
      draft.profile = profile;
      const others = expiredHomes([located], [located.own.id], moment.now);
      const { home } = located;
      const origin = { channel: moment.through ?? 'update', at: moment.now, id } as const;
      const changes = this.#cells.isRecording
        ? [
            ...(home && !living ? [expiredChange(home, moment.now)] : []),
            plainChange(living ? 'updated' : 'created', origin, [...settings.keys()]),
          ]
        : [];
      const cell = living ?? located.own;
      const isDone = await this.save(draft, cell, others, [], moment.now, until, changes);
      return isDone ? (living ? 'updated' : 'created') : undefined;
    });
  }

  async visit(client: string, visit: Visit, moment: WriteMoment): Promise<VisitOutcome> {
    const plain = plainVisit(visit, moment, this.#cells.isRecording);
    const id = visit.ids[0]!;
    const end = latest();
    if (plain && (await this.#cells.setPlainly(client, id, plain, end))) {
      return { outcome: 'visited', tntId: id.value };
    }
    const outcome = await untilWritten(end, (until) => this.#visit(client, visit, moment, until));
    return outcome as VisitOutcome;
  }

  async visitFrom(basis: VisitBasis, client: string, visit: Visit, moment: WriteMoment) {
    const { attributes } = basis;
    const outcome = await untilWritten(latest(), (until) =>
      this.#visit(client, visit, moment, until, attributes),
    );
    return outcome === CHANGED ? undefined : outcome;
  }

  /**
   * @param expected the attributes that the profile must have; `CHANGED` is returned only when it
   *   has others
   */
  async #visit(
    client: string,
    visit: Visit,
    moment: WriteMoment,
    until: number,
    expected?: PackedAttributes,
  ): Promise<VisitOutcome | typeof CHANGED | undefined> {
    const { now } = moment;
    const ids = strongestFirst(visit.ids);
    const { surveyed, known, drafts, ownCells } = await this.#survey(client, ids, now, until);
    const plan = planLinks(known);
    const target =
      plan.target === undefined
        ? ProfileDraft.born(ownCells.get(idField(plan.founder!))!, moment)
        : drafts.get(plan.target)!;
    const before = target.links.size;
    const { attributes } = target.profile;
    const linking = new CellLinking(target, drafts, moment);
    for (const step of plan.steps) linking.take(step, now);
    if (expected && !expected.equals(target.profile.attributes)) return CHANGED;
    const hasMerged = plan.steps.some(({ kind }) => kind === 'merge');
    const profile = visitedProfile(target.profile, visit, moment, hasMerged);
    if (profile === 'too-large') return { outcome: 'too-large', tntId: '' } as const;
    const { size } = target.links;
    const named =
      visit.ids.find(({ kind }) => kind === 'tntId') ??
      target.ids().find(({ id }) => id.kind === 'tntId')?.id;
    const total = size + (named ? 0 : 1);
    const bytes = hasMerged ? profile.attributes.length : undefined;
    const passed = limitPassed(this.#limits, total, total > before, bytes);
    if (passed !== undefined) return { outcome: passed, tntId: '' } as const;
    const linked = target.profile.attributes;
    target.profile = profile;
    if (!named) {
      linking.take({ kind: 'join', id: visit.freshTntId }, now);
      const fresh = await this.#cells.locate(client, visit.freshTntId, until);
      ownCells.set(idField(visit.freshTntId), fresh.own);
    }
    const changes = this.#cells.isRecording
      ? [
          ...expiredChanges(surveyed, now),
          ...changesOfLinking(
            { channel: moment.through ?? 'visit', at: now, id: ids[0]! },
            {
              ...linking.recorded(),
              namedBefore: nameOfTarget(known, plan),
              attributes: visitedNames(visit.settings, linked),
              before: attributes,
            },
          ),
        ]
      : [];
    const place = { client, surveyed, ownCells, now, until, into: ids[0]!, before: attributes, changes };
    const isDone = await this.#saveLinked(target, linking, place);
    return isDone ? ({ outcome: 'visited', tntId: (named ?? visit.freshTntId).value } as const) : undefined;
  }

  async lookAhead(client: string, visit: Visit, moment: WriteMoment): Promise<VisitBasis> {
    const ids = strongestFirst(visit.ids);
    const { known, drafts, ownCells } = await this.#survey(client, ids, moment.now, latest());
    const plan = planLinks(known);
    const target =
      plan.target === undefined
        ? ProfileDraft.born(ownCells.get(idField(plan.founder!))!, moment)
        : drafts.get(plan.target)!;
    const linking = new CellLinking(target, drafts, moment);
    for (const step of plan.steps) linking.take(step, moment.now);
    const { value } =
      visit.ids.find(({ kind }) => kind === 'tntId') ??
      target.ids().find(({ id }) => id.kind === 'tntId')?.id ??
      visit.freshTntId;
    return { attributes: target.profile.attributes, tntId: value };
  }

  /** What each id names, and drafts of the living profiles. */
  async #survey(client: string, ids: readonly VisitorId[], now: number, until: number) {
    const surveyed = await Promise.all(ids.map((id) => this.#cells.locate(client, id, until)));
    const known = ids.map((id, index): KnownId<string> => {
      const home = livingHome(surveyed[index]!, now);
      const names = () => personNames(home ? linkedIds(home) : []);
      return { id, profile: home && { key: home.key, names } };
    });
    const drafts = new Map<string, ProfileDraft>();
    for (const located of surveyed) {
      const home = livingHome(located, now);
      if (home && !drafts.has(home.key)) drafts.set(home.key, ProfileDraft.of(home));
    }
    return { surveyed, known, drafts, ownCells: new Map(surveyed.map(({ own }) => [idField(own.id), own])) };
  }

  /**
   * Writes the target of a linking and everything else that the linking changes; undefined when
   * something has changed in the meantime.
   */
  async #saveLinked(
    target: ProfileDraft,
    linking: CellLinking,
    { client, surveyed, ownCells, now, until, into, before, changes }: LinkingPlace,
  ): Promise<true | undefined> {
    const targetCell = target.read ?? ownCells.get(idField(target.home))!;
    const cellOf = async (id: VisitorId) => ownCells.get(idField(id)) ?? this.#cells.load(client, id, until);
    const { others, repoints } = await linking.changes(cellOf);
    const taken = [target.home, ...others.map(({ cell }) => cell.id)];
    others.push(...expiredHomes(surveyed, taken, now));
    const told = { client, into, before, at: now };
    const texts = await this.#trail.note(targetCell.key, linking.absorbed(), told, until);
    await this.prolongPointers(target, now, until);
    const changed = { cell: targetCell, change: target.change(now) };
    return (await this.#cells.commit(changed, others, repoints, until, changes, texts)) || undefined;
  }

  remove(client: string, id: VisitorId, now: number): Promise<boolean> {
    return untilWritten(latest(), async (until) => {
      const { home } = await this.#cells.locate(client, id, until);
      if (!home) return false;
      const hasExpired = isExpired(home.profile!, now);
      const removed = plainChange('removed', { channel: 'removal', at: now, id });
      const change = hasExpired ? expiredChange(home, now) : removed;
      // First, so that no record outlives a removal that was acknowledged. A profile that never had
      // a pointer was never merged.
      if (home.pointersUntil !== undefined) await this.#trail.eraseFrom(client, linkedIds(home));
      return (await this.#take(home, until, change)) ? !hasExpired : undefined;
    });
  }

  /** Removes a profile if it is as it was read; otherwise returns false. */
  async #take(home: Cell, until: number, told: Change): Promise<boolean> {
    const changes = this.#cells.isRecording ? [told] : [];
    if (!(await this.#cells.commit({ cell: home, change: removal(home) }, [], [], until, changes)))
      return false;
    // Pointers to a removed profile lead nowhere; removing them only saves space.
    const from = { home: home.id, birth: home.birth };
    const pointers = ProfileDraft.of(home).otherIds();
    const gone = pointers.map((one): Repoint => ({ id: one, from, to: undefined, ttl: 60_000 }));
    await this.#cells.repoint(home.client, gone, until).catch(() => undefined);
    return true;
  }

  removeAttribute(client: string, id: VisitorId, name: string, moment: WriteMoment) {
    return untilWritten(latest(), async (until) => {
      const located = await this.#cells.locate(client, id, until);
      const living = livingHome(located, moment.now);
      if (!living) return 'no-profile' as const;
      const draft = ProfileDraft.of(living);
      const profile = withoutAttribute(draft.profile, name, moment);
      if (!profile) return 'no-attribute' as const;
      draft.profile = profile;
      await this.prolongPointers(draft, moment.now, until);
      const change = { ...draft.change(moment.now), shrinks: true };
      const origin = { channel: moment.through ?? 'removal', at: moment.now, id } as const;
      const changes = this.#cells.isRecording ? [plainChange('updated', origin, [name])] : [];
      const isDone = await this.#cells.commit({ cell: living, change }, [], [], until, changes);
      return isDone ? ('removed' as const) : undefined;
    });
  }

  async adopt(client: string, adopted: LinkedProfile, now: number): Promise<void> {
    if (isExpired(adopted.profile, now)) return;
    await untilWritten(latest(), (until) => this.#adopt(client, adopted, now, until));
  }

  async #adopt(client: string, adopted: LinkedProfile, now: number, until: number) {
    // The write must not extend the lifetime.
    const moment = { now, lifetimeDays: 0 };
    const ids = strongestFirst(adopted.ids.map(({ kind, value }) => ({ kind, value })));
    const { surveyed, known, drafts, ownCells } = await this.#survey(client, ids, now, until);
    const plan = planAdoption(known);
    const since = (id: VisitorId) => adopted.ids.find((one) => sameId(one, id))!.since;
    const founded = plan.founder && ProfileDraft.born(ownCells.get(idField(plan.founder))!, moment);
    const target = founded ?? drafts.get(plan.target!)!;
    if (founded) founded.link(founded.home, since(founded.home));
    const others = plan.steps.flatMap((step) => (step.kind === 'merge' ? [drafts.get(step.from)!] : []));
    const own = founded ? adopted.profile : target.profile;
    const profile = others.reduce(
      (sum, other) => reunited(sum, other.profile),
      reunited(own, adopted.profile),
    );
    const linking = new CellLinking(target, drafts, moment);
    for (const step of plan.steps) linking.take(step, step.kind === 'join' ? since(step.id) : now);
    target.profile = profile;
    const changes = this.#cells.isRecording
      ? [
          ...expiredChanges(surveyed, now),
          ...changesOfLinking(
            { channel: 'edge', at: now, id: ids[0]! },
            {
              ...linking.recorded(),
              namedBefore: nameOfTarget(known, plan),
              attributes: namesOf(adopted.profile.attributes),
              before: own.attributes,
            },
          ),
        ]
      : [];
    const place = { client, surveyed, ownCells, now, until, into: ids[0]!, before: own.attributes, changes };
    return this.#saveLinked(target, linking, place);
  }

  release(client: string, handedOver: LinkedProfile, now: number): Promise<boolean> {
    return untilWritten(latest(), async (until) => {
      const { home } = await this.#cells.locate(client, handedOver.ids[0]!, until);
      if (!home?.profile || isExpired(home.profile, now)) return true;
      const present = { profile: home.profile, ids: linkedIds(home) };
      if (!isUnchanged(present, handedOver)) return false;
      const moved = plainChange('moved', { channel: 'edge', at: now, id: handedOver.ids[0]! });
      return (await this.#take(home, until, moved)) ? true : undefined;
    });
  }

  /** Writes a draft and related cells; false when something has changed in the meantime. */
  async save(
    draft: ProfileDraft,
    cell: Cell,
    others: readonly CellChange[],
    repoints: readonly Repoint[],
    now: number,
    until: number,
    changes: readonly Change[],
  ): Promise<boolean> {
    await this.prolongPointers(draft, now, until);
    return this.#cells.commit({ cell, change: draft.change(now) }, others, repoints, until, changes);
  }

  /** Pointers must outlive the profile, so they are extended before it is. */
  async prolongPointers(draft: ProfileDraft, now: number, until: number): Promise<void> {
    const { read, profile, pointersUntil } = draft;
    if (!read || pointersUntil === undefined || pointersUntil >= profile.expiresAt) return;
    const pointer = { home: read.id, birth: read.birth };
    const ttl = draft.pointerTtl(now);
    const old = ProfileDraft.of(read).otherIds();
    const longer = old.map((id): Repoint => ({ id, from: pointer, to: pointer, ttl }));
    await this.#cells.repoint(read.client, longer, until);
    draft.pointersUntil = now + ttl;
  }
}

function livingHome({ home }: Located, now: number): Cell | undefined {
  return home?.profile && !isExpired(home.profile, now) ? home : undefined;
}

/** Expired profiles that are stored under other ids than those written anyway; they are removed. */
function expiredHomes(located: readonly Located[], taken: readonly VisitorId[], now: number): CellChange[] {
  const gone = new Map<string, Cell>();
  for (const { home } of located) {
    if (home?.profile && isExpired(home.profile, now) && !taken.some((id) => sameId(id, home.id))) {
      gone.set(home.key, home);
    }
  }
  return [...gone.values()].map((cell) => ({ cell, change: removal(cell) }));
}

/** The change of an expired profile that is removed, for the feed. */
function expiredChange(home: Cell, now: number): Change {
  return plainChange('expired', { channel: 'expiry', at: now, id: linkedIds(home)[0] ?? home.id });
}

function expiredChanges(located: readonly Located[], now: number): Change[] {
  const gone = new Map(
    located.flatMap(({ home }) => (home?.profile && isExpired(home.profile, now) ? [[home.key, home]] : [])),
  );
  return [...gone.values()].map((home) => expiredChange(home, now));
}

/**
 * The stores of one room: the data of a client of a sandbox from one reset to the next.
 *
 * A room is a name under which all its data is kept in the one store of the sandbox. So a reset
 * only changes the name: nothing has to be removed, and work in progress ends in the room in which
 * it began. This is also where the weather affects what is stored, and where the journal learns
 * what a call has changed.
 */

import type { WriteMoment } from '../domain/lifetime.ts';
import { ID_KINDS, type VisitorId } from '../domain/visitor-id.ts';
import type { Batch, BatchStep, BatchStore } from '../storage/batch-store.ts';
import type { ChangeFeed } from '../storage/change-feed.ts';
import type { MergeTrail } from '../storage/merge-trail.ts';
import { PlainRows } from '../storage/plain-rows.ts';
import type { ProfileStore, Visit, VisitBasis, VisitOutcome } from '../storage/profile-store.ts';
import type { RecordKind, RecordStore } from '../storage/record-store.ts';
import { type Stores, storesOver } from '../storage/stores.ts';
import type { Change, Weather } from './public-types.ts';
import type { SandboxClock } from './sandbox-clock.ts';
import { lasts } from './weather.ts';

export interface RoomParts {
  readonly stores: Stores;
  /** The client code. */
  readonly client: string;
  /** The room's name in the store; not a client code. */
  readonly room: string;
  readonly clock: SandboxClock;
  readonly weather: () => Weather;
  /** Every id that was ever written to the room, in the form of {@link roomKey}. */
  readonly ids: Set<string>;
  /** Returns numbers from 0 to below 1, determined by the seed. */
  readonly chance: () => number;
  /** Returns the next tntId; when undefined, tntIds are random. */
  readonly nextTntId: (() => string) | undefined;
  /** Collects the changes of the call that is being answered; undefined outside of a call. */
  readonly changesOfCall: () => Change[] | undefined;
}

const MAX_IDS = 1_000_000;

/** An id as a single string. */
export function roomKey({ kind, value }: VisitorId): string {
  return `${ID_KINDS.indexOf(kind)}${value}`;
}

/** Converts the result of {@link roomKey} back. */
export function idOfRoomKey(key: string): VisitorId {
  return { kind: ID_KINDS[Number(key[0])]!, value: key.slice(1) };
}

/**
 * The stores of the room, with the interface of the sandbox's stores; the client argument of their
 * methods is ignored.
 */
export function roomStores(parts: RoomParts): Stores {
  const { stores, room, ids } = parts;
  const note = (id: VisitorId) => {
    ids.add(roomKey(id));
  };
  const overrides = new BatchOverrides();
  const profiles = roomProfiles(parts, note, overrides);
  return storesOver({
    ...stores,
    records: roomRecords(stores.records, room),
    lists: {
      page: (_, query, now) => stores.lists.page(room, query, now),
      takeSnapshot: () => stores.lists.takeSnapshot(),
      readSnapshot: (_, ...asked) => stores.lists.readSnapshot(room, ...asked),
    },
    changes: roomChanges(stores.changes, room),
    merges: roomMerges(stores.merges, room),
    profiles,
    batches: roomBatches(parts, note, overrides),
  });
}

/** The change feed, limited to the room's changes. */
function roomChanges(feed: ChangeFeed, room: string): ChangeFeed {
  return {
    read: (_, after, limit) => feed.read(room, after, limit),
    readBefore: (_, ...asked) => feed.readBefore(room, ...asked),
    newest: () => feed.newest(),
    lag: (after) => feed.lag(after),
    figures: () => feed.figures(),
    eraseFrom: (_, ids) => feed.eraseFrom(room, ids),
    upkeep: (now) => feed.upkeep(now),
  };
}

/** The merge trail, limited to the room's merges. */
function roomMerges(trail: MergeTrail, room: string): MergeTrail {
  return {
    isOn: trail.isOn,
    list: (_, ...asked) => trail.list(room, ...asked),
    unmerge: (_, ...asked) => trail.unmerge(room, ...asked),
    recorded: (_, ...asked) => trail.recorded(room, ...asked),
    find: (_, ...asked) => trail.find(room, ...asked),
    undo: (_, ...asked) => trail.undo(room, ...asked),
    noteUndone: (_, ...asked) => trail.noteUndone(room, ...asked),
    eraseFrom: (_, ids) => trail.eraseFrom(room, ids),
  };
}

/** Small records, with those of clients kept per room. */
function roomRecords(records: RecordStore, room: string): RecordStore {
  const ownerIn = (kind: RecordKind, owner: string) => (kind.owner === 'client' ? room : owner);
  return {
    get: (kind, owner, key) => records.get(kind, ownerIn(kind, owner), key),
    range: (kind, owner, range) => records.range(kind, ownerIn(kind, owner), range),
    change: (kind, owner, key, change) => records.change(kind, ownerIn(kind, owner), key, change),
    add: (kind, owner, added) => records.add(kind, ownerIn(kind, owner), added),
    changeTogether: (kind, owner, ...rest) => records.changeTogether(kind, ownerIn(kind, owner), ...rest),
    remove: (kind, owner, range) => records.remove(kind, ownerIn(kind, owner), range),
    counter: (kind) => records.counter(kind),
  };
}

/** The profiles of a room. Long because it implements every method of the store. */
function roomProfiles(
  parts: RoomParts,
  note: (id: VisitorId) => void,
  overrides: BatchOverrides,
): ProfileStore {
  const { room, clock, changesOfCall } = parts;
  const { profiles } = parts.stores;
  const told = (id: VisitorId, change: Omit<Change, 'kind' | 'id'>) =>
    changesOfCall()?.push({ kind: id.kind, id: id.value, ...change });

  async function visit(_: string, given: Visit, moment: WriteMoment): Promise<VisitOutcome> {
    return (await visitFrom(undefined, _, given, moment))!;
  }

  /**
   * Undefined when there is a basis and the profile has changed since; a new tntId was drawn
   * nevertheless.
   */
  async function visitFrom(
    basis: VisitBasis | undefined,
    _: string,
    given: Visit,
    moment: WriteMoment,
  ): Promise<VisitOutcome | undefined> {
    const { ids, freshTntId } = withSeededId(given, parts.nextTntId);
    const sent = { ...given, ids, freshTntId };
    const changes = changesOfCall();
    const isLinking = ids.length > 1;
    const known = changes || isLinking ? await knownProfiles(ids, moment.now) : 0;
    for (const id of ids) note(id);
    overrides.visited(ids);
    const later = lasts(parts.weather().mergesVisibleAfter);
    const isLate = later > 0 && known > 1;
    const outcome = isLate
      ? await visitUnlinked(basis, sent, moment, later)
      : await visitRoom(basis, sent, moment);
    if (outcome === undefined) return undefined;
    if (outcome.outcome === 'visited') note({ kind: 'tntId', value: outcome.tntId });
    if (!changes) return outcome;
    const attributes = Object.fromEntries(given.settings);
    const id = ids[0]!;
    if (outcome.outcome === 'too-large') told(id, { what: 'none', why: 'the attributes would be too large' });
    else if (isLate) told(id, { what: 'updated', attributes, why: `merged in ${later / 1000} s` });
    else if (known > 1) {
      const merged = (await knownProfiles(ids, moment.now)) < known;
      told(id, { what: merged ? 'merged' : 'updated', attributes });
    } else told(id, { what: known === 0 ? 'created' : 'updated', attributes });
    return outcome;
  }

  /**
   * Applies the visit to the profile of the strongest id, and links the other ids when they become
   * due.
   */
  async function visitUnlinked(
    basis: VisitBasis | undefined,
    sent: Visit,
    moment: WriteMoment,
    later: number,
  ): Promise<VisitOutcome | undefined> {
    const outcome = await visitRoom(basis, { ...sent, ids: [strongestOf(sent)] }, moment);
    if (outcome === undefined) return undefined;
    clock.at(clock.now() + later, async () => {
      await profiles.visit(
        room,
        { ...sent, settings: new Map(), seen: null, state: undefined },
        { ...moment, now: clock.now() },
      );
    });
    const tntId = sent.ids.find(({ kind }) => kind === 'tntId')?.value ?? outcome.tntId;
    return outcome.outcome === 'visited' ? { ...outcome, tntId } : outcome;
  }

  function visitRoom(basis: VisitBasis | undefined, sent: Visit, moment: WriteMoment) {
    return basis ? profiles.visitFrom(basis, room, sent, moment) : profiles.visit(room, sent, moment);
  }

  async function lookAhead(_: string, sent: Visit, moment: WriteMoment): Promise<VisitBasis> {
    const isLate =
      lasts(parts.weather().mergesVisibleAfter) > 0 && (await knownProfiles(sent.ids, moment.now)) > 1;
    return profiles.lookAhead(room, isLate ? { ...sent, ids: [strongestOf(sent)] } : sent, moment);
  }

  /** How many profiles the ids name now. */
  async function knownProfiles(ids: readonly VisitorId[], now: number): Promise<number> {
    if (ids.length === 1) return (await profiles.find(room, ids[0]!, now)) ? 1 : 0;
    const seen = new Set<string>();
    let count = 0;
    for (const id of ids) {
      if (seen.has(roomKey(id))) continue;
      const linked = await profiles.findLinked(room, id, now, MAX_IDS);
      if (!linked) continue;
      count += 1;
      for (const other of linked.ids) seen.add(roomKey(other));
    }
    return count;
  }

  return {
    find: (_, id, now) => profiles.find(room, id, now),
    findLinked: (_, id, now, limit) => profiles.findLinked(room, id, now, limit),
    visit,
    visitFrom,
    lookAhead,
    async update(_, id, settings, moment, create) {
      const later = lasts(parts.weather().updatesVisibleAfter);
      const attributes = Object.fromEntries(settings);
      if (later > 0 && !create) {
        if (!(await profiles.find(room, id, moment.now))) return 'not-found';
        const due = clock.now() + later;
        clock.at(due, async () => {
          await profiles.update(room, id, settings, { ...moment, now: clock.now() }, create);
        });
        told(id, { what: 'updated', attributes, why: `visible from ${new Date(due).toISOString()}` });
        return 'updated';
      }
      const outcome = await profiles.update(room, id, settings, moment, create);
      if (outcome === 'created') note(id);
      if (outcome === 'created' || outcome === 'updated') told(id, { what: outcome, attributes });
      else told(id, { what: 'none', why: outcome === 'not-found' ? 'no such profile' : 'too large' });
      return outcome;
    },
    async remove(_, id, now) {
      const removed = await profiles.remove(room, id, now);
      told(id, removed ? { what: 'removed' } : { what: 'none', why: 'no such profile' });
      return removed;
    },
    async removeAttribute(_, id, name, moment) {
      const outcome = await profiles.removeAttribute(room, id, name, moment);
      if (outcome === 'removed') told(id, { what: 'attribute removed', attributes: { [name]: '' } });
      else
        told(id, { what: 'none', why: outcome === 'no-profile' ? 'no such profile' : 'no such attribute' });
      return outcome;
    },
    async adopt(_, adopted, now) {
      for (const id of adopted.ids) note(id);
      await profiles.adopt(room, adopted, now);
    },
    release: (_, handedOver, now) => profiles.release(room, handedOver, now),
  };
}

function strongestOf({ ids }: Visit): VisitorId {
  return ID_KINDS.map((kind) => ids.find((id) => id.kind === kind)).find(Boolean)!;
}

/** A visit whose new tntId is the next one of the seed. */
function withSeededId({ ids, freshTntId }: Visit, next: (() => string) | undefined) {
  if (!next) return { ids, freshTntId };
  const seeded: VisitorId = { kind: 'tntId', value: next() };
  return { ids: ids.map((id) => (id === freshTntId ? seeded : id)), freshTntId: seeded };
}

function roomBatches(parts: RoomParts, note: (id: VisitorId) => void, overrides: BatchOverrides): BatchStore {
  const { room, client, clock, weather, chance } = parts;
  const { batches, profiles } = parts.stores;
  const named = <Found extends Batch | undefined>(batch: Found): Found => batch && { ...batch, client };
  const isDue = ({ acceptedAt }: Batch) => acceptedAt + lasts(weather().batchesTake) <= clock.now();

  /** The rows of a step that the weather leaves. */
  async function weathered(step: BatchStep): Promise<BatchStep> {
    const { lostRows, batchOverrides } = weather();
    for (const { id } of step.updates) note(id);
    const kept = lostRows > 0 ? [...step.updates].filter(() => chance() >= lostRows) : [...step.updates];
    if (batchOverrides) {
      const batch = await batches.find(room, step.id);
      for (const { id, settings } of batch?.version === 'v2' && batch.source === undefined ? kept : []) {
        for (const name of overrides.replacedBy(step.id, id, settings.keys())) {
          await profiles.removeAttribute(room, id, name, step.moment);
        }
      }
    }
    const lost = step.updates.length - kept.length;
    if (lost === 0) return step;
    const updates = PlainRows.of(kept, step.updates.at);
    return { ...step, updates, appliedElsewhere: step.appliedElsewhere + lost };
  }

  return {
    accept: (batch) => batches.accept({ ...batch, client: room }),
    find: async (_, id) => named(await batches.find(room, id)),
    list: async (_, limit) => (await batches.list(room, limit)).map((batch) => named(batch)),
    async queued() {
      const batch = await batches.next(room);
      return batch && isDue(batch) ? [client] : [];
    },
    async next() {
      const batch = await batches.next(room);
      return batch && isDue(batch) ? named(batch) : undefined;
    },
    lease: (_, holder, now, until) => batches.lease(room, holder, now, until),
    release: (_, holder) => batches.release(room, holder),
    // The weather needs unpacked rows.
    collector: (kind, columns) => new PlainRows(kind, columns),
    async apply(step) {
      const applied = await batches.apply({ ...(await weathered(step)), client: room });
      return applied === 'out-of-turn' ? applied : named(applied);
    },
    applyForeign: (rows) => batches.applyForeign({ ...rows, client: room }),
    giveUp: (_, id, reason) => batches.giveUp(room, id, reason),
    retry: (_, id) => batches.retry(room, id),
    failures: (_, id, fromLine, limit) => batches.failures(room, id, fromLine, limit),
    dropFailures: (_, id, lines) => batches.dropFailures(room, id, lines),
    expire: (_, acceptedBefore, limit) => batches.expire(room, acceptedBefore, limit),
  };
}

/**
 * Remembers which attributes the last v2 batch has set on each profile, until the visitor comes.
 */
class BatchOverrides {
  readonly #set = new Map<string, { batch: string; names: Set<string> }>();

  visited(ids: readonly VisitorId[]): void {
    for (const id of ids) this.#set.delete(roomKey(id));
  }

  /**
   * The names that a batch removes from a profile, because the previous batch set them and this one
   * does not.
   */
  replacedBy(batch: string, id: VisitorId, names: Iterable<string>): string[] {
    const key = roomKey(id);
    const before = this.#set.get(key);
    const present = new Set(names);
    if (before?.batch === batch) {
      for (const name of present) before.names.add(name);
      return [];
    }
    this.#set.set(key, { batch, names: present });
    return before ? [...before.names].filter((name) => !present.has(name)) : [];
  }
}

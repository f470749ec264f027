/**
 * Applies rows of a batch to profiles in many slots: each row exactly once, however often its step
 * is repeated.
 *
 * A profile keeps for each of its ids the last row that was applied by that id (the fields `b` of
 * `cells.ts`), written in the same script as the values of the row. The batches of a client and the
 * rows of a batch are applied in order, so a row at or before the mark has been applied.
 */

import { setImmediate as turnOfOthers } from 'node:timers/promises';
import type { Change } from '../../domain/change.ts';
import { isExpired, type WriteMoment } from '../../domain/lifetime.ts';
import { withAttributes } from '../../domain/profile.ts';
import { sameId, type VisitorId } from '../../domain/visitor-id.ts';
import type { RowUpdate } from '../batch-rows.ts';
import type { RowOutcome } from '../batch-store.ts';
import { plainChange } from '../changes-of.ts';
import { busy, type Cell, type Cells, type LocatedCells, removal } from './cells.ts';
import { idField } from './id-field.ts';
import { ProfileDraft } from './profile-draft.ts';
import { latest } from './redis-cluster.ts';
import type { RedisProfileStore } from './redis-profile-store.ts';
import type { RowMarks } from './row-marks.ts';

/** An id of some rows, and what it names. */
interface LocatedId {
  readonly id: VisitorId;
  readonly own: Cell;
  /** The profile that it names, even if that has expired. */
  readonly home: Cell | undefined;
  readonly living: Cell | undefined;
}

/** Rows that change one profile, by their indexes among all rows. */
interface ProfileRows {
  readonly places: number[];
  readonly ids: Map<string, LocatedId>;
}

/** What the ids of rows name. */
type ReadAhead = readonly LocatedCells[];

interface Step {
  readonly rows: readonly RowUpdate[];
  readonly marks: RowMarks;
  readonly moment: WriteMoment;
  readonly create: boolean;
  readonly outcomes: RowOutcome[];
}

/** The planned effect of the rows of one profile; nothing is written yet. */
interface PlannedProfile {
  readonly where: LocatedId;
  readonly places: readonly number[];
  readonly found: ReadonlyMap<number, RowOutcome>;
  /** Undefined when nothing changes. */
  readonly draft: ProfileDraft | undefined;
  readonly changes: readonly Change[];
}

/**
 * How many profiles are written with one pipeline per master, and how many such groups are under
 * way.
 */
const PROFILES_AT_ONCE = 500;
const GROUPS_UNDER_WAY = 3;

export class RedisRowWriter {
  readonly #cells: Cells;
  readonly #profiles: RedisProfileStore;

  constructor(cells: Cells, profiles: RedisProfileStore) {
    this.#cells = cells;
    this.#profiles = profiles;
  }

  /**
   * Reads what {@link apply} needs, while rows before these are still being applied.
   * @returns undefined when it could not be read; then `apply` reads it
   */
  async readAhead(client: string, rows: readonly RowUpdate[]): Promise<ReadAhead | undefined> {
    const ids = idsOf(rows);
    return this.#cells.locateEach(client, [...ids.values()], latest()).catch(() => undefined);
  }

  /**
   * Applies rows, in the given order.
   *
   * @param marks identify rows that were applied before
   * @param create whether to create profiles that do not exist
   * @param ahead what {@link readAhead} returned for the same rows. Only what is written counts
   *   with it, because that is refused if the profile has changed; everything else is read again
   * @returns the outcome of each row
   * @throws QuiverError when a row could not be applied; others may have been, and are recognized
   *   when the step is repeated
   */
  async apply(
    client: string,
    rows: readonly RowUpdate[],
    marks: RowMarks,
    moment: WriteMoment,
    create: boolean,
    ahead?: ReadAhead,
  ): Promise<RowOutcome[]> {
    const outcomes: RowOutcome[] = new Array(rows.length);
    const step = { rows, marks, moment, create, outcomes };
    let left = rows.map((_, place) => place);
    let located = ahead;
    for (let until = latest(); left.length > 0; ) {
      if (Date.now() > until) throw busy();
      const isAhead = located !== undefined;
      const profiles = await this.#group(client, left, step, until, located);
      located = undefined;
      const again: number[] = [];
      const underWay: Promise<readonly number[]>[] = [];
      for (let from = 0; from < profiles.length; from += PROFILES_AT_ONCE) {
        if (underWay.length === GROUPS_UNDER_WAY) again.push(...(await underWay.shift()!));
        until = latest();
        const some = profiles.slice(from, from + PROFILES_AT_ONCE);
        const applied = this.#applyTo(some, step, until, isAhead);
        // It is awaited in its turn, perhaps after another one that failed.
        applied.catch(() => undefined);
        underWay.push(applied);
        // Lets other requests run, and sends what was planned.
        await turnOfOthers();
      }
      for (const one of await Promise.all(underWay)) again.push(...one);
      left = again.sort((a, b) => a - b);
    }
    return outcomes;
  }

  /** Groups the rows by profile, whichever of its ids they use, because their order matters. */
  async #group(
    client: string,
    places: readonly number[],
    { rows, moment }: Step,
    until: number,
    ahead: ReadAhead | undefined,
  ): Promise<ProfileRows[]> {
    const ids = idsOf(places.map((place) => rows[place]!));
    const cells = ahead ?? (await this.#cells.locateEach(client, [...ids.values()], until));
    const located = new Map(
      Array.from(ids, ([field, id], nth): [string, LocatedId] => {
        const { own, home } = cells[nth]!;
        const living = home?.profile && !isExpired(home.profile, moment.now) ? home : undefined;
        return [field, { id, own, home, living }];
      }),
    );
    const profiles = new Map<string, ProfileRows>();
    for (const place of places) {
      const field = idField(rows[place]!.id);
      const one = located.get(field)!;
      const { key } = one.living ?? one.own;
      const profile: ProfileRows = profiles.get(key) ?? { places: [], ids: new Map() };
      profiles.set(key, profile);
      profile.places.push(place);
      profile.ids.set(field, one);
    }
    return [...profiles.values()];
  }

  /**
   * @param isAhead whether the profiles were read before earlier rows had been applied
   * @returns the indexes of rows whose profile has changed in the meantime; none of them is applied
   */
  async #applyTo(
    profiles: readonly ProfileRows[],
    step: Step,
    until: number,
    isAhead: boolean,
  ): Promise<readonly number[]> {
    const all = profiles.map((one) => this.#plan(one, step));
    const unsure = isAhead ? all.filter((one) => !isWritten(one)) : [];
    const planned = unsure.length === 0 ? all : all.filter(isWritten);
    const changed = planned.filter(({ draft }) => draft);
    const { now } = step.moment;
    const alone = changed.filter(({ where, draft }) => isAlone(where, draft!));
    const together = changed.filter(({ where, draft }) => !isAlone(where, draft!));
    const rows = together.map(({ where: { own, living }, draft, changes }) => {
      return { cell: living ?? own, change: draft!.change(now), changes };
    });
    const [done, doneAlone] = await Promise.all([
      this.#cells.changeByRows(rows, until),
      Promise.all(alone.map((one) => this.#write(one, now, until))),
    ]);
    const late = new Set([
      ...together.filter((_, nth) => !done[nth]),
      ...alone.filter((_, nth) => !doneAlone[nth]),
      ...unsure,
    ]);
    for (const one of planned) {
      if (late.has(one)) continue;
      for (const [place, outcome] of one.found) step.outcomes[place] = outcome;
    }
    return Array.from(late).flatMap(({ places }) => places);
  }

  /** The planned effect of the rows of one profile. */
  #plan({ places, ids }: ProfileRows, { rows, marks, moment, create }: Step): PlannedProfile {
    const [first] = ids.values();
    const { own, home, living } = first!;
    const found = new Map<number, RowOutcome>();
    let draft = living && ProfileDraft.of(living);
    let hasChanged = false;
    const names = new Set<string>();
    for (const place of places) {
      const { line, settings, state, id } = rows[place]!;
      const field = marks.fieldOf(id);
      // A profile that has expired or was removed may have received the row before.
      const mark = draft?.marks.get(field) ?? home?.marks.get(field) ?? own.marks.get(field);
      if (mark !== undefined && marks.covers(mark, line)) {
        found.set(place, 'applied');
        continue;
      }
      if (!draft && !create) {
        found.set(place, 'not-found');
        continue;
      }
      const changed = draft ?? ProfileDraft.born(own, moment);
      const profile = withAttributes(changed.profile, settings, moment, state);
      if (profile === 'too-large') {
        found.set(place, 'too-large');
        continue;
      }
      changed.profile = profile;
      changed.marks.set(field, marks.markOf(line));
      draft = changed;
      hasChanged = true;
      for (const name of settings.keys()) names.add(name);
      found.set(place, 'applied');
    }
    const changes =
      hasChanged && this.#cells.isRecording ? changesOfRows(first!, moment.now, [...names]) : [];
    return { where: first!, places, found, draft: hasChanged ? draft : undefined, changes };
  }

  /** Writes the profiles for which {@link isAlone} holds. */
  async #write(
    { where: { own, home, living }, draft, changes }: PlannedProfile,
    now: number,
    until: number,
  ): Promise<boolean> {
    const cell = living ?? own;
    if (home && !living) {
      const gone = { cell: home, change: removal(home) };
      return this.#profiles.save(draft!, cell, [gone], [], now, until, changes);
    }
    await this.#profiles.prolongPointers(draft!, now, until);
    const row = { cell, change: draft!.change(now), changes };
    return (await this.#cells.changeByRows([row], until))[0]!;
  }
}

function idsOf(rows: readonly RowUpdate[]): Map<string, VisitorId> {
  return new Map(rows.map(({ id }) => [idField(id), id]));
}

/** Whether every row is written, so that the engine refuses it if the profile has changed. */
function isWritten({ draft, places, found }: PlannedProfile): boolean {
  return draft !== undefined && places.every((place) => found.get(place) === 'applied');
}

/**
 * Whether a profile must be written by itself, because its change takes more than one script: an
 * expired profile under another id is removed with it, or pointers are extended first.
 */
function isAlone({ own, home, living }: LocatedId, { read, pointersUntil, profile }: ProfileDraft): boolean {
  if (home?.profile && !living && !sameId(home.id, own.id)) return true;
  return read !== undefined && pointersUntil !== undefined && pointersUntil < profile.expiresAt;
}

/** The effect of the rows of one profile, as one change. */
function changesOfRows({ id, home, living }: LocatedId, at: number, names: readonly string[]): Change[] {
  const change = plainChange(living ? 'updated' : 'created', { channel: 'batch', at, id }, names);
  return home && !living ? [plainChange('expired', { channel: 'expiry', at, id }), change] : [change];
}

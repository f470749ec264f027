/**
 * Cells: one for each visitor id, a hash in its own slot, and the transactions that change several
 * of them.
 *
 * A cell is absent, a profile (its home is the id that it was created for), or a pointer to the
 * home of the profile that its id names. Fields:
 *
 *   v      version: the operation that wrote it last, and when
 *   o      the operations of the last seconds before it, so that a repeated one is recognised
 *   r      the profile's record, or a pointer as JSON
 *   g      birth: distinguishes a profile from a later one in the same cell
 *   l<id>  of a profile: an id that names it, and since when (the home too)
 *   u      the earliest time at which one of its pointers may expire
 *   b<id>  of a profile: the last row of a batch that was applied by that id
 *   e      when the engine frees it: up to an hour after its expiry
 *   w      counts repeated calls
 *   t, n   intent: the current transaction, and what it will make of the cell
 *   p<tx>  in the cell where a transaction commits: what remains to be done of it
 *   h      present while there is a p
 *
 * The links `l` of a living profile determine who names it. A pointer only leads there, and counts
 * only if birth and link agree.
 *
 * A change of one cell is one script, which applies it if the version is the one that was read.
 * Plain settings need no read (`plain-write.ts`). A change of several cells:
 *
 * preparing   some cells other than the target have an intent. Readers see the state before;
 *             nobody changes these cells. All have it → the target's script commits; a version
 *             differs → revoked
 * committed   the target is changed, and its `p` lists what remains: pointers are moved, intents
 *             are carried out, then `p` is removed → finished. Anybody who meets an intent, or
 *             wants to change the target, does this first
 * revoked     recorded in the target, so that it can never commit; intents are removed → as before
 * finished    only the operation's note remains, for 20 seconds
 *
 * Each step can be repeated, and done by anybody. The change of the target is the moment at which
 * everything happens:
 *
 * - A reader who meets an intent asks the target. If the transaction is committed, the reader
 *   finishes it and reads; otherwise it reads the state before.
 * - A writer who meets an intent waits a little, then revokes the transaction, because its owner
 *   may have died. If two merges cross, each has a cell that the other needs; one or both are
 *   revoked and start over after a random pause.
 * - A commit counts for others only after WAIT has confirmed it on a replica; anybody who helps to
 *   finish it waits for that first.
 * - A cell with an intent or a `p` outlives the expiry of its profile, so that a transaction
 *   interrupted by a crash can be finished whenever it is met.
 * - A delayed attempt finds another version, the note of its operation, or its deadline passed.
 *
 * The price: a visit that links takes three round trips instead of one, and a profile cannot be
 * written while it is being merged.
 *
 * Long because the states above belong together, and everything that reads and writes a cell is in
 * this file.
 */

import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Change as ProfileChange } from '../../domain/change.ts';
import { isExpired } from '../../domain/lifetime.ts';
import type { Profile } from '../../domain/profile.ts';
import type { VisitorId } from '../../domain/visitor-id.ts';
import { QuiverError } from '../../errors.ts';
import type { FoundProfile } from '../profile-store.ts';
import type { ChangeOutbox } from './change-outbox.ts';
import type { Argument } from './command-bytes.ts';
import { idField, idOfField } from './id-field.ts';
import {
  changeCell,
  changeCellByRow,
  closeTransaction,
  decideTransaction,
  finishCell,
  prepareCell,
  repoint,
  setPlainly,
} from './lua-scripts.ts';
import { unpackFound, unpackProfile } from './packed-profile.ts';
import type { PlainWrite } from './plain-write.ts';
import type { RedisCluster } from './redis-cluster.ts';
import { isMarkOf } from './row-marks.ts';

/** Ids are ordered by `since`, the time since which each names the profile. */
export interface Link {
  readonly id: VisitorId;
  readonly since: number;
}

export interface CellPointer {
  readonly home: VisitorId;
  readonly birth: string;
}

export interface Cell {
  readonly client: string;
  readonly id: VisitorId;
  readonly key: string;
  /** Empty when the cell is absent. */
  readonly version: string;
  readonly profile: Profile | undefined;
  readonly birth: string;
  readonly pointer: CellPointer | undefined;
  readonly links: ReadonlyMap<string, Link>;
  /** By id, in the form of `idField`. */
  readonly marks: ReadonlyMap<string, string>;
  /** Epoch milliseconds; undefined when there are no pointers. */
  readonly pointersUntil: number | undefined;
}

/** The new state of a cell. */
export interface CellEdit {
  /** How long the engine keeps it, in milliseconds. */
  readonly ttl: number;
  /** Whether all fields that are not set are removed. */
  readonly clear: boolean;
  /** Whether it makes a record smaller, so that it must be done even without free memory. */
  readonly shrinks?: boolean;
  readonly set: readonly (readonly [string, string | Buffer])[];
  readonly remove?: readonly string[];
}

export interface CellChange {
  readonly cell: Cell;
  readonly change: CellEdit;
}

/** The cell of an id, and the cell of the profile that the id names, even if that has expired. */
export interface LocatedCells {
  readonly own: Cell;
  readonly home: Cell | undefined;
}

/** Texts that are written together with a change, in the slot of the changed cell. */
export interface KeptTexts {
  readonly texts: readonly { readonly key: string; readonly text: string }[];
  /** How long the engine keeps them, in milliseconds. */
  readonly ttl: number;
}

/** A pointer that should lead elsewhere. */
export interface Repoint {
  readonly id: VisitorId;
  readonly from: CellPointer;
  /** Undefined: it is removed. */
  readonly to: CellPointer | undefined;
  readonly ttl: number;
}

interface Intent {
  readonly tx: string;
  readonly home: VisitorId;
  /** Epoch milliseconds. */
  readonly at: number;
}

interface Remaining {
  readonly intent: string;
  readonly cells: readonly VisitorId[];
  readonly repoints: readonly Repoint[];
}

/** How long an attempt may be under way, by the engine's clock, in milliseconds. */
const DEADLINE_MS = 8000;
/** How long others wait for a transaction before they revoke it, in milliseconds. */
const PATIENCE_MS = 300;
/**
 * How long an empty cell is kept for late attempts, in milliseconds; for a repeated row of a batch,
 * as long as batches are kept.
 */
const TOMBSTONE_MS = 60_000;
const TOMBSTONE_WITH_MARK_MS = 7 * 86_400_000;

export class Cells {
  readonly #cluster: RedisCluster;
  readonly #prefix: string;
  readonly #outbox: ChangeOutbox;

  /** @param outbox where changes are left for the change feed */
  constructor(cluster: RedisCluster, prefix: string, outbox: ChangeOutbox) {
    this.#cluster = cluster;
    this.#prefix = prefix;
    this.#outbox = outbox;
  }

  /** Whether changes are recorded, so that it makes sense to describe them. */
  get isRecording(): boolean {
    return this.#outbox.isOn;
  }

  /** The living profile that an id names. Repairs only unfinished transactions that it meets. */
  async find(client: string, id: VisitorId, now: number, until: number): Promise<FoundProfile | undefined> {
    const link = `l${idField(id)}`;
    const key = this.keyOf(client, id);
    for (;;) {
      const own = await this.#peek(client, key, link, until);
      if (!own) continue;
      if (!own.record) return undefined;
      const pointer = parsePointer(own.record);
      if (!pointer) return living(own.record, now);
      const home = await this.#peek(client, this.keyOf(client, pointer.home), link, until);
      if (!home) continue;
      const isNamed = home.record && home.birth === pointer.birth && home.link;
      if (isNamed && !parsePointer(home.record)) return living(home.record!, now);
      // The id names nothing, or the pointer has moved in the meantime.
      const again = await this.#peek(client, key, link, until);
      if (again && again.version === own.version) return undefined;
    }
  }

  /**
   * Reads a cell's state; undefined when a transaction was unfinished and the cell must be read
   * again.
   */
  async #peek(client: string, key: string, link: string, until: number) {
    const [version, record = null, birth, linked, intent] = await this.#cluster.read<(Buffer | null)[]>(
      until,
      key,
      'HMGET',
      'v',
      'r',
      'g',
      link,
      't',
    );
    const state = {
      version: String(version ?? ''),
      record,
      birth: String(birth ?? ''),
      link: linked !== null,
    };
    if (!intent) return state;
    const { tx, home } = JSON.parse(String(intent)) as Intent;
    const homeKey = this.keyOf(client, home);
    const [pending] = await this.#cluster.read<(Buffer | null)[]>(until, homeKey, 'HMGET', `p${tx}`);
    if (pending) {
      await this.#settle(client, String(intent), false, until);
      return undefined;
    }
    // It was not committed a moment ago. If the intent is still there, it was not finished before
    // that either.
    const [still] = await this.#cluster.read<(Buffer | null)[]>(until, key, 'HMGET', 't');
    return still?.equals(intent) ? state : undefined;
  }

  /** Reads a cell in order to change it, after finishing unfinished transactions. */
  async load(client: string, id: VisitorId, until: number): Promise<Cell> {
    const key = this.keyOf(client, id);
    const since = Date.now();
    for (let wait = 2; ; wait = Math.min(2 * wait, 50)) {
      const fields = await this.#cluster.read<Buffer[]>(until, key, 'HGETALL');
      const { cell, intent, pending } = parseCell(client, id, key, fields);
      if (intent === undefined && pending.length === 0) return cell;
      for (const one of pending) await this.#carryOut(client, id, one, until);
      if (intent === undefined) continue;
      const age = Date.now() - Math.min(since, (JSON.parse(intent) as Intent).at);
      const isSettled = await this.#settle(client, intent, age > PATIENCE_MS, until, key);
      if (!isSettled) await pause(wait * (0.5 + Math.random()));
      if (Date.now() > until) throw busy();
    }
  }

  /** The cell of an id, and the profile that it names, even if that has expired. */
  async locate(client: string, id: VisitorId, until: number): Promise<LocatedCells> {
    let own = await this.load(client, id, until);
    for (;;) {
      if (own.profile) return { own, home: own };
      if (!own.pointer) return { own, home: undefined };
      const home = await this.load(client, own.pointer.home, until);
      if (isHomeOf(home, own.pointer, id)) return { own, home };
      const again = await this.load(client, id, until);
      if (again.version === own.version) return { own, home: undefined };
      own = again;
    }
  }

  /** As {@link locate} for many ids, in one or two round trips if no transaction is unfinished. */
  async locateEach(client: string, ids: readonly VisitorId[], until: number): Promise<LocatedCells[]> {
    const own = await this.#loadEach(client, ids, until);
    const pointing = own.flatMap(({ profile, pointer }, place) => (!profile && pointer ? [place] : []));
    const homeIds = pointing.map((place) => own[place]!.pointer!.home);
    const homes = await this.#loadEach(client, homeIds, until);
    const found = own.map((cell): LocatedCells => ({ own: cell, home: cell.profile ? cell : undefined }));
    await Promise.all(
      pointing.map(async (place, nth) => {
        const id = ids[place]!;
        const home = homes[nth]!;
        found[place] = isHomeOf(home, own[place]!.pointer!, id)
          ? { own: own[place]!, home }
          : await this.locate(client, id, until);
      }),
    );
    return found;
  }

  /** As {@link load} for many ids. */
  async #loadEach(client: string, ids: readonly VisitorId[], until: number): Promise<Cell[]> {
    const keys = ids.map((id) => this.keyOf(client, id));
    const all = await this.#cluster.readEach<Buffer[]>(until, keys, 'HGETALL');
    return Promise.all(
      ids.map((id, place) => {
        const { cell, intent, pending } = parseCell(client, id, keys[place]!, all[place]!);
        return intent === undefined && pending.length === 0 ? cell : this.load(client, id, until);
      }),
    );
  }

  /**
   * Makes all changes or none.
   *
   * @param changes for the change feed
   * @param kept written by the script that commits; nothing by default
   * @returns false when a cell has changed since it was read; nothing was changed then
   */
  async commit(
    target: CellChange,
    others: readonly CellChange[],
    repoints: readonly Repoint[],
    until: number,
    changes: readonly ProfileChange[],
    kept?: KeptTexts,
  ): Promise<boolean> {
    const { client, id } = target.cell;
    const tx = newVersion();
    if (others.length === 0 && repoints.length === 0) {
      return this.#change(target, tx, '', until, changes, kept);
    }
    const intent = JSON.stringify({ tx, home: id, at: Date.now() } satisfies Intent);
    const deadline = Date.now() + DEADLINE_MS;
    const prepared = await Promise.all(
      others.map(({ cell, change }) =>
        this.#run(prepareCell, [cell.key], [tx, deadline, cell.version, intent, ...listed(change)], until),
      ),
    );
    const remaining: Remaining = { intent, cells: others.map(({ cell }) => cell.id), repoints };
    const pending = JSON.stringify(remaining);
    const isCommitted =
      prepared.every((status) => status === 'done') &&
      (await this.#change(target, tx, pending, until, changes, kept));
    if (isCommitted) {
      // The transaction is committed; anybody who meets what could not be finished now will finish
      // it.
      await this.#carryOut(client, id, pending, until).catch(() => undefined);
      return true;
    }
    await this.#settle(client, intent, true, until);
    await Promise.all(others.map(({ cell }) => this.#run(finishCell, [cell.key], [intent, '0', ''], until)));
    return false;
  }

  /**
   * Carries out a plain write of an id.
   * @returns undefined when a plain write is not enough; nothing was changed then
   */
  async setPlainly(client: string, id: VisitorId, write: PlainWrite, until: number) {
    const [status, what] = await this.#setIn(this.keyOf(client, id), client, id, write, undefined, until);
    if (String(status) === 'done') return String(what) as 'created' | 'updated';
    if (String(status) !== 'pointer') return undefined;
    const pointer = parsePointer(what as Buffer)!;
    const home = this.keyOf(client, pointer.home);
    const [again, outcome] = await this.#setIn(home, client, id, write, pointer, until);
    return String(again) === 'done' ? (String(outcome) as 'created' | 'updated') : undefined;
  }

  /** @param pointer the pointer that led to the cell; undefined for the id's own cell */
  async #setIn(
    key: string,
    client: string,
    id: VisitorId,
    { now, ttl, mayCreate, newRecord, group, entries, first, changes }: PlainWrite,
    pointer: CellPointer | undefined,
    until: number,
  ) {
    const operation = newVersion();
    const told = changes && this.#outbox.ofPlain(client, key, changes);
    const reply = await this.#cluster.write(
      {
        script: setPlainly,
        keys: [key, noteKey(key, operation), told?.key ?? key],
        args: [
          ...[operation, Date.now() + DEADLINE_MS, now, ttl, newRecord, mayCreate && !pointer ? '1' : ''],
          ...[group, entries, first, newVersion(), `l${idField(id)}`, pointer?.birth ?? ''],
          ...(told?.texts ?? ['', '', '']),
        ],
      },
      until,
    );
    if (changes && String(reply[0]) === 'done') this.#outbox.hint(key);
    return reply;
  }

  /**
   * Changes cells for rows of a batch, which have their own marks, each independently.
   * @returns for each, as {@link commit}
   */
  async changeByRows(
    rows: readonly (CellChange & { readonly changes: readonly ProfileChange[] })[],
    until: number,
  ): Promise<boolean[]> {
    const deadline = Date.now() + DEADLINE_MS;
    const calls = rows.map(({ cell, change, changes }) => {
      const { key, text } = this.#outbox.of(cell.client, cell.key, changes);
      const args = [newVersion(), deadline, cell.version, text, ...listed(change)];
      return { script: changeCellByRow, keys: [cell.key, key], args };
    });
    const replies = await this.#cluster.writeEach(calls, until);
    return replies.map((reply, place) => {
      const isDone = String(reply[0]) === 'done';
      if (isDone && rows[place]!.changes.length > 0) this.#outbox.hint(rows[place]!.cell.key);
      return isDone;
    });
  }

  /** Moves, extends or removes pointers, each independently. */
  async repoint(client: string, repoints: readonly Repoint[], until: number): Promise<void> {
    await Promise.all(
      repoints.map(({ id, from, to, ttl }) => {
        const args = [pointerText(from), to ? pointerText(to) : '', ttl, newVersion()];
        return this.#run(repoint, [this.keyOf(client, id)], args, until);
      }),
    );
  }

  async #change(
    { cell, change }: CellChange,
    operation: string,
    pending: string,
    until: number,
    changes: readonly ProfileChange[],
    { texts, ttl }: KeptTexts = { texts: [], ttl: 0 },
  ) {
    const { key, text } = this.#outbox.of(cell.client, cell.key, changes);
    const keys = [cell.key, noteKey(cell.key, operation), key, ...texts.map((one) => one.key)];
    const written = texts.length === 0 ? [] : [ttl, ...texts.map((one) => one.text)];
    const head = [operation, Date.now() + DEADLINE_MS, cell.version, pending, text];
    const args = [...head, ...written, ...listed(change)];
    const isDone = (await this.#run(changeCell, keys, args, until)) === 'done';
    if (isDone && text !== '') this.#outbox.hint(cell.key);
    return isDone;
  }

  /**
   * Determines the state of a transaction, and finishes or revokes it if possible. False when it is
   * still under way.
   */
  async #settle(client: string, intent: string, revoke: boolean, until: number, cellKey?: string) {
    const { tx, home } = JSON.parse(intent) as Intent;
    const key = this.keyOf(client, home);
    const [, what, pending] = await this.#cluster.write(
      { script: decideTransaction, keys: [key, noteKey(key, tx)], args: [tx, revoke ? '1' : '0'] },
      until,
    );
    if (String(what) === 'committed') await this.#carryOut(client, home, String(pending), until);
    else if (String(what) === 'revoked' && cellKey !== undefined) {
      await this.#run(finishCell, [cellKey], [intent, '0', ''], until);
    }
    return String(what) !== 'open';
  }

  /** Does what remains of a committed transaction. */
  async #carryOut(client: string, home: VisitorId, pending: string, until: number): Promise<void> {
    const { intent, cells, repoints } = JSON.parse(pending) as Remaining;
    const { tx } = JSON.parse(intent) as Intent;
    await this.repoint(client, repoints, until);
    await Promise.all(
      cells.map((id) => this.#run(finishCell, [this.keyOf(client, id)], [intent, '1', newVersion()], until)),
    );
    await this.#run(closeTransaction, [this.keyOf(client, home)], [tx], until);
  }

  async #run(script: typeof changeCell, keys: string[], args: Argument[], until: number): Promise<string> {
    return String((await this.#cluster.write({ script, keys, args }, until))[0]);
  }

  /** The key of the cell of an id. */
  keyOf(client: string, id: VisitorId): string {
    return `${this.#prefix}:{${client}/${idField(id)}}`;
  }
}

/** Drawn in advance, because asking the system each time costs more than everything else here. */
let random = randomBytes(0);
let used = 0;

/** A new version, operation id or birth: 96 random bits. */
export function newVersion(): string {
  if (used === random.length) {
    random = randomBytes(12 * 512);
    used = 0;
  }
  used += 12;
  return random.toString('base64url', used - 12, used);
}

function isHomeOf(home: Cell, { birth }: CellPointer, id: VisitorId): boolean {
  return home.profile !== undefined && home.birth === birth && home.links.has(idField(id));
}

export function pointerText({ home, birth }: CellPointer): string {
  return JSON.stringify({ kind: home.kind, value: home.value, birth });
}

/** What remains of a removed profile. */
export function removal(cell: Cell): CellEdit {
  const marks = [...cell.marks].filter(([field]) => isMarkOf(field, cell.id));
  const set = marks.map(([field, mark]): [string, string] => [`b${field}`, mark]);
  return { ttl: marks.length === 0 ? TOMBSTONE_MS : TOMBSTONE_WITH_MARK_MS, clear: true, set };
}

/** The error when other processes kept changing the same profile. */
export function busy(): QuiverError {
  return new QuiverError('not-done', 'The profile is being changed by others; send it again', {
    headers: { 'retry-after': '1' },
  });
}

function noteKey(cellKey: string, operation: string): string {
  return `${cellKey}:o:${operation}`;
}

function listed({ ttl, clear, shrinks = false, set, remove = [] }: CellEdit): Argument[] {
  return [ttl, clear ? '1' : shrinks ? 'r' : '0', set.length, ...set.flat(), ...remove];
}

function living(record: Buffer, now: number): FoundProfile | undefined {
  const found = unpackFound(record, record.length);
  return isExpired(found, now) ? undefined : found;
}

function parsePointer(record: Buffer | null): CellPointer | undefined {
  if (record?.[0] !== 0x7b) return undefined;
  const { kind, value, birth } = JSON.parse(String(record)) as VisitorId & { birth: string };
  return { home: { kind, value }, birth };
}

function parseCell(client: string, id: VisitorId, key: string, fields: readonly Buffer[]) {
  let version = '';
  let birth = '';
  let record: Buffer | null = null;
  let pointersUntil: number | undefined;
  let intent: string | undefined;
  const pending: string[] = [];
  const links = new Map<string, Link>();
  const marks = new Map<string, string>();
  for (let index = 0; index < fields.length; index += 2) {
    const field = String(fields[index]);
    const value = fields[index + 1]!;
    const rest = field.slice(1);
    if (field === 'v') version = String(value);
    else if (field === 'g') birth = String(value);
    else if (field === 'r') record = value;
    else if (field === 'u') pointersUntil = Number(value);
    else if (field === 't') intent = String(value);
    else if (field[0] === 'p') pending.push(String(value));
    else if (field[0] === 'b') marks.set(rest, String(value));
    else if (field[0] === 'l') {
      links.set(rest, { id: idOfField(rest), since: Number(value) });
    }
  }
  const pointer = parsePointer(record);
  const profile = record && !pointer ? unpackProfile(record, record.length).profile : undefined;
  const cell: Cell = { client, id, key, version, profile, birth, pointer, links, marks, pointersUntil };
  return { cell, intent, pending };
}

/**
 * The records of the attribute indexes of one client (decision 0033), all of one kind:
 *
 *   `p` id             the profile's oldest id, and which rows it has
 *   `r` row id         the same id: a profile that has this value of this attribute
 *   `s`                the state of the indexes (`attribute-indexes.ts`)
 *
 * A row is a hash of the attribute's name and one of its value. An id is in a key as a hash too, so
 * that all keys are short and equally long. Every change is made in one step with a change of the
 * state, so a process that has read an older state changes nothing.
 */

import { createHash } from 'node:crypto';
import { listAttributes, type PackedAttributes } from '../../domain/attributes.ts';
import { sameId, type VisitorId } from '../../domain/visitor-id.ts';
import { KIND_NUMBER, kindOfNumber } from '../kind-number.ts';
import type { RecordChange, RecordKind } from '../record-store.ts';

export const ATTRIBUTE_INDEXES: RecordKind = {
  name: 'attribute-indexes',
  owner: 'client',
  purpose: 'ordinary',
};

export const STATE_KEY = 's';
/** The ranges of the keys of profiles and of rows. */
export const PROFILE_RANGE = { from: 'p', before: 'q' } as const;
export const ROW_RANGE = { from: 'r', before: 's' } as const;

const NAME_LENGTH = 12;
const VALUE_LENGTH = 22;
const ID_LENGTH = 22;
/** An id in a key, as in {@link idPart}. */
export const ID_PART = new RegExp(`^[\\w-]{${ID_LENGTH}}$`);

/** What a profile must have in the index. */
export interface IndexedProfile {
  /** Its oldest id. */
  readonly id: VisitorId;
  readonly rows: readonly string[];
}

function hashOf(text: string, length: number): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, length);
}

export function idText({ kind, value }: VisitorId): string {
  return `${KIND_NUMBER[kind]}${value}`;
}

export function idOfText(text: string): VisitorId {
  return { kind: kindOfNumber(Number(text[0])), value: text.slice(1) };
}

/** An id in a key. */
export function idPart(id: VisitorId): string {
  return hashOf(idText(id), ID_LENGTH);
}

/** The row of an attribute with a value. */
export function rowOf(name: string, value: string): string {
  return hashOf(name, NAME_LENGTH) + hashOf(value, VALUE_LENGTH);
}

/** The rows of a profile, for the attributes of these names. */
export function rowsOf(attributes: PackedAttributes, names: readonly string[]): string[] {
  return listAttributes(attributes)
    .filter(({ name }) => names.includes(name))
    .map(({ name, value }) => rowOf(name, value));
}

export function profileKey(part: string): string {
  return `p${part}`;
}

/** How the keys of a row begin. */
export function rowPrefix(row: string): string {
  return `r${row}`;
}

/** The stored form of {@link IndexedProfile}; undefined when it has no rows. */
function textOf({ id, rows }: IndexedProfile): string | undefined {
  return rows.length === 0 ? undefined : JSON.stringify([idText(id), ...rows]);
}

export function indexedProfile(text: string): IndexedProfile {
  const [id, ...rows] = JSON.parse(text) as [string, ...string[]];
  return { id: idOfText(id), rows };
}

/**
 * The changes that bring the records of some ids up to date.
 *
 * @param wanted by {@link idPart}: what each id must have; undefined for nothing
 * @param kept by {@link idPart}: what is stored for it now
 */
export function indexChanges(
  wanted: ReadonlyMap<string, IndexedProfile | undefined>,
  kept: ReadonlyMap<string, string | undefined>,
): RecordChange[] {
  const changes: RecordChange[] = [];
  for (const [part, profile] of wanted) {
    const before = kept.get(part);
    const after = profile && textOf(profile);
    if (before === after) continue;
    changes.push({ key: profileKey(part), value: after });
    const had = before === undefined ? undefined : indexedProfile(before);
    const isSame = had && profile ? sameId(had.id, profile.id) : false;
    const rows = new Set(profile?.rows);
    for (const row of had?.rows ?? []) {
      if (!rows.has(row)) changes.push({ key: rowPrefix(row) + part, value: undefined });
      else if (isSame) rows.delete(row);
    }
    for (const row of rows) changes.push({ key: rowPrefix(row) + part, value: idText(profile!.id) });
  }
  return changes;
}

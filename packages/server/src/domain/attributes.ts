/**
 * The attributes of a profile: their rules, and everything that other code uses of their packed
 * form. The code in `attributes/` handles bytes, and only this file imports it.
 *
 * The rules work on the packed form: a change copies the entries that it does not touch, and
 * nothing is parsed into objects and serialized again. That also preserves names such as
 * `__proto__` or `1` and their order, which a JavaScript object would not.
 */

import { copyOthers, overlayAttributes, type Stretch } from './attributes/overlay-attributes.ts';
import {
  AttributesPacker,
  type Entry,
  entriesOf,
  GROUP_HEAD,
  GROUP_MARK,
  NO_ATTRIBUTES,
  type PackedAttributes,
  packedName,
  readLength,
  skipLength,
  unescapedSize,
} from './attributes/packed-attributes.ts';
import { isCountedByte, isStateByte, type StateEntry, type StateSettings } from './visitor-state.ts';

export { attributesJson, attributesListJson } from './attributes/attributes-json.ts';
export { overlayAttributes } from './attributes/overlay-attributes.ts';
export {
  GROUP_HEAD,
  GROUP_MARK,
  JSON_ESCAPES,
  MAX_LENGTH_BYTES,
  NO_ATTRIBUTES,
  type PackedAttributes,
  packedName,
  putPlainValue,
  putValue,
  readLength,
  skipLength,
  writeGroupHead,
} from './attributes/packed-attributes.ts';

/** One attribute for people. */
export interface Attribute {
  readonly name: string;
  readonly value: string;
  /** Epoch milliseconds. */
  readonly modifiedAt: number;
}

/** Names and values to set, in the given order; for a repeated name the last value counts. */
export type AttributeSettings = ReadonlyMap<string, string>;

/**
 * The maximum total size of names and values in one profile, in bytes of UTF-8 (contract section
 * 5).
 */
export const MAX_ATTRIBUTES_SIZE = 64 * 1024;

const NO_STATE: StateSettings = new Map();

/** An entry of the visitor state, and how many attributes precede it. */
export interface PlacedState extends StateEntry {
  readonly before: number;
}

/** Enough for most settings. */
const SOME = 256;

/** A time as Quiver writes it: ISO 8601, milliseconds, always `+00:00` (contract section 4). */
export function formatTime(epochMs: number): string {
  if (epochMs !== lastTime) {
    lastTime = epochMs;
    lastTimeText = `${new Date(epochMs).toISOString().slice(0, -1)}+00:00`;
  }
  return lastTimeText;
}
// Many profiles are written in the same millisecond, and formatting a date is slow.
let lastTime = Number.NaN;
let lastTimeText = '';

/**
 * Packs attributes that are all set at one time.
 *
 * @param settings names must not be empty
 * @param at epoch milliseconds
 * @param state visitor state that is set with them; none by default
 */
export function packSettings(
  settings: AttributeSettings,
  at: number,
  state: StateSettings = NO_STATE,
): PackedAttributes {
  if (settings.size === 0 && state.size === 0) return NO_ATTRIBUTES;
  const packer = new AttributesPacker(SOME);
  for (const [name, value] of settings) packer.add(name, value, at);
  for (const [name, value] of state) packer.addState(name, value, at);
  return packer.packed();
}

/**
 * Packs the results of {@link listAttributes} and {@link listState} of one profile, in the given
 * order.
 *
 * The bytes are identical to those that both were read from, so that another edge cluster can tell
 * whether a profile has changed.
 */
export function packAttributes(
  attributes: readonly Attribute[],
  state: readonly PlacedState[] = [],
): PackedAttributes {
  const packer = new AttributesPacker(SOME);
  let next = 0;
  const addStateBefore = (place: number) => {
    for (; next < state.length && state[next]!.before <= place; next += 1) {
      const { name, value, modifiedAt } = state[next]!;
      packer.addState(name, value, modifiedAt);
    }
  };
  for (const [place, { name, value, modifiedAt }] of attributes.entries()) {
    addStateBefore(place);
    packer.add(name, value, modifiedAt);
  }
  addStateBefore(Number.POSITIVE_INFINITY);
  return packer.packed();
}

/**
 * Sets attributes: they move to the end, in the given order, with the time `at`; the others stay as
 * they are.
 *
 * @param at epoch milliseconds; not before the newest time in `packed`, so that the order stays
 *   oldest first
 * @param state visitor state that is set with them; none by default
 */
export function setAttributes(
  packed: PackedAttributes,
  settings: AttributeSettings,
  at: number,
  state: StateSettings = NO_STATE,
): PackedAttributes {
  if (settings.size === 0 && state.size === 0) return packed;
  const added = packSettings(settings, at, state);
  const target = Buffer.allocUnsafe(packed.length + added.length);
  const end = overlayAttributes(target, 0, whole(packed), whole(added));
  return target.subarray(0, end);
}

/** Removes one attribute. Returns the same object when there is no attribute of that name. */
export function removeAttribute(packed: PackedAttributes, name: string): PackedAttributes {
  if (name === '') return packed;
  const removed = packSettings(new Map([[name, '']]), 0);
  const target = Buffer.allocUnsafe(packed.length);
  const end = copyOthers(target, 0, whole(packed), whole(removed));
  return end === packed.length ? packed : target.subarray(0, end);
}

/**
 * Merges two profiles' attributes. An attribute of both keeps the value and time of the stronger
 * profile; those of only the weaker one are added.
 *
 * The result is oldest first; for equal times, those of the stronger profile come first (contract
 * section 3).
 */
export function mergeAttributes(stronger: PackedAttributes, weaker: PackedAttributes): PackedAttributes {
  const strong = entriesOf(stronger);
  const names = new Set(strong.map((entry) => nameOf(stronger, entry)));
  const weak = entriesOf(weaker).filter((entry) => !names.has(nameOf(weaker, entry)));
  if (weak.length === 0) return stronger;
  const packer = new AttributesPacker(stronger.length + weaker.length);
  let next = 0;
  for (const entry of strong) {
    for (; next < weak.length && weak[next]!.time < entry.time; next += 1) packer.copy(weaker, weak[next]!);
    packer.copy(stronger, entry);
  }
  for (; next < weak.length; next += 1) packer.copy(weaker, weak[next]!);
  return packer.packed();
}

/**
 * Joins two profiles' attributes, keeping the newest of each name. For equal times, the value that
 * sorts last is kept. The result does not depend on the order of the arguments (contract section
 * 8).
 */
export function newestAttributes(one: PackedAttributes, other: PackedAttributes): PackedAttributes {
  if (one.equals(other)) return one;
  const newest = new Map<string, { readonly packed: PackedAttributes; readonly entry: Entry }>();
  for (const packed of [one, other]) {
    for (const entry of entriesOf(packed)) {
      const name = nameOf(packed, entry);
      const known = newest.get(name);
      if (!known || isBehind(known.packed, known.entry, packed, entry)) newest.set(name, { packed, entry });
    }
  }
  const sorted = [...newest].sort(([nameA, a], [nameB, b]) =>
    a.entry.time === b.entry.time ? (nameA < nameB ? -1 : 1) : a.entry.time - b.entry.time,
  );
  const packer = new AttributesPacker(one.length + other.length);
  for (const [, { packed, entry }] of sorted) packer.copy(packed, entry);
  return packer.packed();
}

/** Whether the second of two entries with one name should be kept. */
function isBehind(one: PackedAttributes, a: Entry, other: PackedAttributes, b: Entry): boolean {
  if (a.time !== b.time) return a.time < b.time;
  return one.compare(other, b.valueStart, b.end, a.valueStart, a.end) < 0;
}

/** Names of attributes that both sides have, in the order of the second. */
export function commonNames(one: PackedAttributes, other: PackedAttributes): string[] {
  const names = new Set(namesOf(one));
  return namesOf(other).filter((name) => names.has(name));
}

/** Names of attributes without state, oldest first. */
export function namesOf(packed: PackedAttributes): string[] {
  return entriesOf(packed)
    .filter(({ nameStart }) => !isStateByte(packed[nameStart]!))
    .map((entry) => unquoted(nameOf(packed, entry)));
}

/**
 * The total size of names and values, in bytes of UTF-8, for the 64 KB rule. Of the visitor state,
 * customer attributes and what scripts keep count too.
 */
export function attributesSize(packed: PackedAttributes): number {
  let size = 0;
  for (const entry of entriesOf(packed)) size += sizeOf(packed, entry);
  return size;
}

function sizeOf(packed: PackedAttributes, { nameStart, nameEnd, valueStart, end }: Entry): number {
  if (!isCountedByte(packed[nameStart]!)) return 0;
  return unescapedSize(packed, nameStart, nameEnd) + unescapedSize(packed, valueStart, end);
}

/**
 * Drops as many of the oldest attributes as necessary.
 *
 * @param excess how many bytes of names and values must be dropped, as counted by
 *   {@link attributesSize}
 * @param stays whether the attribute of a name must be kept
 * @returns undefined when the others are not enough
 */
export function withoutOldest(
  packed: PackedAttributes,
  excess: number,
  stays: (name: string) => boolean,
): PackedAttributes | undefined {
  const packer = new AttributesPacker(packed.length);
  let toGo = excess;
  for (const entry of entriesOf(packed)) {
    if (toGo > 0 && !isStateByte(packed[entry.nameStart]!) && !stays(unquoted(nameOf(packed, entry)))) {
      toGo -= sizeOf(packed, entry);
    } else {
      packer.copy(packed, entry);
    }
  }
  return toGo > 0 ? undefined : packer.packed();
}

/** Whether an attribute of that name exists. */
export function hasAttribute(packed: PackedAttributes, name: string): boolean {
  const wanted = packedName(name);
  for (let at = 0; at < packed.length; ) {
    if (packed[at] === GROUP_MARK) {
      at += GROUP_HEAD;
      continue;
    }
    let same = 0;
    while (same < wanted.length && packed[at + same] === wanted[same]) same += 1;
    // A name starts with its length, so a longer name does not match.
    if (same === wanted.length) return true;
    const nameEnd = skipLength(packed, at) + readLength(packed, at);
    at = skipLength(packed, nameEnd) + readLength(packed, nameEnd);
  }
  return false;
}

/** Whether an attribute of that name has exactly that value. */
export function hasValue(packed: PackedAttributes, name: string, value: string): boolean {
  const escapedName = JSON.stringify(name).slice(1, -1);
  const escapedValue = JSON.stringify(value).slice(1, -1);
  return entriesOf(packed).some(
    (entry) =>
      nameOf(packed, entry) === escapedName &&
      packed.toString('utf8', entry.valueStart, entry.end) === escapedValue,
  );
}

/** The attributes for people, oldest first, without visitor state. */
export function listAttributes(packed: PackedAttributes): Attribute[] {
  return entriesOf(packed)
    .filter(({ nameStart }) => !isStateByte(packed[nameStart]!))
    .map((entry) => ({
      name: unquoted(nameOf(packed, entry)),
      value: packedValue(packed, entry),
      modifiedAt: entry.time,
    }));
}

/** The visitor state stored among the attributes, in its order. */
export function listState(packed: PackedAttributes): PlacedState[] {
  const state: PlacedState[] = [];
  let before = 0;
  for (const entry of entriesOf(packed)) {
    if (!isStateByte(packed[entry.nameStart]!)) {
      before += 1;
      continue;
    }
    const name =
      String.fromCharCode(packed[entry.nameStart]!) +
      unquoted(packed.toString('utf8', entry.nameStart + 1, entry.nameEnd));
    state.push({ name, value: packedValue(packed, entry), modifiedAt: entry.time, before });
  }
  return state;
}

/** Sets visitor state, each entry with its own time, which may be old. */
export function placeState(packed: PackedAttributes, state: readonly StateEntry[]): PackedAttributes {
  if (state.length === 0) return packed;
  const replaced = packSettings(new Map(), 0, new Map(state.map(({ name }) => [name, ''])));
  const rest = Buffer.allocUnsafe(packed.length);
  const end = copyOthers(rest, 0, whole(packed), whole(replaced));
  const others = rest.subarray(0, end);
  const packer = new AttributesPacker(packed.length + SOME);
  const sorted = [...state].sort((one, other) => one.modifiedAt - other.modifiedAt);
  let next = 0;
  const addUpTo = (time: number) => {
    for (; next < sorted.length && sorted[next]!.modifiedAt < time; next += 1) {
      const { name, value, modifiedAt } = sorted[next]!;
      packer.addState(name, value, modifiedAt);
    }
  };
  for (const entry of entriesOf(others)) {
    addUpTo(entry.time);
    packer.copy(others, entry);
  }
  addUpTo(Number.POSITIVE_INFINITY);
  return packer.packed();
}

function packedValue(packed: PackedAttributes, { valueStart, end }: Entry): string {
  return unquoted(packed.toString('utf8', valueStart, end));
}

/**
 * The name with its escapes. Equal names have equal texts, because only JSON.stringify writes them.
 */
function nameOf(packed: PackedAttributes, { nameStart, nameEnd }: Entry): string {
  return packed.toString('utf8', nameStart, nameEnd);
}

function unquoted(escaped: string): string {
  return JSON.parse(`"${escaped}"`) as string;
}

function whole(packed: PackedAttributes): Stretch {
  return { bytes: packed, start: 0, end: packed.length };
}

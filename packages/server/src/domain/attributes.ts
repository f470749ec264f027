/**
 * The attributes of a profile: their rules, and all that the rest of Quiver uses of their packed
 * form. What lies in `attributes/` is byte work, and only imported here.
 *
 * The rules work on the packed form: a change keeps the entries that it does not touch as they are,
 * and nothing is parsed into objects and printed again. That also keeps names such as `__proto__`
 * or `1` exactly and in order, which a JavaScript object would not.
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

export { attributesJson } from './attributes/attributes-json.ts';
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

/** One attribute as people read it. */
export interface Attribute {
  readonly name: string;
  readonly value: string;
  /** Epoch milliseconds. */
  readonly modifiedAt: number;
}

/** Names and values to set, in the order given; a name given twice takes its last value. */
export type AttributeSettings = ReadonlyMap<string, string>;

/**
 * The most that names and values of one profile may total, in bytes of UTF-8 (contract section 5).
 */
export const MAX_ATTRIBUTES_SIZE = 64 * 1024;

const NO_STATE: StateSettings = new Map();

/** An entry of the state of a visitor, and how many attributes come before it. */
export interface PlacedState extends StateEntry {
  readonly before: number;
}

/** Room for what most settings come to. */
const SOME = 256;

/** A time as Quiver writes it: ISO 8601, milliseconds, always `+00:00` (contract section 4). */
export function formatTime(epochMs: number): string {
  if (epochMs !== lastTime) {
    lastTime = epochMs;
    lastTimeText = `${new Date(epochMs).toISOString().slice(0, -1)}+00:00`;
  }
  return lastTimeText;
}
// Many profiles are written in the same millisecond, and to format a date costs much.
let lastTime = Number.NaN;
let lastTimeText = '';

/**
 * Packs attributes that are all set at one time.
 *
 * @param settings names are not empty
 * @param at epoch milliseconds
 * @param state of the visitor that is set with them; none by default
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
 * Packs what {@link listAttributes} and {@link listState} gave of one profile; each comes as it was
 * given.
 *
 * The bytes are those that both were read from, so that another edge cluster can tell whether a
 * profile has changed.
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
 * Sets attributes: those set move to the end, in the order given, with the time `at`; the others
 * stay as they are.
 *
 * @param at epoch milliseconds; never before the newest time of an attribute in `packed`, so that
 * the order stays oldest first
 * @param state of the visitor that is set with them; none by default
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

/** Takes one attribute out; the very same bytes when there is none of that name. */
export function removeAttribute(packed: PackedAttributes, name: string): PackedAttributes {
  if (name === '') return packed;
  const removed = packSettings(new Map([[name, '']]), 0);
  const target = Buffer.allocUnsafe(packed.length);
  const end = copyOthers(target, 0, whole(packed), whole(removed));
  return end === packed.length ? packed : target.subarray(0, end);
}

/**
 * Merges two profiles' attributes: where both have one the stronger's value and time stay, what
 * only the weaker has is added.
 *
 * Oldest first again; the stronger's first where times are equal (contract section 3).
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
 * Joins two profiles' attributes, the newest of each name: of two of one moment the value that
 * sorts last. Whichever side is named first, the bytes are the same (contract section 8).
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

/** Whether of two entries of one name the second is to be kept. */
function isBehind(one: PackedAttributes, a: Entry, other: PackedAttributes, b: Entry): boolean {
  if (a.time !== b.time) return a.time < b.time;
  return one.compare(other, b.valueStart, b.end, a.valueStart, a.end) < 0;
}

/** Names that both sides have, in the order of the second. */
export function commonNames(one: PackedAttributes, other: PackedAttributes): string[] {
  const names = new Set(namesOf(one));
  return namesOf(other).filter((name) => names.has(name));
}

/** Names of attributes alone, oldest first. */
export function namesOf(packed: PackedAttributes): string[] {
  return entriesOf(packed)
    .filter(({ nameStart }) => !isStateByte(packed[nameStart]!))
    .map((entry) => unquoted(nameOf(packed, entry)));
}

/**
 * What names and values total, in bytes of UTF-8: the measure of the 64 KB rule. Of the state of
 * the visitor, customer attributes and what scripts keep count.
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
 * Drops the oldest attributes, as many as it takes.
 *
 * @param excess how many bytes of names and values must go, measured as {@link attributesSize} does
 * @param stays whether the attribute of a name must not go
 * @returns undefined when those that may go are too few
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

/** Whether there is an attribute of that name. */
export function hasAttribute(packed: PackedAttributes, name: string): boolean {
  const wanted = packedName(name);
  for (let at = 0; at < packed.length; ) {
    if (packed[at] === GROUP_MARK) {
      at += GROUP_HEAD;
      continue;
    }
    let same = 0;
    while (same < wanted.length && packed[at + same] === wanted[same]) same += 1;
    // What a name begins with is its length, so nothing longer is taken for it.
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

/** The attributes for people to look at, oldest first; without the state of the visitor. */
export function listAttributes(packed: PackedAttributes): Attribute[] {
  return entriesOf(packed)
    .filter(({ nameStart }) => !isStateByte(packed[nameStart]!))
    .map((entry) => ({
      name: unquoted(nameOf(packed, entry)),
      value: packedValue(packed, entry),
      modifiedAt: entry.time,
    }));
}

/** The state of the visitor that lies between the attributes, in its order. */
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

/** Sets state, each entry at a time of its own, which may be an old one. */
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
 * The name with its escapes: the same name is always the same text, for only JSON.stringify wrote
 * it.
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

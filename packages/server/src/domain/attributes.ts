/**
 * The attributes of a profile, kept as the very text that a fetch sends out.
 *
 * `{"country":{"value":"france","modifiedAt":"2026-07-31T14:26:30.879+00:00"},…}`, UTF-8, no blanks, oldest first (spec
 * section 4). Its shape is written here alone, so it is fixed and can be walked byte by byte: a change keeps the
 * entries that it does not touch as they lie, and nothing is parsed into objects and printed again. That also keeps names
 * such as `__proto__` or `1` to the letter and in order, which a JavaScript object would not. Batches write the same text byte by byte
 * (`entryStart`, `entryEnd`, `JSON_ESCAPES`, and `overlay-attributes.ts`).
 */

/** `{…}`: what stands under `profileAttributes` in a fetch. */
export type AttributesText = Buffer;

/** One attribute as people read it. */
export interface Attribute {
  readonly name: string;
  readonly value: string;
  /** Epoch milliseconds. */
  readonly modifiedAt: number;
}

/** Names and values to set, in the order given; a name given twice takes its last value. */
export type AttributeSettings = ReadonlyMap<string, string>;

/** The most that names and values of one profile may total, in bytes of UTF-8 (spec section 5). */
export const MAX_ATTRIBUTES_SIZE = 64 * 1024;
/** The most characters of an attribute's name (spec section 5). */
export const MAX_ATTRIBUTE_NAME = 128;

export const NO_ATTRIBUTES: AttributesText = Buffer.from('{}');

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;
/** Between a name's closing quote and the first byte of its value. */
export const ENTRY_VALUE = ':{"value":"';
/** From a value's closing quote to the end of its entry, with a time as an example. */
export const ENTRY_END = '","modifiedAt":"2026-07-31T14:26:30.879+00:00"}';
/** Between a name and its value: `:{"value":` */
const TO_VALUE = ':{"value":'.length;
/** Between a value and the time: `,"modifiedAt":"` */
const TO_TIME = ',"modifiedAt":"'.length;
const TIME = '2026-07-31T14:26:30.879+00:00'.length;
/** After the time: `"}` */
const TO_END = '"}'.length;

/** Where one entry lies in the text: `"name":{"value":"…","modifiedAt":"…"}`. */
interface Entry {
  readonly start: number;
  /** Just past the name's closing quote. */
  readonly nameEnd: number;
  /** Where the value's opening quote stands. */
  readonly valueStart: number;
  /** Just past the value's closing quote. */
  readonly valueEnd: number;
  readonly end: number;
  /** Bytes of name and value, unescaped. */
  readonly size: number;
}

/** A time as Quiver writes it: ISO 8601, milliseconds, always `+00:00` (spec section 4). */
export function formatTime(epochMs: number): string {
  if (epochMs !== lastTime) {
    lastTime = epochMs;
    lastTimeText = `${new Date(epochMs).toISOString().slice(0, -1)}+00:00`;
  }
  return lastTimeText;
}
// Many attributes are written in the same millisecond, and to format a date costs more than all the rest of an entry.
let lastTime = Number.NaN;
let lastTimeText = '';

/** What stands before the first byte of an attribute's value: `"name":{"value":"`. */
export function entryStart(name: string): string {
  return JSON.stringify(name) + ENTRY_VALUE;
}

/** What stands behind the last byte of a value: `","modifiedAt":"…"}`. @param at epoch milliseconds */
export function entryEnd(at: number): string {
  return `${BEFORE_TIME}${formatTime(at)}"}`;
}
const BEFORE_TIME = ENTRY_END.slice(0, ENTRY_END.indexOf('2026'));

/** What each ASCII character is within a value; undefined where it is itself. */
export const JSON_ESCAPES: readonly (Uint8Array | undefined)[] = Array.from({ length: 0x80 }, (_, code) => {
  const escaped = JSON.stringify(String.fromCharCode(code)).slice(1, -1);
  return escaped.length === 1 ? undefined : Buffer.from(escaped);
});

/**
 * Sets attributes: those set move to the end, in the order given, with the time `at`; the others stay as they are.
 *
 * @param at epoch milliseconds; never before the newest time in `text`, so that the order stays oldest first
 */
export function setAttributes(text: AttributesText, settings: AttributeSettings, at: number): AttributesText {
  if (settings.size === 0) return text;
  const time = formatTime(at);
  const names = new Set<string>();
  let added = '';
  for (const [name, value] of settings) {
    const quotedName = JSON.stringify(name);
    names.add(quotedName);
    added += `,${quotedName}:{"value":${JSON.stringify(value)},"modifiedAt":"${time}"}`;
  }
  return join(text, keepEntries(text, names), added);
}

/** Takes one attribute out; the same text when there is none of that name. */
export function removeAttribute(text: AttributesText, name: string): AttributesText {
  const entries = entriesOf(text);
  const kept = entries.filter((entry) => nameOf(text, entry) !== JSON.stringify(name));
  return kept.length === entries.length ? text : join(text, kept, '');
}

/**
 * Merges two profiles' attributes: where both have one the stronger's value and time stay, what only the weaker has is added.
 *
 * Oldest first again; the stronger's first where times are equal (spec section 3).
 */
export function mergeAttributes(stronger: AttributesText, weaker: AttributesText): AttributesText {
  const strong = entriesOf(stronger);
  const names = new Set(strong.map((entry) => nameOf(stronger, entry)));
  const weak = keepEntries(weaker, names);
  if (weak.length === 0) return stronger;
  const parts: Buffer[] = [];
  let next = 0;
  for (const entry of strong) {
    const time = timeTextOf(stronger, entry);
    while (next < weak.length && timeTextOf(weaker, weak[next]!) < time) {
      parts.push(bytesOf(weaker, weak[next]!));
      next += 1;
    }
    parts.push(bytesOf(stronger, entry));
  }
  for (; next < weak.length; next += 1) parts.push(bytesOf(weaker, weak[next]!));
  return joined(parts);
}

/**
 * Joins two profiles' attributes, the newest of each name: of two of one moment the value that sorts last. Whichever side is named first, the text
 * is the same (spec section 8).
 */
export function newestAttributes(one: AttributesText, other: AttributesText): AttributesText {
  if (one.equals(other)) return one;
  const newest = new Map<string, { readonly time: string; readonly bytes: Buffer }>();
  for (const text of [one, other]) {
    for (const entry of entriesOf(text)) {
      const name = nameOf(text, entry);
      const found = { time: timeTextOf(text, entry), bytes: bytesOf(text, entry) };
      const known = newest.get(name);
      if (!known || known.time < found.time || (known.time === found.time && isBehind(known, found))) {
        newest.set(name, found);
      }
    }
  }
  const sorted = [...newest.values()].sort((a, b) =>
    a.time === b.time ? Buffer.compare(a.bytes, b.bytes) : a.time < b.time ? -1 : 1,
  );
  return joined(sorted.map(({ bytes }) => bytes));
}

function isBehind(one: { readonly bytes: Buffer }, other: { readonly bytes: Buffer }): boolean {
  return Buffer.compare(one.bytes, other.bytes) < 0;
}

function joined(parts: readonly Buffer[]): AttributesText {
  return Buffer.concat([
    Buffer.from('{'),
    ...parts.flatMap((part, index) => (index === 0 ? [part] : [Buffer.from(','), part])),
    Buffer.from('}'),
  ]);
}

/** What names and values total, in bytes of UTF-8: the measure of the 64 KB rule. */
export function attributesSize(text: AttributesText): number {
  let size = 0;
  for (const entry of entriesOf(text)) size += entry.size;
  return size;
}

/** Whether there is an attribute of that name. */
export function hasAttribute(text: AttributesText, name: string): boolean {
  const quoted = JSON.stringify(name);
  return entriesOf(text).some((entry) => nameOf(text, entry) === quoted);
}

/** The attributes for people to look at, oldest first. */
export function listAttributes(given: AttributesText | string): Attribute[] {
  const text = typeof given === 'string' ? Buffer.from(given) : given;
  return entriesOf(text).map((entry) => ({
    name: JSON.parse(nameOf(text, entry)) as string,
    value: JSON.parse(text.toString('utf8', entry.valueStart, entry.valueEnd)) as string,
    modifiedAt: Date.parse(timeTextOf(text, entry)),
  }));
}

function keepEntries(text: AttributesText, without: ReadonlySet<string>): Entry[] {
  return entriesOf(text).filter((entry) => !without.has(nameOf(text, entry)));
}

/** The kept entries, copied in runs that lie side by side, then `added`, which starts with a comma when it is not empty. */
function join(text: AttributesText, kept: readonly Entry[], added: string): AttributesText {
  const addedText = kept.length === 0 ? added.slice(1) : added;
  let length = 2 + Buffer.byteLength(addedText) + Math.max(0, kept.length - 1);
  for (const entry of kept) length += entry.end - entry.start;
  const joined = Buffer.allocUnsafe(length);
  let at = joined.write('{', 0, 'latin1');
  for (let index = 0; index < kept.length; ) {
    const first = kept[index]!;
    let end = first.end;
    index += 1;
    while (index < kept.length && kept[index]!.start === end + 1) {
      end = kept[index]!.end;
      index += 1;
    }
    at += text.copy(joined, at, first.start, end);
    if (index < kept.length) at += joined.write(',', at, 'latin1');
  }
  at += joined.write(addedText, at, 'utf8');
  joined.write('}', at, 'latin1');
  return joined;
}

function entriesOf(text: AttributesText): Entry[] {
  const entries: Entry[] = [];
  let at = 1;
  while (text[at] === QUOTE) {
    const name = stringAt(text, at);
    const valueStart = name.end + TO_VALUE;
    const value = stringAt(text, valueStart);
    const end = value.end + TO_TIME + TIME + TO_END;
    entries.push({
      start: at,
      nameEnd: name.end,
      valueStart,
      valueEnd: value.end,
      end,
      size: name.size + value.size,
    });
    at = end + 1;
  }
  return entries;
}

/** Walks one JSON string from its opening quote: where it ends, and how many bytes it stands for. */
function stringAt(text: AttributesText, start: number): { end: number; size: number } {
  let at = start + 1;
  let size = 0;
  for (;;) {
    const byte = text[at];
    if (byte === QUOTE) return { end: at + 1, size };
    if (byte === undefined) throw new RangeError('attributes text is cut short');
    // JSON.stringify escapes control characters as \uXXXX and quote, backslash and five others with one letter; each is a byte.
    if (byte === BACKSLASH) at += text[at + 1] === LETTER_U ? 6 : 2;
    else at += 1;
    size += 1;
  }
}

/** The name with its quotes and escapes: the same name is always the same text, for only JSON.stringify wrote it. */
function nameOf(text: AttributesText, entry: Entry): string {
  return text.toString('utf8', entry.start, entry.nameEnd);
}

/** The time as it stands there; texts of one length and offset compare as times do. */
function timeTextOf(text: AttributesText, entry: Entry): string {
  const start = entry.valueEnd + TO_TIME;
  return text.toString('latin1', start, start + TIME);
}

function bytesOf(text: AttributesText, entry: Entry): Buffer {
  return text.subarray(entry.start, entry.end);
}

/**
 * The keys of the LMDB tables. A client code is preceded by its length, so no key of one client is
 * a prefix of another client's key or can be mistaken for one. The longest key, for an id of 256
 * characters of four bytes each, is well below LMDB's limit of 1,978 bytes.
 *
 * The key of a profile or id (in the tables `index`, `expiry`, `expiry-groups`, and in each entry
 * of `records`):
 *
 *   length of the client, client, form (one byte), then depending on the form
 *   0 …    the number of the id's kind               the value, UTF-8
 *   0x80   a tntId as Quiver makes them              its 32 lower-case hex digits as 16 bytes
 *   0x81   the handle of a profile with several ids  the number of its group of links, six bytes
 */

import { readTime, TIME_BYTES, writeTime } from '../../domain/time-bytes.ts';
import type { IdKind, VisitorId } from '../../domain/visitor-id.ts';
import { KIND_NUMBER, kindOfNumber } from '../kind-number.ts';

/** The longest key: a client of 255 bytes, an id of 256 characters of four bytes each. */
const MAX_KEY = 2048;
/** The longest id, in UTF-16 units. */
const MAX_VALUE = 512;
const HEX_TNT_ID = 0x80;
const HANDLE = 0x81;
export const HEX_DIGITS = 32;
const HEX_BYTES = HEX_DIGITS / 2;

/** The key of an id. */
export function idKey(client: string, { kind, value }: VisitorId): Buffer {
  const start = 2 + client.length;
  if (kind === 'tntId' && value.length === HEX_DIGITS) {
    const key = Buffer.allocUnsafe(start + HEX_BYTES);
    if (writeHex(key, start, value)) {
      writeClient(key, client);
      key[start - 1] = HEX_TNT_ID;
      return key;
    }
  }
  const key = Buffer.allocUnsafe(start + Buffer.byteLength(value));
  writeClient(key, client);
  key[start - 1] = KIND_NUMBER[kind];
  key.write(value, start, 'utf8');
  return key;
}

/** The key of a profile that has several ids. */
export function handleKey(client: string, group: number): Buffer {
  const start = 2 + client.length;
  const key = Buffer.allocUnsafe(start + TIME_BYTES);
  writeClient(key, client);
  key[start - 1] = HANDLE;
  writeTime(key, group, start);
  return key;
}

/** How the keys of ids of a kind start, except for tntIds as Quiver makes them. */
export function idsOfForm(client: string, kind: IdKind): Buffer {
  return Buffer.concat([clientPrefix(client), Buffer.from([KIND_NUMBER[kind]])]);
}

/** What a key stands for: an id, or the handle of a profile, which has no id. */
export function parseKey(key: Buffer): { readonly client: string; readonly id: VisitorId | undefined } {
  const start = 2 + key[0]!;
  const client = key.toString('latin1', 1, start - 1);
  const form = key[start - 1]!;
  if (form === HANDLE) return { client, id: undefined };
  if (form === HEX_TNT_ID) return { client, id: { kind: 'tntId', value: key.toString('hex', start) } };
  return { client, id: { kind: kindOfNumber(form), value: key.toString('utf8', start) } };
}

/** A reusable key buffer. */
export class ReusedKey {
  readonly bytes: Buffer = Buffer.allocUnsafe(MAX_KEY);
  /** The first n bytes, for each n used so far. */
  readonly #views: (Buffer | undefined)[] = [];
  /** The client that the first bytes encode; undefined when unknown. */
  #client: string | undefined;
  #length = 0;
  /** The text of the current key once it was asked for. */
  #text: string | undefined;

  get length(): number {
    return this.#length;
  }

  get view(): Buffer {
    const { length } = this;
    const view = this.#views[length] ?? this.bytes.subarray(0, length);
    this.#views[length] = view;
    return view;
  }

  /** The key as a string of one character per byte. */
  get text(): string {
    this.#text ??= this.bytes.toString('latin1', 0, this.#length);
    return this.#text;
  }

  /** Sets it to {@link idKey} without allocating. False when the value is too long to be an id. */
  setId(client: string, { kind, value }: VisitorId): boolean {
    if (value.length > MAX_VALUE) return false;
    const { bytes } = this;
    const start = 2 + client.length;
    this.#setClient(client);
    if (kind === 'tntId' && value.length === HEX_DIGITS && writeHex(bytes, start, value)) {
      bytes[start - 1] = HEX_TNT_ID;
      this.#changed(start + HEX_BYTES);
    } else {
      bytes[start - 1] = KIND_NUMBER[kind];
      this.#changed(start + bytes.write(value, start, 'utf8'));
    }
    return true;
  }

  /** Sets it to {@link idKey} of an id whose UTF-8 is in `from`. */
  setIdBytes(client: string, kind: IdKind, from: Uint8Array, start: number, end: number): void {
    const { bytes } = this;
    const at = 2 + client.length;
    this.#setClient(client);
    if (kind === 'tntId' && end - start === HEX_DIGITS && this.#packHex(at, from, start)) {
      bytes[at - 1] = HEX_TNT_ID;
      this.#changed(at + HEX_BYTES);
      return;
    }
    bytes[at - 1] = KIND_NUMBER[kind];
    this.#copy(at, from, start, end);
  }

  /** Sets it to a copy of bytes. */
  set(from: Uint8Array, start: number, end: number): void {
    this.#client = undefined;
    this.#copy(0, from, start, end);
  }

  /** Whether it equals a range of other bytes. */
  equals(other: Uint8Array, start: number, length: number): boolean {
    if (length !== this.length) return false;
    const { bytes } = this;
    for (let at = length - 1; at >= 0; at -= 1) if (bytes[at] !== other[start + at]) return false;
    return true;
  }

  #setClient(client: string): void {
    if (client === this.#client) return;
    writeClient(this.bytes, client);
    this.#client = client;
  }

  #copy(at: number, from: Uint8Array, start: number, end: number): void {
    const { bytes } = this;
    for (let index = start; index < end; index += 1) bytes[at + index - start] = from[index]!;
    this.#changed(at + end - start);
  }

  #changed(length: number): void {
    this.#length = length;
    this.#text = undefined;
  }

  #packHex(at: number, from: Uint8Array, start: number): boolean {
    const { bytes } = this;
    for (let index = 0; index < HEX_BYTES; index += 1) {
      const high = hexDigit(from[start + 2 * index]!);
      const low = hexDigit(from[start + 2 * index + 1]!);
      if (high > 15 || low > 15) return false;
      bytes[at + index] = high * 16 + low;
    }
    return true;
  }
}

function writeClient(key: Buffer, client: string): void {
  key[0] = client.length;
  key.write(client, 1, 'latin1');
}

/** Packs 32 hex digits. False if a character is not one; the written bytes are then unusable. */
function writeHex(key: Uint8Array, at: number, value: string): boolean {
  for (let index = 0; index < HEX_BYTES; index += 1) {
    const high = hexDigit(value.charCodeAt(2 * index));
    const low = hexDigit(value.charCodeAt(2 * index + 1));
    if (high > 15 || low > 15) return false;
    key[at + index] = high * 16 + low;
  }
  return true;
}

const NO_DIGIT = 0xff;
/** By character code. Only lower case, because an id in capitals is a different id. */
const HEX_VALUES = Uint8Array.from({ length: 128 }, (_, code) => {
  const digit = '0123456789abcdef'.indexOf(String.fromCharCode(code));
  return digit < 0 ? NO_DIGIT : digit;
});

function hexDigit(code: number): number {
  return code < 128 ? HEX_VALUES[code]! : NO_DIGIT;
}

/** An integer below 2^48 as a key. */
export function numberKey(value: number): Buffer {
  const key = Buffer.allocUnsafe(TIME_BYTES);
  writeTime(key, value, 0);
  return key;
}

/** Table `links`: group, time, kind, value; so the links of a group are ordered by age. */
export function linkKey(group: number, since: number, id: VisitorId): Buffer {
  const key = Buffer.allocUnsafe(2 * TIME_BYTES + 1 + Buffer.byteLength(id.value));
  writeTime(key, group, 0);
  writeTime(key, since, TIME_BYTES);
  key[2 * TIME_BYTES] = KIND_NUMBER[id.kind];
  key.write(id.value, 2 * TIME_BYTES + 1, 'utf8');
  return key;
}

export function parseLinkKey(key: Buffer): { since: number; id: VisitorId } {
  return {
    since: readTime(key, TIME_BYTES),
    id: { kind: kindOfNumber(key[2 * TIME_BYTES]!), value: key.toString('utf8', 2 * TIME_BYTES + 1) },
  };
}

const NAMES: ReadonlySet<number> = new Set([KIND_NUMBER.thirdPartyId, KIND_NUMBER.customerId]);

/** Whether a link is of an id that names a person rather than a device. */
export function isLinkOfName(key: Buffer): boolean {
  return NAMES.has(key[2 * TIME_BYTES]!);
}

/** The range of the links of a group. */
export function linksOf(group: number): { readonly start: Buffer; readonly end: Buffer } {
  return { start: numberKey(group), end: numberKey(group + 1) };
}

/** Table `expiry`: due time, then the profile's own key. */
export function expiryKey(sweepAt: number, home: Buffer): Buffer {
  const key = Buffer.allocUnsafe(TIME_BYTES + home.length);
  writeTime(key, sweepAt, 0);
  home.copy(key, TIME_BYTES);
  return key;
}

/** The exclusive end of the range of entries due at `now`. */
export function expiryEnd(now: number): Buffer {
  return numberKey(now + 1);
}

export function parseExpiryKey(key: Buffer): { sweepAt: number; home: Buffer } {
  return { sweepAt: readTime(key, 0), home: key.subarray(TIME_BYTES) };
}

/** How the keys of a client's ids start. */
export function clientPrefix(client: string): Buffer {
  const prefix = Buffer.allocUnsafe(1 + client.length);
  writeClient(prefix, client);
  return prefix;
}

/**
 * The keys of the LMDB tables. A client code is preceded by its length, so that no key of one client is a prefix of another's
 * or can be read as one. The longest, an id of 256 characters of four bytes each, stays well under LMDB's 1,978 bytes.
 */

import { readTime, writeTime } from '../../domain/time-bytes.ts';
import type { VisitorId } from '../../domain/visitor-id.ts';
import { KIND_NUMBER, kindOfNumber } from '../kind-number.ts';

const TIME = 6;
/** The longest key: a client of 255 bytes, an id of 256 characters of four bytes each. */
const MAX_KEY = 2048;
/** The longest id, in UTF-16 units. */
const MAX_VALUE = 512;

/** Table `profiles`: client, kind, value. */
export function profileKey(client: string, id: VisitorId): Buffer {
  const start = 2 + client.length;
  const key = Buffer.allocUnsafe(start + Buffer.byteLength(id.value));
  key[0] = client.length;
  key.write(client, 1, 'latin1');
  key[start - 1] = KIND_NUMBER[id.kind];
  key.write(id.value, start, 'utf8');
  return key;
}

/** One key in memory that is used again and again. */
export class ReusedKey {
  readonly bytes: Buffer = Buffer.allocUnsafe(MAX_KEY);
  /** The first n bytes, for each n that has occurred. */
  readonly #views: (Buffer | undefined)[] = [];
  length = 0;

  get view(): Buffer {
    const { length } = this;
    const view = this.#views[length] ?? this.bytes.subarray(0, length);
    this.#views[length] = view;
    return view;
  }

  /** Makes it the key of {@link profileKey}, without memory of its own. */
  ofProfile(client: string, { kind, value }: VisitorId): Buffer {
    // Only an id that is none can be longer than there is room.
    if (value.length > MAX_VALUE) return profileKey(client, { kind, value });
    const { bytes } = this;
    const start = 2 + client.length;
    bytes[0] = client.length;
    bytes.write(client, 1, 'latin1');
    bytes[start - 1] = KIND_NUMBER[kind];
    this.length = start + bytes.write(value, start, 'utf8');
    return this.view;
  }

  /** Puts bytes behind the first `at`. */
  set(at: number, from: Uint8Array, start: number, end: number): void {
    const { bytes } = this;
    for (let index = start; index < end; index += 1) bytes[at + index - start] = from[index]!;
    this.length = at + end - start;
  }
}

/** The client and the id that a key of `profiles` stands for. */
export function parseProfileKey(key: Buffer): { client: string; id: VisitorId } {
  const start = 2 + key[0]!;
  return {
    client: key.toString('latin1', 1, start - 1),
    id: { kind: kindOfNumber(key[start - 1]!), value: key.toString('utf8', start) },
  };
}

/** Table `links`: group, since when, kind, value; so a group reads oldest first. */
export function linkKey(group: number, since: number, id: VisitorId): Buffer {
  const key = Buffer.allocUnsafe(2 * TIME + 1 + Buffer.byteLength(id.value));
  writeTime(key, group, 0);
  writeTime(key, since, TIME);
  key[2 * TIME] = KIND_NUMBER[id.kind];
  key.write(id.value, 2 * TIME + 1, 'utf8');
  return key;
}

export function parseLinkKey(key: Buffer): { since: number; id: VisitorId } {
  return {
    since: readTime(key, TIME),
    id: { kind: kindOfNumber(key[2 * TIME]!), value: key.toString('utf8', 2 * TIME + 1) },
  };
}

/** The first key of a group of links; that of `group + 1` ends its range. */
export function linkGroupStart(group: number): Buffer {
  const key = Buffer.allocUnsafe(TIME);
  writeTime(key, group, 0);
  return key;
}

/** Table `expiry`: when to look, then the profile's own key. */
export function expiryKey(sweepAt: number, home: Buffer): Buffer {
  const key = Buffer.allocUnsafe(TIME + home.length);
  writeTime(key, sweepAt, 0);
  home.copy(key, TIME);
  return key;
}

/** The end of the range of what is due at `now`, exclusive. */
export function expiryEnd(now: number): Buffer {
  return linkGroupStart(now + 1);
}

export function parseExpiryKey(key: Buffer): { sweepAt: number; home: Buffer } {
  return { sweepAt: readTime(key, 0), home: key.subarray(TIME) };
}

/** Tables of things that belong to a client and have keys of text: the client. */
export function clientPrefix(client: string): Buffer {
  return Buffer.concat([Buffer.from([client.length]), Buffer.from(client, 'latin1')]);
}

/** The end of a range of keys that begin with `prefix`: behind all of them, for no byte of UTF-8 is 255. */
export function afterPrefix(prefix: Buffer): Buffer {
  return Buffer.concat([prefix, Buffer.from([0xff])]);
}

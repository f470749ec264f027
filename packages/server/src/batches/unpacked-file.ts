/**
 * Unpacks an uploaded file according to its first bytes: gzip, or a zip archive with one file.
 * Anything else is the file itself.
 */

import { Readable } from 'node:stream';
import { crc32, createGunzip, createInflateRaw } from 'node:zlib';
import { QuiverError } from '../errors.ts';
import { grouped } from './batch-format.ts';

/**
 * The most bytes of a zip archive (ours). Its directory is at its end, so it must be read
 * completely first.
 */
const MAX_ZIP_BYTES = 16 * 1024 * 1024;

const GZIP = Buffer.from([0x1f, 0x8b]);
const LOCAL_FILE = 0x04034b50;
const DIRECTORY_ENTRY = 0x02014b50;
const DIRECTORY_END = 0x06054b50;
const DIRECTORY_END_BYTES = 22;
/** The longest comment after the end of the directory. */
const MAX_COMMENT = 0xffff;
const STORED = 0;
const DEFLATED = 8;
const IS_ENCRYPTED = 1;

/**
 * The unpacked bytes of a file.
 *
 * @throws QuiverError `bad-request` when the gzip or zip is damaged or encrypted, or an archive
 *   does not contain exactly one file; `body-too-large` when an archive is larger than 16 MiB;
 *   errors of the chunks
 */
export async function* unpackedFile(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { start, all } = await peeked(chunks, 4);
  if (start.subarray(0, 2).equals(GZIP)) yield* inflated(all, createGunzip(), 'the file is not whole gzip');
  else if (start.length === 4 && start.readUInt32LE(0) === LOCAL_FILE) yield* fileInZip(await whole(all));
  else yield* all;
}

/** The first bytes of a stream, and the whole stream. */
async function peeked(chunks: AsyncIterable<Uint8Array>, bytes: number) {
  const iterator = chunks[Symbol.asyncIterator]();
  let read = Buffer.alloc(0);
  let isDone = false;
  while (read.length < bytes && !isDone) {
    const { value, done } = await iterator.next();
    if (done) isDone = true;
    else read = Buffer.concat([read, value]);
  }
  async function* all(): AsyncGenerator<Uint8Array, void, undefined> {
    yield read;
    if (!isDone) yield* { [Symbol.asyncIterator]: () => iterator };
  }
  return { start: read.subarray(0, bytes), all: all() };
}

async function whole(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.length;
    if (length > MAX_ZIP_BYTES) {
      throw new QuiverError(
        'body-too-large',
        `a zip archive may have ${grouped(MAX_ZIP_BYTES)} bytes; send the file itself, or gzip`,
      );
    }
    parts.push(chunk);
  }
  return Buffer.concat(parts);
}

async function* inflated(
  packed: AsyncIterable<Uint8Array>,
  inflate: NodeJS.ReadWriteStream,
  problem: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const source = Readable.from(packed, { objectMode: false });
  let fault: unknown;
  source.once('error', (error) => {
    fault = error;
    (inflate as unknown as Readable).destroy(error);
  });
  try {
    for await (const chunk of source.pipe(inflate)) yield chunk as unknown as Uint8Array;
  } catch (cause) {
    throw fault ?? refusal(problem, cause);
  } finally {
    source.destroy();
    (inflate as unknown as Readable).destroy();
  }
}

async function* fileInZip(zip: Buffer): AsyncGenerator<Uint8Array, void, undefined> {
  const { method, crc, packedBytes, bytes, start } = onlyEntry(zip);
  const packed = zip.subarray(start, start + packedBytes);
  if (packed.length !== packedBytes) throw damagedZip();
  const content =
    method === STORED
      ? [packed]
      : inflated(Readable.from([packed], { objectMode: false }), createInflateRaw(), DAMAGED_ZIP);
  let sum = 0;
  let length = 0;
  for await (const chunk of content) {
    sum = crc32(chunk, sum);
    length += chunk.length;
    yield chunk;
  }
  if (sum !== crc || length !== bytes) throw damagedZip();
}

/**
 * The only file of an archive, found through its directory (PKWARE APPNOTE, sections 4.3.7, 4.3.12
 * and 4.3.16).
 */
function onlyEntry(zip: Buffer) {
  const end = directoryEnd(zip);
  const files = [];
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left -= 1) {
    if (at + 46 > end || zip.readUInt32LE(at) !== DIRECTORY_ENTRY) throw damagedZip();
    const nameBytes = zip.readUInt16LE(at + 28);
    const isFolder = zip[at + 45 + nameBytes] === 0x2f;
    if (!isFolder) files.push(at);
    at += 46 + nameBytes + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  if (files.length !== 1) {
    throw refusal(`the zip archive has ${grouped(files.length)} files, expected one`);
  }
  const entry = files[0]!;
  if ((zip.readUInt16LE(entry + 8) & IS_ENCRYPTED) !== 0) throw refusal('the zip archive is encrypted');
  const method = zip.readUInt16LE(entry + 10);
  if (method !== STORED && method !== DEFLATED) {
    throw refusal(
      `the zip archive is packed in a way that is not known (method ${method}), expected deflate`,
    );
  }
  const local = zip.readUInt32LE(entry + 42);
  if (local + 30 > zip.length || zip.readUInt32LE(local) !== LOCAL_FILE) throw damagedZip();
  return {
    method,
    crc: zip.readUInt32LE(entry + 16),
    packedBytes: zip.readUInt32LE(entry + 20),
    bytes: zip.readUInt32LE(entry + 24),
    start: local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28),
  };
}

function directoryEnd(zip: Buffer): number {
  const least = Math.max(0, zip.length - DIRECTORY_END_BYTES - MAX_COMMENT);
  for (let at = zip.length - DIRECTORY_END_BYTES; at >= least; at -= 1) {
    if (zip.readUInt32LE(at) === DIRECTORY_END) return at;
  }
  throw damagedZip();
}

const DAMAGED_ZIP = 'the zip archive is damaged or cut short';

function damagedZip(): QuiverError {
  return refusal(DAMAGED_ZIP);
}

function refusal(message: string, cause?: unknown): QuiverError {
  return new QuiverError('bad-request', message, { cause });
}

/**
 * The file of `quiver import`, as a batch on disk that can be read twice: once to check, once to
 * send.
 */

import { createReadStream, rmSync } from 'node:fs';
import { mkdtemp, open, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BatchKey } from '../batches/column-name.ts';
import { csvToBatch, type RefusedRecord } from '../batches/csv-to-batch.ts';
import { ClientFailure, EXIT } from './client-failure.ts';

export interface CsvColumns {
  readonly key: string;
  readonly as: BatchKey;
  readonly delimiter?: string;
}

export interface ImportSource {
  /** The name of the file in messages. */
  readonly name: string;
  /** Reads the file, or the part from byte `start` up to `end`. */
  read(start?: number, end?: number): AsyncIterable<Uint8Array>;
  /** The line of the user's file that a line of the batch came from. */
  lineOf(batchLine: number): number;
  /** Records of a table that did not become a row. */
  readonly refused: readonly RefusedRecord[];
  /** Removes temporary files. */
  close(): Promise<void>;
}

/**
 * Opens a file, or stdin for `-`. Input that cannot be read twice is first copied to a temporary
 * folder; a table is copied as the batch made from it.
 *
 * @throws ClientFailure `wrongUse` when it cannot be read; QuiverError when it is not a valid table
 */
export async function openSource(file: string, columns: CsvColumns | undefined): Promise<ImportSource> {
  const name = file === '-' ? 'stdin' : file;
  const chunks = () => readable(name, file === '-' ? process.stdin : createReadStream(file));
  if (columns === undefined && file !== '-' && (await isRegularFile(file))) {
    return {
      name,
      read: (start = 0, end) => readable(name, createReadStream(file, range(start, end))),
      lineOf: (line) => line,
      refused: [],
      close: async () => {},
    };
  }
  const aside = await putAside();
  try {
    const refused: RefusedRecord[] = [];
    const lines: number[] = [];
    const content =
      columns === undefined
        ? chunks()
        : csvToBatch(chunks(), {
            ...columns,
            refused: (record) => refused.push(record),
            written: (line) => lines.push(line),
          });
    for await (const piece of content) await aside.write(piece);
    await aside.finish();
    return {
      name,
      read: (start = 0, end) => createReadStream(aside.path, range(start, end)),
      // A batch made from a table has one line per row, after the header.
      lineOf: (line) => (columns === undefined ? line : (lines[line - 2] ?? line)),
      refused,
      close: aside.remove,
    };
  } catch (error) {
    await aside.remove();
    throw error;
  }
}

function range(
  start: number,
  end: number | undefined,
): { start: number; end?: number; highWaterMark: number } {
  return { start, ...(end !== undefined && { end: end - 1 }), highWaterMark: 256 * 1024 };
}

async function isRegularFile(file: string): Promise<boolean> {
  try {
    const found = await stat(file);
    if (found.isDirectory()) throw new ClientFailure(EXIT.wrongUse, `${file} is a folder`);
    return found.isFile();
  } catch (error) {
    throw error instanceof ClientFailure ? error : cannotRead(file, error);
  }
}

async function* readable(
  name: string,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* chunks;
  } catch (error) {
    throw cannotRead(name, error);
  }
}

/** The failure for a file that could not be read. */
export function cannotRead(name: string, cause: unknown): ClientFailure {
  const { code, message } = cause as NodeJS.ErrnoException;
  const why = code === 'ENOENT' ? 'no such file' : message;
  return new ClientFailure(EXIT.wrongUse, `cannot read ${name}: ${why}`, { cause });
}

interface Aside {
  readonly path: string;
  write(piece: Uint8Array | string): Promise<void>;
  finish(): Promise<void>;
  remove(): Promise<void>;
}

/**
 * A temporary file that no other user can read; it is removed even when the user interrupts the
 * command.
 */
async function putAside(): Promise<Aside> {
  const folder = await mkdtemp(join(tmpdir(), 'quiver-import-'));
  const path = join(folder, 'file.batch');
  const removeNow = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', removeNow);
  const handle = await open(path, 'wx', 0o600);
  let isOpen = true;
  const finish = async () => {
    if (isOpen) await handle.close();
    isOpen = false;
  };
  return {
    path,
    write: async (piece) => handle.appendFile(piece),
    finish,
    remove: async () => {
      await finish();
      await rm(folder, { recursive: true, force: true });
      process.off('exit', removeNow);
    },
  };
}

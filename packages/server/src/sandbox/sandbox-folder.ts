/**
 * The folder of a sandbox's store: a temporary one that is removed with it, or one that stays
 * (contract section 13).
 *
 * A folder that stays has a file that says in which room each client is. Rooms that are no longer
 * used still occupy the store.
 */

import { randomBytes } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureSigningKey } from '../access/signing-key.ts';
import { QuiverError } from '../errors.ts';
import { lockDataFolder } from '../locks/data-folder-lock.ts';
import { syncFolder } from '../storage/sync-folder.ts';
import { z } from '../wire/schema.ts';

export interface SandboxFolder {
  readonly path: string;
  /** The key that signs the tokens of the sandbox. */
  readonly signingKey: string;
  /** The room that each client was in when the sandbox ended, by client code. */
  readonly rooms: ReadonlyMap<string, string>;
  /** A name that no room of the folder has ever had. */
  nextRoom(client: string): string;
  /** Records that a client is in a room from now on; durable when it returns. */
  enter(client: string, room: string): Promise<void>;
  /** Releases the folder when the store is closed; a temporary one is removed. */
  release(): Promise<void>;
}

const NOTE = 'sandbox.json';
const Note = z.object({
  quiverSandbox: z.literal(1),
  starts: z.int().min(0),
  rooms: z.record(z.string(), z.string()),
});

/** A folder that is removed when the sandbox ends, or else with the process. */
export async function temporaryFolder(signingKey: string | undefined): Promise<SandboxFolder> {
  const path = await mkdtemp(join(tmpdir(), 'quiver-sandbox-'));
  removeWithProcess(path);
  let rooms = 0;
  return {
    path,
    signingKey: signingKey ?? randomBytes(32).toString('base64url'),
    rooms: new Map(),
    nextRoom: (client) => `${client}~${++rooms}`,
    enter: async () => undefined,
    async release() {
      await rm(path, { recursive: true, force: true });
      keepWithProcess(path);
    },
  };
}

/** The temporary folders of this process. One listener serves all of them. */
const temporary = new Set<string>();
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

function removeWithProcess(path: string): void {
  if (temporary.size === 0) {
    process.once('exit', removeAll);
    for (const signal of SIGNALS) process.on(signal, endBySignal);
  }
  temporary.add(path);
}

function keepWithProcess(path: string): void {
  if (!temporary.delete(path) || temporary.size > 0) return;
  process.off('exit', removeAll);
  for (const signal of SIGNALS) process.off(signal, endBySignal);
}

function removeAll(): void {
  for (const path of temporary) rmSync(path, { recursive: true, force: true });
}

/**
 * A process that is ended by a signal emits no `exit`, for example a test that is stopped with
 * Ctrl-C. If other code listens for the signal, that code decides when the process ends.
 */
function endBySignal(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  removeAll();
  process.off(signal, endBySignal);
  process.kill(process.pid, signal);
}

/**
 * A folder that stays, created if it is missing.
 *
 * @throws QuiverError (rejects) `bad-request` for a folder that holds anything but a sandbox
 * @throws DataFolderInUse (rejects) while another process uses it
 */
export async function lastingFolder(path: string, signingKey: string | undefined): Promise<SandboxFolder> {
  const file = join(path, NOTE);
  await mkdir(path, { recursive: true, mode: 0o700 });
  if (!existsSync(file) && (await readdir(path)).length > 0) {
    throw new QuiverError('bad-request', `data: ${path} holds something that is no sandbox`);
  }
  const lock = await lockDataFolder(path, 'sandbox');
  try {
    const note = await readNote(file);
    const start = note.starts + 1;
    const rooms = new Map(Object.entries(note.rooms));
    const write = () =>
      writeNote(path, { quiverSandbox: 1, starts: start, rooms: Object.fromEntries(rooms) });
    await write();
    let made = 0;
    let writing: Promise<void> = Promise.resolve();
    return {
      path,
      signingKey: await ensureSigningKey(path, { signingKey, edgeSecret: undefined }),
      rooms: new Map(rooms),
      nextRoom: (client) => `${client}~${start}.${++made}`,
      enter(client, room) {
        if (rooms.get(client) === room) return writing;
        rooms.set(client, room);
        writing = writing.catch(() => undefined).then(write);
        return writing;
      },
      async release() {
        await writing.catch(() => undefined);
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function readNote(file: string): Promise<z.infer<typeof Note>> {
  if (!existsSync(file)) return { quiverSandbox: 1, starts: 0, rooms: {} };
  try {
    return Note.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    throw new QuiverError('bad-request', `data: ${file} is not what a sandbox writes`);
  }
}

async function writeNote(folder: string, note: z.infer<typeof Note>): Promise<void> {
  const draft = join(folder, `${NOTE}.draft`);
  const handle = await open(draft, 'w', 0o600);
  try {
    await handle.writeFile(`${JSON.stringify(note)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, join(folder, NOTE));
  await syncFolder(folder);
}

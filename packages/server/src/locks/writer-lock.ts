/**
 * Finds who holds the writer lock of an embedded store. The lock is a mutex of the engine in its
 * lock file, in shared memory. The kernel frees it when its owner dies; it stays locked while its
 * owner is stopped or waits for its disk.
 *
 * Only call this from a process that has not opened the store: closing a file drops all locks that
 * the process has on it, including those of the engine (fcntl).
 */

import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout } from 'node:timers/promises';

export interface WriterLockHolder {
  readonly pid: number;
  /** The command line, as the process list shows it. */
  readonly command: string;
  /** The kernel's state of the process, for instance `T (stopped)` or `D (disk sleep)`. */
  readonly state: string;
  /**
   * The last commit to the store. The same holder after the same commit is still in the same
   * transaction.
   */
  readonly lastCommit: string;
}

const MAGIC = 0xbeefc0de;
const MAGIC_AT = 0;
const LAST_COMMIT_AT = 8;
/**
 * The offset of the writers' mutex, which starts with the id of the thread that holds it; glibc's
 * layout, by processor.
 */
const MUTEX_AT: Readonly<Record<string, number>> = { x64: 64, arm64: 128 };
/** The two highest bits say that others wait, and that the owner has died. */
const THREAD_BITS = 0x3fffffff;

/**
 * Finds the process that holds the writer lock now.
 *
 * @param lockFile the engine's lock file
 * @returns undefined when no process holds it, or when the holder cannot be determined; that is
 *   possible only on Linux, for processes of the same container
 */
export async function writerLockHolder(lockFile: string): Promise<WriterLockHolder | undefined> {
  const mutexAt = MUTEX_AT[process.arch];
  if (process.platform !== 'linux' || mutexAt === undefined) return undefined;
  try {
    const file = await readFile(lockFile);
    if (file.readUInt32LE(MAGIC_AT) !== MAGIC) return undefined;
    const thread = file.readUInt32LE(mutexAt) & THREAD_BITS;
    if (thread === 0) return undefined;
    const status = await readFile(`/proc/${thread}/status`, 'utf8');
    const pid = Number(/^Tgid:\s+(\d+)$/m.exec(status)![1]);
    const state = /^State:\s+(.*)$/m.exec(status)![1]!;
    // After a power cut the file names an old thread, whose number may now belong to another
    // process.
    const mapped = await readFile(`/proc/${pid}/maps`, 'utf8');
    if (!mapped.includes(`/${basename(lockFile)}\n`)) return undefined;
    const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ').trim();
    return { pid, command, state, lastCommit: String(file.readBigUInt64LE(LAST_COMMIT_AT)) };
  } catch {
    // It has released the lock and ended in between, or access is denied.
    return undefined;
  }
}

/**
 * How long a holder may stay in one transaction before it counts as stuck, in milliseconds. A slow
 * disk may need seconds for one commit.
 */
const STUCK_AFTER_MS = 5000;
const LOOK_EVERY_MS = 50;

/**
 * Waits until the writer lock is free or its holder has made progress.
 *
 * @param lockFile as for {@link writerLockHolder}
 * @returns undefined at once when no process holds it; the holder when it has been in one
 *   transaction for five seconds
 */
export async function stuckWriterLockHolder(lockFile: string): Promise<WriterLockHolder | undefined> {
  const first = await writerLockHolder(lockFile);
  if (first === undefined) return undefined;
  for (const until = performance.now() + STUCK_AFTER_MS; performance.now() < until; ) {
    await setTimeout(LOOK_EVERY_MS);
    const now = await writerLockHolder(lockFile);
    if (now?.pid !== first.pid || now.lastCommit !== first.lastCommit) return undefined;
  }
  return first;
}

/** One line on a holder that blocks all others. */
export function stuckHolderProblem(lockFile: string, { pid, command, state }: WriterLockHolder): string {
  const who = `process ${pid} (${command}; ${state})`;
  const advice = `let it go on (kill -CONT ${pid}) or end it (kill -KILL ${pid})`;
  return `${lockFile}: ${who} holds the writer lock of the store and does not go on; ${advice}`;
}

/**
 * Scheduled backups (`--backup-every`): a server makes them into one folder and keeps the newest.
 *
 * waiting   A timer runs until the newest backup in the folder is as old as the schedule says;
 *           after a failure, until the next try. An empty folder gets its first backup at once.
 * making    `quiver backup` runs as a separate process, so that it can neither delay nor crash the
 *           server. It writes to a subfolder that is emptied before every backup, so an
 *           interrupted one leaves nothing behind; the complete backup is then moved to its name.
 * stopped   No timer and no process.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import type { BackupSchedule } from '../config/config.ts';
import type { Log } from '../log.ts';
import { backupMetrics } from '../metering/supervisor-metrics.ts';
import { ownCommand } from '../runtime/own-command.ts';
import { syncFolder } from '../storage/sync-folder.ts';

/** The subfolder of an incomplete backup. */
const DRAFTS_FOLDER = '.unfinished';
const NAME = /^quiver-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;
/** The pause after a failure; shorter when backups are more frequent than that. */
const RETRY_MS = 15 * 60_000;
/** The longest time of one timer, well below the limit of the runtime (24 days). */
const MAX_TIMER_MS = 6 * 3_600_000;
const MAX_REASON_LENGTH = 1000;
/** Lower than that of the server's processes. */
const PRIORITY = 10;

export class ScheduledBackups {
  readonly #schedule: BackupSchedule;
  readonly #dataDir: string;
  readonly #log: Log;
  #timer: NodeJS.Timeout | undefined;
  #child: ChildProcess | undefined;
  #running: Promise<void> = Promise.resolve();
  #isStopped = false;
  #retryAt = 0;
  #newestAt: number | undefined;
  #made = 0;
  #failed = 0;

  /** @param dataDir the data folder to back up, absolute */
  constructor(schedule: BackupSchedule, dataDir: string, log: Log) {
    this.#schedule = schedule;
    this.#dataDir = dataDir;
    this.#log = log;
  }

  /** Makes a backup now if one is due, and later whenever one is. */
  start(): void {
    this.#running = this.#makeIfDue();
  }

  /** Aborts a running backup, which leaves nothing that looks like a backup. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#child?.kill('SIGTERM');
    await this.#running;
  }

  /** Its metrics, in the form in which prom-client's registries report. */
  metrics(): object[] {
    return backupMetrics({ made: this.#made, failed: this.#failed, newestAt: this.#newestAt });
  }

  async #makeIfDue(): Promise<void> {
    const { folder } = this.#schedule;
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      this.#newestAt = (await backupsIn(folder)).at(-1)?.madeAt;
      if (Date.now() >= this.#dueAt() && !this.#isStopped) await this.#make();
    } catch (error) {
      if (!this.#isStopped) this.#hasFailed(error);
    }
    if (this.#isStopped) return;
    const pause = Math.min(Math.max(this.#dueAt() - Date.now(), 1000), MAX_TIMER_MS);
    this.#timer = setTimeout(() => this.start(), pause);
    this.#timer.unref();
  }

  #dueAt(): number {
    const next = this.#newestAt === undefined ? 0 : this.#newestAt + this.#schedule.everyMs;
    return Math.max(this.#retryAt, next);
  }

  async #make(): Promise<void> {
    const { folder, keep } = this.#schedule;
    const drafts = join(folder, DRAFTS_FOLDER);
    await rm(drafts, { recursive: true, force: true });
    await mkdir(drafts, { mode: 0o700 });
    const madeAt = Date.now();
    const name = `quiver-${new Date(madeAt).toISOString().replaceAll(/[-:]|\.\d+/g, '')}`;
    try {
      await this.#run(join(drafts, name));
      await rename(join(drafts, name), join(folder, name));
      await syncFolder(folder);
    } finally {
      await rm(drafts, { recursive: true, force: true });
    }
    this.#made += 1;
    this.#newestAt = madeAt;
    this.#log.info({ backup: join(folder, name), seconds: (Date.now() - madeAt) / 1000 }, 'backed up');
    const old = (await backupsIn(folder)).slice(0, -keep);
    for (const { name: oldName } of old) {
      await rm(join(folder, oldName), { recursive: true, force: true });
      this.#log.info({ backup: join(folder, oldName) }, 'removed an old backup');
    }
  }

  /** Runs `quiver backup`. @throws Error with its message when it fails */
  async #run(target: string): Promise<void> {
    const [command, ...args] = ownCommand('backup', '--store', 'lmdb', '--data', this.#dataDir, target);
    // The server's variables must not affect this command, and it needs no secrets.
    const env = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !name.startsWith('QUIVER_')),
    );
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], env });
    this.#child = child;
    let output = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output = `${output}${text}`.slice(-MAX_REASON_LENGTH);
    });
    try {
      const how = await new Promise<string | number>((resolve, reject) => {
        child.once('error', reject);
        child.once('close', (code, signal) => resolve(signal ?? code ?? 0));
        if (child.pid !== undefined) lowerPriority(child.pid);
      });
      if (how !== 0) throw new Error(output.trim().replace(/^quiver: /, '') || `it ended with ${how}`);
    } finally {
      this.#child = undefined;
    }
  }

  #hasFailed(error: unknown): void {
    const pause = Math.min(RETRY_MS, this.#schedule.everyMs);
    this.#failed += 1;
    this.#retryAt = Date.now() + pause;
    const reason = (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, ' ');
    this.#log.error({ reason, nextTryInSeconds: pause / 1000 }, 'a scheduled backup failed');
  }
}

interface ScheduledBackup {
  readonly name: string;
  /** Milliseconds since 1970, a whole second. */
  readonly madeAt: number;
}

/** The complete backups of a schedule in `folder`, oldest first; nothing else there counts. */
async function backupsIn(folder: string): Promise<ScheduledBackup[]> {
  const names = (await readdir(folder)).filter((name) => NAME.test(name)).sort();
  return names.map((name) => ({ name, madeAt: Date.parse(name.replace(NAME, '$1-$2-$3T$4:$5:$6Z')) }));
}

function lowerPriority(pid: number): void {
  try {
    setPriority(pid, PRIORITY);
  } catch {
    // It has already ended, or the system does not allow it; then it runs with normal priority.
  }
}

/**
 * Runs scripts in their own thread, so that they harm nobody (contract section 16).
 *
 * There are two threads, or none while nobody has scripts. Jobs go to the `active` one. Every few
 * milliseconds the runner checks whether a thread is still at the same job as before:
 *
 * its script has used   what follows
 * -------------------   ---------------------------------------------------------------------------
 * 4 ms                  the thread is stuck: the waiting jobs go to the other thread, which becomes
 *                       active
 * 12 ms                 the thread is ended and replaced; the job starts again in the other one,
 *                     without the script that hung, or, if that is unknown, with each one watched
 *
 * These are milliseconds of processor time (`thread-time.ts`), counted from the first check that
 * finds the same script as the check before.
 *
 * A client whose script has hung is suspect for a minute: its visits run in the thread that is not
 * active, where they delay nobody else, and continue without scripts if that takes too long. Only
 * the serving thread stores what a script did, so running a job again changes nothing.
 *
 * If a thread cannot be started, a later visit tries again, after at least 0.1 s, then 0.2 s and so
 * on up to a minute. Until then no script runs, and `problem` says why.
 */

import type { Worker } from 'node:worker_threads';
import type { Log } from '../log.ts';
import type { EngineOutcome, EngineScript } from './script-engine.ts';
import {
  BEGUN,
  type DoneJob,
  READY,
  RUNNING_JOB,
  RUNNING_SCRIPT,
  type SentJob,
  type SentScripts,
  SHARED_BYTES,
  type StoppedScript,
  THREAD,
} from './script-messages.ts';
import { startScriptThread } from './script-thread.ts';
import { threadTime } from './thread-time.ts';

/** The scripts of a client at one point in time: the same object while they do not change. */
export interface ScriptSet {
  readonly client: string;
  readonly scripts: readonly EngineScript[];
}

/** The result of running scripts. */
export interface RunnerOutcome {
  /** Undefined when they could not be run in time; nothing is known of them then. */
  readonly outcome: EngineOutcome | undefined;
  readonly stopped: readonly StoppedScript[];
}

export interface RunnerTimes {
  /** The interval between checks, in milliseconds. */
  readonly lookMs: number;
  /**
   * After how much processor time of a script its thread is stuck, and is ended, in milliseconds.
   */
  readonly stuckMs: number;
  readonly endedMs: number;
  /** After how many milliseconds a visit of a suspect client continues without scripts. */
  readonly suspectMs: number;
  /** After how many milliseconds a thread that is not ready counts as failed. */
  readonly startMs: number;
  /** The first and the longest pause before another try, in milliseconds. */
  readonly firstRetryMs: number;
  readonly lastRetryMs: number;
}

export const RUNNER_TIMES: RunnerTimes = {
  ...{ lookMs: 4, stuckMs: 4, endedMs: 12, suspectMs: 40 },
  ...{ startMs: 30_000, firstRetryMs: 100, lastRetryMs: 60_000 },
};

const SUSPECT_FOR_MS = 60_000;
/** A job that has ended this many threads is given up. */
const MAX_ENDED = 3;
const MAX_ID = 0x3fff_ffff;
/** A thread is ended because one of its scripts took too long. */
const HUNG = 'hung';
const NOTHING: RunnerOutcome = { outcome: undefined, stopped: [] };

interface Job {
  readonly id: number;
  readonly set: ScriptSet;
  readonly json: string;
  isWatched: boolean;
  readonly stopped: StoppedScript[];
  ended: number;
  readonly done: (outcome: RunnerOutcome) => void;
}

export class ScriptRunner {
  readonly #log: Log;
  readonly #times: RunnerTimes;
  readonly #start: typeof startScriptThread;
  #active: ScriptThread | undefined;
  #other: ScriptThread | undefined;
  /** When a script of a client last hung, in monotonic milliseconds. */
  readonly #suspects = new Map<string, number>();
  #looking: NodeJS.Timeout | undefined;
  #lastId = 0;
  #isClosed = false;
  /**
   * How many threads in a row could not be started, and until when none is started, in monotonic
   * milliseconds.
   */
  #failures = 0;
  #retryAt = 0;
  #problem: string | undefined;

  /** @param start creates a thread; replaced in tests */
  constructor(log: Log, times = RUNNER_TIMES, start = startScriptThread) {
    this.#log = log;
    this.#times = times;
    this.#start = start;
  }

  /** Why no script runs at the moment; undefined when no reason is known. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /**
   * Runs the scripts of a client on the input in `json`, in the shape that the prelude reads.
   *
   * @param isWatched whether each run is measured
   * @returns never rejects: a visit continues without its scripts
   */
  run(set: ScriptSet, json: string, isWatched: boolean): Promise<RunnerOutcome> {
    if (this.#isClosed) return Promise.resolve(NOTHING);
    this.#active ??= this.#newThread();
    this.#other ??= this.#newThread();
    const [active, other] = [this.#active, this.#other];
    // Without a second thread, a script that hangs would delay the others.
    if (!active || !other) return Promise.resolve(NOTHING);
    return new Promise((resolve) => {
      this.#lastId = (this.#lastId % MAX_ID) + 1;
      let timer: NodeJS.Timeout | undefined;
      const done = (outcome: RunnerOutcome) => {
        clearTimeout(timer);
        resolve(outcome);
      };
      const isSuspect = this.#isSuspect(set.client);
      const job: Job = {
        ...{ id: this.#lastId, set, json, isWatched: isWatched || isSuspect },
        ...{ stopped: [], ended: 0, done },
      };
      if (isSuspect) {
        timer = setTimeout(() => {
          this.#active?.leave(job);
          this.#other?.leave(job);
          resolve({ outcome: undefined, stopped: job.stopped });
        }, this.#times.suspectMs);
      }
      (isSuspect ? other : active).take(job);
      this.#looking ??= setInterval(() => this.#look(), this.#times.lookMs);
    });
  }

  /** Ends the threads; remaining jobs have no result. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#looking);
    const threads = [this.#active, this.#other].filter((thread) => thread !== undefined);
    for (const thread of threads) for (const job of thread.jobs()) job.done(NOTHING);
    await Promise.all(threads.map((thread) => thread.end()));
  }

  /** Starts a thread; undefined when the last attempts failed. */
  #newThread(): ScriptThread | undefined {
    if (performance.now() < this.#retryAt) return undefined;
    try {
      return new ScriptThread(this.#start, {
        ready: () => {
          this.#failures = 0;
          this.#problem = undefined;
        },
        failed: (thread, reason) => this.#ended(thread, `ended the thread: ${reason}`),
      });
    } catch (error) {
      this.#cannotStart((error as Error).message);
      return undefined;
    }
  }

  #cannotStart(reason: string): void {
    const { firstRetryMs, lastRetryMs } = this.#times;
    const waitMs = Math.min(firstRetryMs * 2 ** this.#failures, lastRetryMs);
    this.#failures += 1;
    this.#retryAt = performance.now() + waitMs;
    this.#problem = `the thread of the scripts cannot be started: ${reason}`;
    this.#log.error({ reason, waitMs }, 'profile scripts do not run: their thread cannot be started');
  }

  #isSuspect(client: string): boolean {
    const since = this.#suspects.get(client);
    if (since === undefined) return false;
    if (performance.now() - since < SUSPECT_FOR_MS) return true;
    this.#suspects.delete(client);
    return false;
  }

  #look(): void {
    const threads = [this.#active, this.#other].filter((thread) => thread !== undefined);
    if (threads.every((thread) => thread.isIdle)) {
      clearInterval(this.#looking);
      this.#looking = undefined;
      return;
    }
    for (const thread of threads) {
      if (thread.isLate(this.#times.startMs)) {
        this.#ended(thread, 'was not ready in time');
        continue;
      }
      const ms = thread.look();
      if (ms >= this.#times.endedMs) this.#ended(thread, HUNG);
      else if (ms >= this.#times.stuckMs && thread === this.#active) this.#promote(thread);
    }
  }

  /** The other thread takes over what waits behind the job at which this one is stuck. */
  #promote(stuck: ScriptThread): void {
    const next = this.#other;
    if (!next) return;
    [this.#active, this.#other] = [next, stuck];
    const running = stuck.running;
    for (const job of stuck.jobs()) {
      if (job.id === running) continue;
      stuck.leave(job);
      next.take(job);
    }
  }

  /** A thread hangs or has failed: it is replaced, and its jobs are done by others. */
  #ended(thread: ScriptThread, reason: string): void {
    if (this.#isClosed || (thread !== this.#active && thread !== this.#other)) return;
    const { running, script } = thread;
    const jobs = thread.jobs();
    if (thread === this.#active) this.#active = this.#other;
    this.#other = undefined;
    if (!thread.isReady) this.#cannotStart(reason);
    // A thread that is not needed now is started when it is.
    else if (jobs.length > 0) this.#other = this.#newThread();
    // If no script was running, the first job has ended it, because jobs are done in order.
    const culprit = running !== 0 ? running : thread.isReady ? jobs[0]?.id : undefined;
    for (const job of jobs) {
      if (job.id === culprit) this.#again(job, running === 0 ? -1 : script, reason);
      else this.#hand(job);
    }
    void thread.end();
  }

  /** Gives a job to the active thread; without one it has no result. */
  #hand(job: Job): void {
    if (this.#active) this.#active.take(job);
    else job.done({ outcome: undefined, stopped: job.stopped });
  }

  #again(job: Job, script: number, reason: string): void {
    const { client } = job.set;
    this.#suspects.set(client, performance.now());
    this.#log.warn({ client, script: job.set.scripts[script]?.name }, `a profile script ${reason}`);
    const isSlow = reason === HUNG;
    const why = isSlow ? 'took too long and was ended' : reason;
    if (script >= 0) job.stopped.push({ script, reason: why, isSlow });
    job.isWatched = true;
    job.ended += 1;
    if (job.ended < MAX_ENDED) this.#hand(job);
    else job.done({ outcome: undefined, stopped: job.stopped });
  }
}

interface ThreadEvents {
  readonly ready: () => void;
  readonly failed: (thread: ScriptThread, reason: string) => void;
}

/** One thread and its jobs, in order. */
class ScriptThread {
  readonly #worker: Worker;
  readonly #shared = new Int32Array(new SharedArrayBuffer(SHARED_BYTES));
  readonly #jobs = new Map<number, Job>();
  /** The scripts of each client that it has received. */
  readonly #known = new Map<string, ScriptSet>();
  /** What it was at in the last check, and its time when it was first seen there again. */
  #seen: { readonly begun: number | undefined; since: number | undefined } = {
    begun: undefined,
    since: undefined,
  };

  readonly #startedAt = performance.now();
  #isReady = false;

  /** @throws what `start` throws */
  constructor(start: typeof startScriptThread, { ready, failed }: ThreadEvents) {
    this.#worker = start(this.#shared.buffer);
    this.#worker.unref();
    this.#worker.on('message', (done: DoneJob) => {
      if (done.id !== READY) return this.#take(done);
      this.#isReady = true;
      ready();
    });
    this.#worker.on('error', (error) => failed(this, error.message));
    this.#worker.on('exit', (code) => failed(this, `it has ended with ${code}`));
  }

  /** Whether it has ever been able to run scripts. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Whether it should have been ready long ago. */
  isLate(startMs: number): boolean {
    return !this.#isReady && performance.now() - this.#startedAt > startMs;
  }

  get isIdle(): boolean {
    return this.#jobs.size === 0;
  }

  /** The job whose scripts it runs at the moment; 0 for none. */
  get running(): number {
    return Atomics.load(this.#shared, RUNNING_JOB);
  }

  /** The script that it runs; -1 when it may be any. */
  get script(): number {
    return Atomics.load(this.#shared, RUNNING_SCRIPT);
  }

  jobs(): Job[] {
    return [...this.#jobs.values()];
  }

  take(job: Job): void {
    const { set } = job;
    if (this.#known.get(set.client) !== set) {
      this.#known.set(set.client, set);
      this.#tell({ kind: 'scripts', client: set.client, scripts: set.scripts });
    }
    this.#jobs.set(job.id, job);
    const scripts = Array.from(set.scripts, (_, place) => place).filter(
      (place) => !job.stopped.some(({ script }) => script === place),
    );
    const { id, json, isWatched } = job;
    this.#tell({ kind: 'run', id, client: set.client, json, scripts, isWatched });
  }

  /** Nobody waits for this job any more. */
  leave({ id }: Job): void {
    this.#jobs.delete(id);
  }

  /**
   * @returns how long the same script has been running at least, in milliseconds of processor time
   */
  look(): number {
    const begun = this.running === 0 ? undefined : Atomics.load(this.#shared, BEGUN);
    if (begun === undefined || begun !== this.#seen.begun) {
      this.#seen = { begun, since: undefined };
      return 0;
    }
    const time = threadTime(Atomics.load(this.#shared, THREAD));
    this.#seen.since ??= time;
    return time - this.#seen.since;
  }

  async end(): Promise<void> {
    this.#jobs.clear();
    await this.#worker.terminate();
  }

  #tell(message: SentScripts | SentJob): void {
    this.#worker.postMessage(message);
  }

  #take({ id, outcome, stopped }: DoneJob): void {
    const job = this.#jobs.get(id);
    this.#jobs.delete(id);
    job?.done({ outcome, stopped: [...job.stopped, ...stopped] });
  }
}

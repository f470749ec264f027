/**
 * Has scripts run in a thread of its own, and keeps them from harming anybody (contract section
 * 16).
 *
 * There are two threads, or none as long as nobody has scripts. Jobs go to the one that is
 * `active`. Every few milliseconds the runner looks whether a thread is still at the job that it
 * was at before:
 *
 *   its script has had   what follows
 *   ------------------   ----------------------------------------------------------------------------------------
 *   4 ms                 the thread is stuck: the jobs behind go to the other thread, which is active from now on
 *   12 ms                the thread is ended and replaced; the job begins anew in the other one, without the script
 *                        that hung, or, when that is not known yet, with each script watched
 *
 * Milliseconds are of processor time (`thread-time.ts`), from the first look that finds it at the
 * same script as the look before.
 *
 * A client whose script has hung is suspect for a minute: its visits run in the thread that is not
 * active, where they keep nobody else waiting, and go on without scripts when that takes too long.
 * What a script did is only stored by the serving thread, so to run a job again changes nothing.
 *
 * A thread that cannot be started is tried again with a visit, at the earliest after 0.1 s, then
 * 0.2 s and so on up to a minute. Until then no script runs, and `problem` says why.
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

/**
 * The scripts of a client as they are at one moment: the same object for as long as they do not
 * change.
 */
export interface ScriptSet {
  readonly client: string;
  readonly scripts: readonly EngineScript[];
}

/** What came of running scripts. */
export interface RunnerOutcome {
  /** Undefined when they could not be run in time; nothing of them is known then. */
  readonly outcome: EngineOutcome | undefined;
  readonly stopped: readonly StoppedScript[];
}

export interface RunnerTimes {
  /** Between looks, in milliseconds. */
  readonly lookMs: number;
  /**
   * How long a script may run until its thread is stuck, and until it is ended, in milliseconds of
   * processor time.
   */
  readonly stuckMs: number;
  readonly endedMs: number;
  /** After how many milliseconds a visit of a suspect client continues without scripts. */
  readonly suspectMs: number;
  /** After how many milliseconds a thread that is not ready counts as failed. */
  readonly startMs: number;
  /** How long the first wait for another try is, and the longest, in milliseconds. */
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
/** Why a thread is ended: one of its scripts took too long. */
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
  /** When a script of a client hung last, in monotonic milliseconds. */
  readonly #suspects = new Map<string, number>();
  #looking: NodeJS.Timeout | undefined;
  #lastId = 0;
  #isClosed = false;
  /**
   * How many threads in a row could not be started, and until when none is tried, in monotonic
   * milliseconds.
   */
  #failures = 0;
  #retryAt = 0;
  #problem: string | undefined;

  /** @param start what makes a thread; another one in tests */
  constructor(log: Log, times = RUNNER_TIMES, start = startScriptThread) {
    this.#log = log;
    this.#times = times;
    this.#start = start;
  }

  /** Why no script runs at present; undefined when nothing is known to keep them from it. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /**
   * Runs the scripts of a client on what `json` says, as the prelude reads it.
   *
   * @param isWatched whether each run is measured
   * @returns never rejects: a visit continues without its scripts
   */
  run(set: ScriptSet, json: string, isWatched: boolean): Promise<RunnerOutcome> {
    if (this.#isClosed) return Promise.resolve(NOTHING);
    this.#active ??= this.#newThread();
    this.#other ??= this.#newThread();
    const [active, other] = [this.#active, this.#other];
    // Without a second thread a script that hangs would hold up the others.
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

  /** Ends the threads; jobs that are left come to nothing. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#looking);
    const threads = [this.#active, this.#other].filter((thread) => thread !== undefined);
    for (const thread of threads) for (const job of thread.jobs()) job.done(NOTHING);
    await Promise.all(threads.map((thread) => thread.end()));
  }

  /** Starts a thread; undefined when none could be started lately. */
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

  /** A thread hangs, or has failed: it is replaced, and all that it was to do is done by others. */
  #ended(thread: ScriptThread, reason: string): void {
    if (this.#isClosed || (thread !== this.#active && thread !== this.#other)) return;
    const { running, script } = thread;
    const jobs = thread.jobs();
    if (thread === this.#active) this.#active = this.#other;
    this.#other = undefined;
    if (!thread.isReady) this.#cannotStart(reason);
    // One that nobody needs is started when somebody does.
    else if (jobs.length > 0) this.#other = this.#newThread();
    // Where no script was running, the first job is the one that ended it: they are done in order.
    const culprit = running !== 0 ? running : thread.isReady ? jobs[0]?.id : undefined;
    for (const job of jobs) {
      if (job.id === culprit) this.#again(job, running === 0 ? -1 : script, reason);
      else this.#hand(job);
    }
    void thread.end();
  }

  /** Gives a job to the active thread; without one it comes to nothing. */
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

/** One thread and what it is to do, in the order in which it does it. */
class ScriptThread {
  readonly #worker: Worker;
  readonly #shared = new Int32Array(new SharedArrayBuffer(SHARED_BYTES));
  readonly #jobs = new Map<number, Job>();
  /** The scripts that it has of each client. */
  readonly #known = new Map<string, ScriptSet>();
  /** What it was at when it was looked at last, and its time when it was first seen at it again. */
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

  /** Whether it should have been ready for long. */
  isLate(startMs: number): boolean {
    return !this.#isReady && performance.now() - this.#startedAt > startMs;
  }

  get isIdle(): boolean {
    return this.#jobs.size === 0;
  }

  /** The job that it runs scripts of at this moment; 0 for none. */
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
   * @returns for how long one and the same script has run at least, in milliseconds of processor
   * time
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

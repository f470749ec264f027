/**
 * Runs scripts in their own threads, so that they harm nobody (contract section 16).
 *
 * There are three threads, or none while nobody has scripts:
 *
 * thread   what it runs
 * ------   ------------------------------------------------------------------------------------
 * active   the scripts of everybody
 * aside    those of suspect clients, and, while it has no other jobs, scripts that are on trial
 * spare    nothing; it replaces one of the others at once
 *
 * Scripts are on trial until they have all run once without being stopped. A client is suspect
 * while a thread is stuck at one of its scripts, and for a minute after one hung: its scripts delay
 * only each other. Every few milliseconds the runner checks whether a thread is still at the same
 * script as before:
 *
 * the script has used   what follows
 * -------------------   -----------------------------------------------------------------------
 * 4 ms                  the thread is stuck: if it was active, the spare is active now, and the
 *                       thread leaves: it becomes the spare again when it has finished the job. The
 *                       waiting jobs go where they belong now
 * 12 ms                 the script hangs: the thread is ended and replaced; the job starts again
 *                       aside, without the script that hung, or, if that is unknown, with each one
 *                       watched
 *
 * These are milliseconds of processor time (`thread-time.ts`), counted from the first check that
 * finds the same script as the check before.
 *
 * A visit of a suspect client continues without scripts 35 ms after they could begin, whether they
 * hang or wait for a thread. Its job is watched further: a script that hangs after that is still
 * reported. Only the serving thread stores what a script did, so running a job again changes
 * nothing.
 *
 * An ended thread is replaced at once, not with the next visit, because loading one takes 0.2 s.
 * Until it has loaded there is no spare, and scripts that hang meanwhile cost the visit the values
 * of the client's other scripts. The spare is started when the other two are ready. A thread that
 * fails without a job is replaced with the next visit, so that a machine without memory does not
 * start threads endlessly; `thread-starts.ts` says what follows when one cannot be started.
 */

import type { Log } from '../log.ts';
import { RunnerJob, type RunnerOutcome, type ScriptSet } from './runner-job.ts';
import type { StoppedScript } from './script-messages.ts';
import { startScriptThread } from './script-thread.ts';
import { ThreadStarts } from './thread-starts.ts';
import type { WatchedThread } from './watched-thread.ts';

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
  ...{ lookMs: 4, stuckMs: 4, endedMs: 12, suspectMs: 35 },
  ...{ startMs: 30_000, firstRetryMs: 100, lastRetryMs: 60_000 },
};

const SUSPECT_FOR_MS = 60_000;
/** A job that has ended this many threads is given up. */
const MAX_ENDED = 3;
/** So many scripts are watched on trial; more would take too much of the time of the visit. */
const MAX_WATCHED = 20;
const MAX_ID = 0x3fff_ffff;
/** A thread is ended because one of its scripts took too long. */
const HUNG = 'hung';
const NOTHING: RunnerOutcome = { outcome: undefined, stopped: [] };

export class ScriptRunner {
  readonly #log: Log;
  readonly #times: RunnerTimes;
  readonly #starts: ThreadStarts;
  #active: WatchedThread | undefined;
  #aside: WatchedThread | undefined;
  #spare: WatchedThread | undefined;
  /** Threads that were active when they got stuck; each has only the job that it runs. */
  readonly #leaving = new Set<WatchedThread>();
  /** When a script of a client last hung, in monotonic milliseconds. */
  readonly #suspects = new Map<string, number>();
  /** Scripts that are not on trial. */
  readonly #proven = new WeakSet<ScriptSet>();
  #looking: NodeJS.Timeout | undefined;
  #lastId = 0;
  #isClosed = false;

  /** @param start creates a thread; replaced in tests */
  constructor(log: Log, times = RUNNER_TIMES, start = startScriptThread) {
    const { firstRetryMs, lastRetryMs } = times;
    this.#log = log;
    this.#times = times;
    this.#starts = new ThreadStarts({ log, start, firstRetryMs, lastRetryMs });
  }

  /** Why no script runs at the moment; undefined when no reason is known. */
  get problem(): string | undefined {
    return this.#starts.problem;
  }

  /**
   * Runs the scripts of a client on the input in `json`, in the shape that the prelude reads.
   *
   * @param isWatched whether each run is measured
   * @param late called with a script that was stopped after the result, because the visit could not
   *   wait for it
   * @returns never rejects: a visit continues without its scripts
   */
  async run(
    set: ScriptSet,
    json: string,
    isWatched: boolean,
    late: (stopped: StoppedScript) => void = () => {},
  ): Promise<RunnerOutcome> {
    if (this.#isClosed) return NOTHING;
    this.#fill();
    // Without a second thread, a script that hangs would delay the others.
    if (!this.#active || !this.#aside) return NOTHING;
    this.#lastId = (this.#lastId % MAX_ID) + 1;
    const id = this.#lastId;
    const ran = await new Promise<RunnerOutcome>((done) => {
      const isOnTrial = !this.#proven.has(set) && set.scripts.length <= MAX_WATCHED;
      const isDoubtful = isOnTrial || this.#isSuspect(set.client);
      this.#hand(new RunnerJob({ id, set, json, isWatched: isWatched || isDoubtful, done, late }));
      this.#looking ??= setInterval(() => this.#look(), this.#times.lookMs);
    });
    if (ran.outcome?.isCut === false && ran.stopped.length === 0) this.#proven.add(set);
    return ran;
  }

  /** Ends the threads; remaining jobs have no result. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#looking);
    const threads = this.#threads();
    for (const thread of threads) for (const job of thread.jobs()) job.end(undefined);
    await Promise.all(threads.map((thread) => thread.end()));
  }

  #threads(): WatchedThread[] {
    return [this.#active, this.#aside, this.#spare, ...this.#leaving].filter(
      (thread) => thread !== undefined,
    );
  }

  /** Starts the threads that are missing, as far as that is possible. */
  #fill(): void {
    this.#active ??= this.#takeReady() ?? this.#takeSpare() ?? this.#newThread();
    this.#aside ??= this.#takeSpare() ?? this.#newThread();
    // One that is leaving may become the spare.
    if (this.#active?.isReady && this.#aside?.isReady && this.#leaving.size === 0) {
      this.#spare ??= this.#newThread();
    }
  }

  #newThread(): WatchedThread | undefined {
    return this.#starts.next({
      ready: () => this.#isClosed || this.#fill(),
      failed: (thread, reason) => this.#ended(thread, `ended the thread: ${reason}`),
    });
  }

  #takeSpare(): WatchedThread | undefined {
    const spare = this.#spare;
    this.#spare = undefined;
    return spare;
  }

  /** A thread that can begin with a job at once, the spare or the one aside. */
  #takeReady(): WatchedThread | undefined {
    if (this.#spare?.isReady) return this.#takeSpare();
    const aside = this.#aside;
    if (!aside?.isReady || !aside.isIdle) return undefined;
    this.#aside = undefined;
    return aside;
  }

  /** Whether one of its scripts has hung within the last minute. */
  #isSuspect(client: string): boolean {
    const since = this.#suspects.get(client);
    if (since === undefined) return false;
    if (performance.now() - since < SUSPECT_FOR_MS) return true;
    this.#suspects.delete(client);
    return false;
  }

  /** Gives a job to the thread where it belongs now; without one it has no result. */
  #hand(job: RunnerJob): void {
    if (job.isOver) return;
    if (this.#isSuspect(job.set.client)) job.limit(job.since + this.#times.suspectMs);
    const thread = this.#isForAside(job.set) ? this.#aside : this.#active;
    if (thread) thread.take(job);
    else job.end(undefined);
  }

  #isForAside(set: ScriptSet): boolean {
    const { client } = set;
    const { stuckMs } = this.#times;
    const isStuck = (thread: WatchedThread) => thread.lookedMs >= stuckMs && thread.client === client;
    if (this.#isSuspect(client) || this.#threads().some(isStuck)) return true;
    const aside = this.#aside;
    if (this.#proven.has(set) || !aside?.isReady) return false;
    return aside.jobs().every((job) => job.set.client === client);
  }

  #look(): void {
    for (const thread of this.#threads()) {
      if (thread.isLate(this.#times.startMs)) {
        this.#ended(thread, 'was not ready in time');
        continue;
      }
      const ms = thread.look();
      if (ms >= this.#times.endedMs) this.#ended(thread, HUNG);
      else if (ms >= this.#times.stuckMs) this.#stuck(thread);
      else if (thread.isIdle && this.#leaving.delete(thread)) this.#backFrom(thread);
    }
    if (!this.#threads().every((thread) => thread.isIdle)) return;
    clearInterval(this.#looking);
    this.#looking = undefined;
  }

  #stuck(thread: WatchedThread): void {
    if (thread === this.#active) {
      const next = this.#takeReady();
      if (!next) return;
      this.#active = next;
      this.#leaving.add(thread);
      this.#fill();
    }
    for (const job of thread.withdraw()) this.#hand(job);
  }

  /** A thread that was stuck has finished its job. */
  #backFrom(thread: WatchedThread): void {
    if (this.#spare) void thread.end();
    else this.#spare = thread;
    this.#fill();
  }

  /** A thread hangs or has failed: it is replaced, and its jobs are done by others. */
  #ended(thread: WatchedThread, reason: string): void {
    if (this.#isClosed || !this.#remove(thread)) return;
    const { running, script } = thread;
    const jobs = thread.jobs();
    void thread.end();
    if (!thread.isReady) this.#starts.failed(reason);
    if (jobs.length > 0 || running !== 0) this.#fill();
    // If no script was running, the first job has ended it, because jobs are done in order.
    const first = running !== 0 ? running : thread.isReady ? jobs[0]?.id : undefined;
    const culprit = jobs.find(({ id }) => id === first);
    if (culprit) this.#again(culprit, running === 0 ? -1 : script, reason);
    for (const job of jobs) if (job !== culprit) this.#hand(job);
  }

  /** @returns whether it was one of the threads */
  #remove(thread: WatchedThread): boolean {
    if (thread === this.#active) this.#active = undefined;
    else if (thread === this.#aside) this.#aside = undefined;
    else if (thread === this.#spare) this.#spare = undefined;
    else return this.#leaving.delete(thread);
    return true;
  }

  /** Starts a job again that has ended its thread. */
  #again(job: RunnerJob, script: number, reason: string): void {
    const { client } = job.set;
    this.#suspects.set(client, performance.now());
    this.#proven.delete(job.set);
    this.#log.warn({ client, script: job.set.scripts[script]?.name }, `a profile script ${reason}`);
    const isSlow = reason === HUNG;
    const why = isSlow ? 'took too long and was ended' : reason;
    if (script >= 0) job.stop({ script, reason: why, isSlow });
    for (const waiting of this.#threads().flatMap((thread) => thread.jobs())) {
      if (waiting.set.client === client) waiting.limit(waiting.since + this.#times.suspectMs);
    }
    job.isWatched = true;
    job.ended += 1;
    if (job.ended < MAX_ENDED) this.#hand(job);
    else job.end(undefined);
  }
}

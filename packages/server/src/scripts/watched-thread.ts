/**
 * One script thread and its jobs, in order. Jobs are sent to it when it is ready. A job whose visit
 * has continued stays until the thread has finished it, because it may hang the thread.
 */

import type { Worker } from 'node:worker_threads';
import type { RunnerJob, ScriptSet } from './runner-job.ts';
import {
  BEGUN,
  type DoneJob,
  READY,
  RUNNING_JOB,
  RUNNING_SCRIPT,
  type SentJob,
  type SentScripts,
  SHARED_BYTES,
  THREAD,
  WITHDRAWN,
} from './script-messages.ts';
import type { startScriptThread } from './script-thread.ts';
import { threadTime } from './thread-time.ts';

export interface ThreadEvents {
  readonly ready: () => void;
  readonly failed: (thread: WatchedThread, reason: string) => void;
}

export class WatchedThread {
  readonly #worker: Worker;
  readonly #shared = new Int32Array(new SharedArrayBuffer(SHARED_BYTES));
  readonly #jobs = new Map<number, RunnerJob>();
  /** The scripts of each client that it has received. */
  readonly #known = new Map<string, ScriptSet>();
  /** What it was at in the last check, and its time when it was first seen there again. */
  #seen: { readonly begun: number | undefined; since: number | undefined } = {
    begun: undefined,
    since: undefined,
  };

  /** The result of the last `look`, until the job has ended. */
  lookedMs = 0;
  readonly #startedAt = performance.now();
  #isReady = false;

  /** @throws what `start` throws */
  constructor(start: typeof startScriptThread, { ready, failed }: ThreadEvents) {
    this.#worker = start(this.#shared.buffer);
    this.#worker.unref();
    this.#worker.on('message', (done: DoneJob) => {
      if (done.id !== READY) return this.#finish(done);
      this.#begin();
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
    return this.#jobs.size === 0 && this.running === 0;
  }

  /** The job whose scripts it runs at the moment; 0 for none. */
  get running(): number {
    return Atomics.load(this.#shared, RUNNING_JOB);
  }

  /** The client of that job; undefined for none. */
  get client(): string | undefined {
    return this.#jobs.get(this.running)?.set.client;
  }

  /** The script that it runs; -1 when it may be any. */
  get script(): number {
    return Atomics.load(this.#shared, RUNNING_SCRIPT);
  }

  jobs(): RunnerJob[] {
    return [...this.#jobs.values()];
  }

  take(job: RunnerJob): void {
    this.#jobs.set(job.id, job);
    if (this.#isReady) this.#send(job);
  }

  /** Takes back the jobs that wait; it keeps the one that it runs. */
  withdraw(): RunnerJob[] {
    const { running } = this;
    Atomics.add(this.#shared, WITHDRAWN, 1);
    const waiting = this.jobs().filter(({ id }) => id !== running);
    for (const { id } of waiting) this.#jobs.delete(id);
    return waiting;
  }

  /**
   * @returns how long the same script has been running at least, in milliseconds of processor time
   */
  look(): number {
    const begun = this.running === 0 ? undefined : Atomics.load(this.#shared, BEGUN);
    this.lookedMs = 0;
    if (begun === undefined || begun !== this.#seen.begun) {
      this.#seen = { begun, since: undefined };
      return 0;
    }
    const time = threadTime(Atomics.load(this.#shared, THREAD));
    this.#seen.since ??= time;
    this.lookedMs = time - this.#seen.since;
    return this.lookedMs;
  }

  async end(): Promise<void> {
    this.#jobs.clear();
    await this.#worker.terminate();
  }

  #begin(): void {
    this.#isReady = true;
    for (const job of this.jobs()) {
      job.since = performance.now();
      if (job.isOver) this.#jobs.delete(job.id);
      else this.#send(job);
    }
  }

  #send(job: RunnerJob): void {
    const { id, set, json, isWatched } = job;
    const { client } = set;
    if (this.#known.get(client) !== set) {
      this.#known.set(client, set);
      this.#tell({ kind: 'scripts', client, scripts: set.scripts });
    }
    const withdrawn = Atomics.load(this.#shared, WITHDRAWN);
    this.#tell({ kind: 'run', id, withdrawn, client, json, scripts: job.scripts(), isWatched });
  }

  #tell(message: SentScripts | SentJob): void {
    this.#worker.postMessage(message);
  }

  #finish({ id, outcome, stopped }: DoneJob): void {
    const job = this.#jobs.get(id);
    // It was withdrawn when the thread had just begun with it.
    if (!job) return;
    this.#jobs.delete(id);
    this.lookedMs = 0;
    for (const one of stopped) job.stop(one);
    job.end(outcome);
  }
}

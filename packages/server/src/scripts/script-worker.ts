/**
 * The thread in which profile scripts run. The serving thread ends it when a script hangs
 * (`script-runner.ts`). What the engine can stop itself is handled here:
 *
 * a script throws                     its run has the error; the context is replaced after the job
 * scripts are stopped, unknown which  a new context; the job starts again, with each run watched
 * one script is stopped               a new context; the job starts again without it
 * the engine itself fails             the thread ends, and is replaced
 */

import { parentPort, workerData } from 'node:worker_threads';
import {
  type EngineOutcome,
  type EngineScript,
  type ScriptContext,
  ScriptEngine,
  ScriptStopped,
} from './script-engine.ts';
import {
  BEGUN,
  type DoneJob,
  READY,
  RUNNING_JOB,
  RUNNING_SCRIPT,
  type SentJob,
  type SentScripts,
  type StoppedScript,
  THREAD,
  WITHDRAWN,
} from './script-messages.ts';
import { ownThread } from './thread-time.ts';

/** How many clients' contexts are kept; each takes a few hundred kilobytes. */
const MAX_CONTEXTS = 100;
/** A job that has been started this often is given up. */
const MAX_TRIES = 5;

const shared = new Int32Array(workerData as SharedArrayBuffer);
const scripts = new Map<string, readonly EngineScript[]>();
/** The most recently used is last. */
const contexts = new Map<string, ScriptContext>();
const engine = ScriptEngine.load();
let present = 0;
Atomics.store(shared, THREAD, ownThread());
// If loading fails, the thread ends, because nothing catches the error.
void engine.then(() =>
  parentPort!.postMessage({ id: READY, outcome: undefined, stopped: [] } satisfies DoneJob),
);

parentPort!.on('message', (message: SentScripts | SentJob) => {
  void engine.then((loaded) => {
    if (message.kind === 'scripts') take(message);
    else if (message.withdrawn === Atomics.load(shared, WITHDRAWN)) {
      parentPort!.postMessage(answer(loaded, message));
    }
  });
});

function take({ client, scripts: sent }: SentScripts): void {
  scripts.set(client, sent);
  forget(client);
}

function answer(loaded: ScriptEngine, job: SentJob): DoneJob {
  const stopped: StoppedScript[] = [];
  const outcome = tried(loaded, job, stopped);
  return { id: job.id, outcome, stopped };
}

function tried(loaded: ScriptEngine, job: SentJob, stopped: StoppedScript[]): EngineOutcome | undefined {
  let { isWatched } = job;
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const left = job.scripts.filter((one) => !stopped.some(({ script }) => script === one));
    try {
      const context = contextOf(loaded, job.client);
      present = job.id;
      const outcome = context.run({ json: job.json, scripts: left, isWatched });
      Atomics.store(shared, RUNNING_JOB, 0);
      if (outcome.results.some(({ error }) => error !== undefined)) forget(job.client);
      return outcome;
    } catch (error) {
      // Ends the thread; what it was running stays recorded for the serving thread.
      if (!(error instanceof ScriptStopped)) throw error;
      Atomics.store(shared, RUNNING_JOB, 0);
      forget(job.client);
      const { script, message: reason, isSlow } = error;
      if (script !== undefined) stopped.push({ script, reason, isSlow });
      isWatched = true;
    }
  }
  return undefined;
}

function contextOf(loaded: ScriptEngine, client: string): ScriptContext {
  const known = contexts.get(client);
  contexts.delete(client);
  const context =
    known ??
    loaded.context(scripts.get(client) ?? [], (script) => {
      Atomics.add(shared, BEGUN, 1);
      Atomics.store(shared, RUNNING_SCRIPT, script);
      Atomics.store(shared, RUNNING_JOB, present);
    });
  contexts.set(client, context);
  if (contexts.size > MAX_CONTEXTS) forget(contexts.keys().next().value!);
  return context;
}

function forget(client: string): void {
  contexts.get(client)?.dispose();
  contexts.delete(client);
}

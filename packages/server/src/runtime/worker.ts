/**
 * One worker process; its supervisor says what to serve and when to end.
 *
 * waiting    until the assignment arrives.
 * serving    until the supervisor sends `shutdown`, SIGTERM arrives, or the supervisor is gone.
 * stopping   draining and closing; exit code 0 when that succeeds, 1 when the watchdog ended it.
 */

import type pino from 'pino';
import type { FromWorker, ToWorker } from './messages.ts';

/** The server that a worker runs. */
export interface WorkerServer {
  start(): Promise<unknown>;
  /** Drains and closes. */
  close(): Promise<void>;
  /** Receives a message that another worker sent to all. */
  hear(news: string): void;
  /** The report of this process on a subject, as a JSON value; undefined for none. */
  report(about: string, query: string): unknown;
}

/** The messages that a worker can send to its supervisor. */
export interface SupervisorLine {
  /**
   * Collects the reports of all workers, this one included, on a subject. Rejects when one does not
   * answer in time.
   */
  askAll(about: string, query?: string): Promise<readonly unknown[]>;
  /** Sends a message to every other worker. */
  tellOthers(news: string): void;
  /** Reports that the store accepts no writes. */
  storeStalled(): void;
  /** Reports why no process may continue to use the store. */
  storeLost(reason: string): void;
}

export interface WorkerHooks<Assignment> {
  /** Makes the server; opens nothing. */
  create(assignment: Assignment, supervisor: SupervisorLine): { server: WorkerServer; log: pino.Logger };
  /** One line on why it cannot start, and the matching exit code. */
  explain(error: unknown, assignment: Assignment): { reason: string; exitCode: number };
}

const WATCHDOG_MS = 10_000;

/**
 * Runs a worker until its process ends. Long because its steps share what has been started so far.
 */
export function runWorker<Assignment>(hooks: WorkerHooks<Assignment>): void {
  const questions = new Questions();
  let running: { server: WorkerServer; log: pino.Logger } | undefined;
  let starting: Promise<void> | undefined;
  let isStopping = false;

  async function start(assignment: Assignment): Promise<void> {
    try {
      running = hooks.create(assignment, {
        askAll: (about, query = '') => questions.ask(about, query),
        tellOthers: (news) => tell({ type: 'news', news }),
        storeStalled: () => tell({ type: 'store-stalled' }),
        storeLost: (reason) => tell({ type: 'store-lost', reason }),
      });
      logStrayRejections(running.log);
      await running.server.start();
      if (!isStopping) tell({ type: 'ready' });
    } catch (error) {
      // A shutdown that was requested during the start is not a failure.
      if (isStopping) return;
      const { reason, exitCode } = hooks.explain(error, assignment);
      tell({ type: 'failed', reason, exitCode }, () => process.exit(exitCode));
    }
  }

  async function stop(): Promise<void> {
    if (isStopping) return;
    isStopping = true;
    setTimeout(() => {
      running?.log.error('the worker did not end in time: killed by the watchdog');
      process.exit(1);
    }, WATCHDOG_MS).unref();
    try {
      // A half-opened server cannot be closed yet.
      await starting;
      await running?.server.close();
      process.exit(0);
    } catch (error) {
      running?.log.error({ err: error }, 'the server did not close cleanly');
      process.exit(1);
    }
  }

  process.on('message', (message: ToWorker<Assignment>) => {
    switch (message.type) {
      case 'start':
        starting = start(message.assignment);
        break;
      case 'shutdown':
        void stop();
        break;
      case 'news':
        running?.server.hear(message.news);
        break;
      case 'report':
        void report(message);
        break;
      case 'all-reports':
        questions.answer(message.question, message.reports);
        break;
    }
  });

  async function report({ round, about, query }: ToWorker<Assignment> & { readonly type: 'report' }) {
    tell({ type: 'report', round, report: (await running?.server.report(about, query)) ?? null });
  }

  // A terminal sends Ctrl-C and hangups to every process of the group; the supervisor decides what
  // follows.
  process.on('SIGINT', () => {});
  process.on('SIGHUP', () => {});
  process.on('SIGTERM', () => void stop());
  process.on('disconnect', () => void stop());
  tell({ type: 'hello' });
}

/**
 * When its disk is full, the embedded engine rejects promises that no caller holds, in addition to
 * the caller's. Ending the process for those would abort requests that can still be answered.
 */
function logStrayRejections(log: pino.Logger): void {
  process.on('unhandledRejection', (reason) => log.error({ err: reason }, 'unhandled promise rejection'));
}

/** Sends a message to the supervisor; `then` runs when it has been sent or cannot be. */
function tell(message: FromWorker, then: () => void = () => {}): void {
  if (process.connected && process.send) process.send(message, undefined, undefined, then);
  else then();
}

/** Questions to the supervisor that have not been answered yet. */
class Questions {
  readonly #waiting = new Map<
    number,
    { resolve(reports: readonly unknown[]): void; reject(error: Error): void }
  >();
  #last = 0;

  async ask(about: string, query: string): Promise<readonly unknown[]> {
    this.#last += 1;
    const question = this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(question, { resolve, reject });
      tell({ type: 'ask-all', question, about, query });
    });
  }

  answer(question: number, reports: readonly unknown[] | undefined): void {
    const waiting = this.#waiting.get(question);
    this.#waiting.delete(question);
    if (reports === undefined) waiting?.reject(new Error('a worker did not report in time'));
    else waiting?.resolve(reports);
  }
}

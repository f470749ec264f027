/**
 * One worker process: told by its supervisor what to serve, and when to end.
 *
 * waiting    until the assignment comes.
 * serving    until the supervisor says `shutdown`, SIGTERM comes, or the supervisor is gone.
 * stopping   draining and closing; exit code 0 when that ends well, 1 when the watchdog had to end it.
 */

import type pino from 'pino';
import type { FromWorker, ToWorker } from './messages.ts';

/** What a worker runs. */
export interface WorkerServer {
  start(): Promise<unknown>;
  /** Drains and closes. */
  close(): Promise<void>;
  /** Another worker has said something to all. */
  hear(news: string): void;
  /** What this process has to say on a matter, as JSON can hold it; undefined for nothing. */
  report(about: string, query: string): unknown;
}

/** What a worker can say to its supervisor. */
export interface SupervisorLine {
  /** Gives what every worker, this one included, reports on a matter. Rejects when one does not answer in time. */
  askAll(about: string, query?: string): Promise<readonly unknown[]>;
  /** Says something that every other worker hears. */
  tellOthers(news: string): void;
  /** Says that the store takes no writes. */
  storeStalled(): void;
  /** Says why no process may go on with the store. */
  storeLost(reason: string): void;
}

export interface WorkerHooks<Assignment> {
  /** Makes the server; opens nothing. */
  create(assignment: Assignment, supervisor: SupervisorLine): { server: WorkerServer; log: pino.Logger };
  /** One line on why it cannot start, and the exit code for that. */
  explain(error: unknown, assignment: Assignment): { reason: string; exitCode: number };
}

const WATCHDOG_MS = 10_000;

/** Runs a worker until its process ends. Long because its steps share what has been started so far. */
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
      // The end that was asked for while it started is no failure.
      if (isStopping) return;
      const { reason, exitCode } = hooks.explain(error, assignment);
      tell({ type: 'failed', reason, exitCode }, () => process.exit(exitCode));
    }
  }

  async function stop(): Promise<void> {
    if (isStopping) return;
    isStopping = true;
    setTimeout(() => {
      running?.log.error('it did not end in time: killed by the watchdog');
      process.exit(1);
    }, WATCHDOG_MS).unref();
    try {
      // What is half open cannot be closed yet.
      await starting;
      await running?.server.close();
      process.exit(0);
    } catch (error) {
      running?.log.error({ err: error }, 'it did not close well');
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

  // A terminal sends Ctrl-C, and its own end, to every process of the group; the supervisor says what follows from it.
  process.on('SIGINT', () => {});
  process.on('SIGHUP', () => {});
  process.on('SIGTERM', () => void stop());
  process.on('disconnect', () => void stop());
  tell({ type: 'hello' });
}

/**
 * The embedded engine rejects promises that nobody holds when its disk is full, beside the one that the caller holds; ending the
 * process for it would take down requests that can still be answered.
 */
function logStrayRejections(log: pino.Logger): void {
  process.on('unhandledRejection', (reason) => log.error({ err: reason }, 'a rejection nobody handled'));
}

/** Says something to the supervisor; `then` runs when it is on its way or cannot be. */
function tell(message: FromWorker, then: () => void = () => {}): void {
  if (process.connected && process.send) process.send(message, undefined, undefined, then);
  else then();
}

/** What this worker has asked the supervisor and not heard yet. */
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

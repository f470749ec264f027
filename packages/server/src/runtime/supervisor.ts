/**
 * The supervising process: claims the port, proves that it is free, starts the workers, replaces
 * those that die, and finally stops all of them.
 *
 * starting   Not every worker has been ready yet. The server ends when a worker reports why it
 *            cannot start (with that reason), when a worker crashes, and at the fifth worker that
 *            dies in any other way without a reason.
 * serving    Every worker has been ready once. A worker that dies is replaced: at once, then after
 *            pauses that double up to five seconds while workers keep dying young. If a worker
 *            reports a reason, it is logged and the start is tried again.
 * stopping   Entered on the first SIGTERM, SIGINT or SIGHUP (terminal closed), or after giving up.
 *            No worker is replaced; each drains. Workers that have not ended after the watchdog's
 *            time are killed, and the exit code is not 0.
 *
 * In any state, a worker that holds the writer lock of the store and makes no progress is killed
 * and replaced, because all others wait for it. If another process does the same, the start is
 * aborted. While serving, a worker that does not respond for ten seconds is killed and replaced as
 * well (`heartbeats.ts`), because the connections given to it would wait as long as it stays
 * stopped.
 *
 * The claim keeps other Quiver servers away as long as this one lives (`locks/port-lock.ts`); the
 * proof covers all other programs. Between proof and start, another program can still take the
 * port. Workers on Node then fail with that reason. On Bun, a program of the same user that also
 * shares ports would go unnoticed.
 *
 * Long because starting, replacing and ending workers share one state.
 */

import type { ChildProcess } from 'node:child_process';
import { createServer } from 'node:net';
import type pino from 'pino';
import type { Claim } from '../locks/claims.ts';
import { lockPort, PortInUse } from '../locks/port-lock.ts';
import { stuckHolderProblem, type WriterLockHolder, writerLockHolder } from '../locks/writer-lock.ts';
import { ENDING_SIGNALS, ignoreEndingSignals } from './ending-signals.ts';
import { Heartbeats } from './heartbeats.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import { ReportRound } from './report-round.ts';
import type { Runtime } from './runtime.ts';

export interface SupervisorOptions<Assignment> {
  readonly runtime: Runtime;
  readonly workers: number;
  /** How many of them listen; all by default. */
  readonly listening?: number;
  readonly host: string;
  /** 0 picks a free port, the same for all workers. */
  readonly port: number;
  readonly log: pino.Logger;
  /**
   * The assignment of a worker. `number` counts places from 0; a replacement gets the place of the
   * worker that died.
   */
  assignmentFor(number: number, port: number): Assignment;
  /** The role of a worker, as the process list shows it; `serving` by default. */
  roleOf?(number: number): string;
  /** Appended to the message that a worker crashed at its start; empty by default. */
  readonly crashAdvice?: string;
  /** The lock file of the embedded store; absent without one. */
  readonly writerLockFile?: string;
  /**
   * What the supervisor itself adds to the reports of its workers on a subject; undefined for
   * nothing.
   *
   * @param restarts how many workers have been replaced since the server was started
   */
  reportOf?(about: string, restarts: number): unknown;
  /** Called once, when every worker is serving. */
  onServing(port: number): void;
}

/** How the server ended; with a reason if it gave up. */
export interface Ending {
  readonly exitCode: number;
  readonly reason?: string;
}

interface Worker {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly place: number;
  readonly startedAt: number;
  isReady: boolean;
  /** Whether it has reported why it cannot start. */
  hasFailed: boolean;
}

const MAX_SILENT_DEATHS = 5;
/** Signals of a program that crashed by itself and would crash again; nobody else sends them. */
const CRASHES: ReadonlySet<string> = new Set(['SIGSEGV', 'SIGBUS', 'SIGILL', 'SIGTRAP', 'SIGFPE', 'SIGABRT']);
const MAX_PAUSE_MS = 5000;
/** A worker that dies younger suggests a lasting problem. */
const YOUNG_MS = 10_000;
/** Longer than a worker's own watchdog, which knows better what hangs. */
const WATCHDOG_MS = 11_000;
/**
 * How long a holder of the writer lock has from the first report that others wait until it is
 * killed.
 */
const HOLDER_GRACE_MS = 4000;
/**
 * Ctrl-C reaches a process from the terminal and again from the program that started it; both count
 * as one signal.
 */
const SAME_SIGNAL_MS = 500;

/**
 * Runs the server until it ends; see the states above. Afterwards the process ignores ending
 * signals, so it must end by itself.
 */
export async function supervise<Assignment>(options: SupervisorOptions<Assignment>): Promise<Ending> {
  let claimed: ClaimedPort;
  try {
    claimed = await claimPort(options.host, options.port);
  } catch (error) {
    return { exitCode: 1, reason: listenProblem(error, options.host, options.port) };
  }
  try {
    return await new Supervisor(options, claimed.port).run();
  } finally {
    await claimed.claim.release();
  }
}

interface ClaimedPort {
  readonly port: number;
  readonly claim: Claim;
}

/**
 * Claims a port on which no program listens.
 *
 * @param port 0 picks a free one
 * @throws PortInUse, or the system's error, when the port is not available
 */
async function claimPort(host: string, port: number): Promise<ClaimedPort> {
  // Two servers may find the same free port, because the kernel releases it after the check.
  const found = port === 0 ? await provenFree(host, 0) : port;
  let claim: Claim;
  try {
    claim = await lockPort(host, found);
  } catch (error) {
    if (port === 0 && error instanceof PortInUse) return claimPort(host, 0);
    throw error;
  }
  try {
    await provenFree(host, found);
    return { port: found, claim };
  } catch (error) {
    await claim.release();
    throw error;
  }
}

/** One line on why a server could not listen there now; undefined when it could. */
export async function portProblem(host: string, port: number): Promise<string | undefined> {
  try {
    const { claim } = await claimPort(host, port);
    await claim.release();
    return undefined;
  } catch (error) {
    return listenProblem(error, host, port);
  }
}

class Supervisor<Assignment> {
  readonly #options: SupervisorOptions<Assignment>;
  readonly #port: number;
  readonly #workers = new Map<number, Worker>();
  readonly #rounds = new Map<number, ReportRound>();
  readonly #pauses = new Set<NodeJS.Timeout>();
  #lastRound = 0;
  #state: 'starting' | 'serving' | 'stopping' = 'starting';
  #silentDeaths = 0;
  #youngDeaths = 0;
  #ending: Ending = { exitCode: 0 };
  #firstSignalAt = 0;
  /** The holder of the writer lock at the last check. */
  #holder: WriterLockHolder | undefined;
  #restarts = 0;
  readonly #heartbeats = new Heartbeats<Worker>({
    beat: (worker) => this.#tell(worker, { type: 'beat' }),
    onSilent: (worker, missed) => this.#killSilent(worker, missed),
  });
  #lookedForHolderAt = Number.NEGATIVE_INFINITY;
  #finish: (ending: Ending) => void = () => {};

  constructor(options: SupervisorOptions<Assignment>, port: number) {
    this.#options = options;
    this.#port = port;
  }

  async run(): Promise<Ending> {
    const onSignal = (signal: string) => this.#signalled(signal);
    for (const signal of ENDING_SIGNALS) process.on(signal, onSignal);
    const ending = new Promise<Ending>((resolve) => {
      this.#finish = resolve;
    });
    for (let place = 0; place < this.#options.workers; place += 1) this.#start(place);
    this.#heartbeats.start();
    try {
      return await ending;
    } finally {
      this.#heartbeats.stop();
      ignoreEndingSignals();
      for (const signal of ENDING_SIGNALS) process.off(signal, onSignal);
    }
  }

  #start(place: number): void {
    const { runtime, workers, listening = workers, roleOf } = this.#options;
    const child = runtime.startWorker(roleOf?.(place) ?? 'serving', listening === 1);
    const pid = child.pid ?? 0;
    const worker: Worker = { child, pid, place, startedAt: Date.now(), isReady: false, hasFailed: false };
    this.#workers.set(pid, worker);
    // A worker that opens the store while such a holder blocks it hangs without a message.
    const looking = setInterval(() => {
      if (worker.isReady) clearInterval(looking);
      else void this.#lookForHolder(false);
    }, HOLDER_GRACE_MS + 1);
    looking.unref();
    child.on('message', (message) => this.#heard(worker, message as FromWorker));
    child.on('exit', (code, signal) => {
      clearInterval(looking);
      this.#exited(worker, code, signal);
    });
  }

  #tell(worker: Worker, message: ToWorker<Assignment>): void {
    // A worker that is gone receives nothing; its exit is handled elsewhere.
    if (worker.child.connected) worker.child.send(message, () => {});
  }

  #heard(worker: Worker, message: FromWorker): void {
    this.#heartbeats.heard(worker);
    switch (message.type) {
      case 'hello':
        this.#greet(worker);
        break;
      case 'ready':
        worker.isReady = true;
        this.#heartbeats.watch(worker);
        this.#checkServing();
        break;
      case 'news':
        for (const other of this.#workers.values()) if (other !== worker) this.#tell(other, message);
        break;
      case 'store-stalled':
        void this.#lookForHolder(true);
        break;
      case 'store-lost':
        if (this.#state === 'stopping') break;
        this.#options.log.error({ reason: message.reason }, 'stopping');
        this.#stop({ exitCode: 1, reason: message.reason });
        break;
      case 'failed':
        worker.hasFailed = true;
        this.#options.log.error({ worker: worker.place, reason: message.reason }, 'a worker cannot start');
        if (this.#state === 'starting') this.#stop({ exitCode: message.exitCode, reason: message.reason });
        break;
      case 'report':
        this.#rounds.get(message.round)?.add(worker.pid, message.report);
        break;
      case 'ask-all':
        this.#askAll(worker, message);
        break;
    }
  }

  /**
   * Logs which process holds the writer lock that others wait for. Kills it when it is a worker
   * that was in the same transaction at the last check.
   *
   * @param isWaitedFor whether a worker reported waiting; otherwise only a holder still in the same
   *   transaction counts
   */
  async #lookForHolder(isWaitedFor: boolean): Promise<void> {
    const { writerLockFile, log } = this.#options;
    if (writerLockFile === undefined) return;
    const now = performance.now();
    // All workers report a stall at about the same time.
    if (now - this.#lookedForHolderAt < HOLDER_GRACE_MS) return;
    this.#lookedForHolderAt = now;
    const holder = await writerLockHolder(writerLockFile);
    const before = this.#holder;
    this.#holder = holder;
    if (holder === undefined) {
      if (isWaitedFor) log.error('writes are blocked; cannot determine which process holds the writer lock');
      return;
    }
    const { pid, command, state } = holder;
    const isStuck = before?.pid === pid && before.lastCommit === holder.lastCommit;
    if (isWaitedFor || isStuck)
      log.error(
        { holder: pid, command, state },
        'writes are blocked by a process that holds the writer lock of the store',
      );
    if (!isStuck) return;
    const worker = this.#workers.get(pid);
    if (worker === undefined) {
      if (this.#state === 'starting')
        this.#stop({ exitCode: 1, reason: stuckHolderProblem(writerLockFile, holder) });
      return;
    }
    log.error({ holder: pid, worker: worker.place }, 'killing the worker that holds the writer lock');
    worker.child.kill('SIGKILL');
  }

  #killSilent(worker: Worker, missed: number): void {
    // A worker that drains has the watchdog's time.
    if (this.#state === 'stopping') return;
    this.#options.log.error(
      { worker: worker.place, pid: worker.pid, missedHeartbeats: missed },
      'killing a worker that does not respond',
    );
    worker.child.kill('SIGKILL');
  }

  #greet(worker: Worker): void {
    if (this.#state === 'stopping') this.#tell(worker, { type: 'shutdown' });
    else
      this.#tell(worker, {
        type: 'start',
        assignment: this.#options.assignmentFor(worker.place, this.#port),
      });
  }

  #checkServing(): void {
    const ready = [...this.#workers.values()].filter(({ isReady }) => isReady).length;
    if (this.#state !== 'starting' || ready < this.#options.workers) return;
    this.#state = 'serving';
    this.#options.log.info({ port: this.#port, workers: ready }, 'serving');
    this.#options.onServing(this.#port);
  }

  #askAll(asker: Worker, { question, about, query }: FromWorker & { readonly type: 'ask-all' }): void {
    const ready = [...this.#workers.values()].filter(({ isReady }) => isReady);
    this.#lastRound += 1;
    const round = this.#lastRound;
    const finish = (reports: readonly unknown[] | undefined) => {
      this.#rounds.delete(round);
      const own = this.#options.reportOf?.(about, this.#restarts);
      const all = own === undefined || reports === undefined ? reports : [...reports, own];
      this.#tell(asker, { type: 'all-reports', question, reports: all });
    };
    this.#rounds.set(
      round,
      new ReportRound(
        ready.map(({ pid }) => pid),
        finish,
      ),
    );
    for (const worker of ready) this.#tell(worker, { type: 'report', round, about, query });
  }

  #exited(worker: Worker, code: number | null, signal: string | null): void {
    this.#workers.delete(worker.pid);
    this.#heartbeats.forget(worker);
    for (const round of this.#rounds.values()) round.drop(worker.pid);
    if (this.#state === 'stopping') {
      if (code !== 0 && this.#ending.exitCode === 0) this.#ending = { exitCode: 1 };
      this.#finishWhenEmpty();
      return;
    }
    this.#options.log.error({ worker: worker.place, pid: worker.pid, code, signal }, 'a worker died');
    if (this.#state === 'starting' && !worker.isReady) {
      this.#silentDeaths += 1;
      const reason = this.#reasonToGiveUp(signal ?? `exit code ${code}`);
      if (reason !== undefined) {
        this.#stop({ exitCode: 1, reason });
        return;
      }
    }
    this.#replaceLater(worker);
  }

  /** @param last how the last worker that died before it could serve ended */
  #reasonToGiveUp(last: string): string | undefined {
    if (CRASHES.has(last)) {
      const { crashAdvice = '' } = this.#options;
      return `a worker crashed before it could serve (${last})${crashAdvice}`;
    }
    if (this.#silentDeaths < MAX_SILENT_DEATHS) return undefined;
    return `${MAX_SILENT_DEATHS} workers died before they could serve, the last with ${last}`;
  }

  #replaceLater(dead: Worker): void {
    const diedYoung = Date.now() - dead.startedAt < YOUNG_MS;
    this.#youngDeaths = diedYoung ? this.#youngDeaths + 1 : 0;
    const pause = this.#youngDeaths <= 1 ? 0 : Math.min(MAX_PAUSE_MS, 50 * 2 ** this.#youngDeaths);
    const timer = setTimeout(() => {
      this.#pauses.delete(timer);
      this.#restarts += 1;
      this.#start(dead.place);
    }, pause);
    this.#pauses.add(timer);
  }

  #signalled(signal: string): void {
    const now = Date.now();
    if (this.#firstSignalAt === 0) {
      this.#firstSignalAt = now;
      this.#options.log.info({ signal }, 'stopping');
      if (this.#state !== 'stopping') this.#stop({ exitCode: 0 });
      return;
    }
    if (now - this.#firstSignalAt < SAME_SIGNAL_MS) return;
    this.#kill('a second signal');
  }

  #stop(ending: Ending): void {
    this.#state = 'stopping';
    this.#ending = ending;
    for (const timer of this.#pauses) clearTimeout(timer);
    this.#pauses.clear();
    for (const worker of this.#workers.values()) {
      if (!worker.hasFailed) this.#tell(worker, { type: 'shutdown' });
    }
    setTimeout(() => this.#kill('the watchdog'), WATCHDOG_MS).unref();
    this.#finishWhenEmpty();
  }

  #kill(why: string): void {
    this.#options.log.error({ why, workers: this.#workers.size }, 'killing workers that have not ended');
    if (this.#ending.exitCode === 0) this.#ending = { exitCode: 1 };
    for (const { child } of this.#workers.values()) child.kill('SIGKILL');
  }

  #finishWhenEmpty(): void {
    if (this.#workers.size > 0) return;
    this.#options.log.info({ exitCode: this.#ending.exitCode }, 'stopped');
    this.#finish(this.#ending);
  }
}

/**
 * Proves that no other program listens on the port, by listening on it exclusively for a moment.
 * Workers share their port, so they would also share it unnoticed with another program that shares
 * ports.
 *
 * @returns the port; a free one for 0
 */
async function provenFree(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen({ host, port, exclusive: true }, () => {
      const address = probe.address();
      const found = typeof address === 'object' && address ? address.port : port;
      probe.close(() => resolve(found));
    });
  });
}

/** One line on why it is impossible to listen on a port. */
export function listenProblem(error: unknown, host: string, port: number): string {
  if (error instanceof PortInUse) return error.message;
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  // Bun gives no code for an address that it cannot parse.
  switch (/failed to listen at/i.test(code) ? 'ENOTFOUND' : code) {
    case 'EADDRINUSE':
      return `port ${port} on ${host} is in use by another program; choose another with --port`;
    case 'EACCES':
      return `port ${port} on ${host} needs more rights than this user has; choose one above 1023 with --port`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `--host: ${host} is not an address of this machine`;
    default:
      return `cannot listen on port ${port} of ${host}: ${code}`;
  }
}

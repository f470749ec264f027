/**
 * Handles runs of scripts besides their values: counts them, shows them in a trace, and disables a
 * failing script.
 */

import type { RequestFacts } from '../domain/script-input.ts';
import type { Log } from '../log.ts';
import type { ScriptTrace } from '../storage/profile-store.ts';
import type { ClientScripts, RunningScripts } from './client-scripts.ts';
import type { RunnerOutcome } from './runner-job.ts';
import type { ScriptTally } from './script-tally.ts';

export interface ScriptReportsParts {
  readonly scripts: ClientScripts;
  readonly tally: ScriptTally;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly log: Log;
}

/**
 * A script is disabled for being slow after this many slow runs without a good one in between,
 * because a busy machine may cause one. Any other error is the script's fault.
 */
const SLOW_RUNS = 3;

export class ScriptReports {
  readonly #parts: ScriptReportsParts;
  /** By client and script, how often in a row it was too slow. */
  readonly #slow = new Map<string, number>();

  constructor(parts: ScriptReportsParts) {
    this.#parts = parts;
  }

  report(running: RunningScripts, facts: RequestFacts, { outcome, stopped }: RunnerOutcome): void {
    const failed = new Map<number, string>();
    for (const { script, error } of outcome?.results ?? []) {
      if (error !== undefined) {
        failed.set(script, error);
        this.#switchOff(running, script, error);
      }
    }
    for (const { script, reason, isSlow } of stopped) {
      failed.set(script, reason);
      if (!isSlow || this.#isSlowAgain(running, script)) this.#switchOff(running, script, reason);
    }
    const runs = outcome?.isCut ? 0 : facts.executed.length + facts.prefetched.length;
    const at = this.#parts.now();
    for (const [place, { name }] of running.scripts.entries()) {
      const error = failed.get(place);
      if (error === undefined && outcome && this.#slow.size > 0) this.#slow.delete(slowKey(running, place));
      if (!outcome && error === undefined) continue;
      const errors = error === undefined ? 0 : 1;
      this.#parts.tally.add(running.client, name, {
        runs,
        errors,
        lastError: error === undefined ? undefined : { message: error, at },
      });
    }
  }

  #isSlowAgain(running: RunningScripts, script: number): boolean {
    const key = slowKey(running, script);
    const times = (this.#slow.get(key) ?? 0) + 1;
    this.#slow.set(key, times);
    return times >= SLOW_RUNS;
  }

  /** Not awaited, so that the visit continues. */
  #switchOff({ client, stored }: RunningScripts, script: number, reason: string): void {
    const ran = stored[script]!;
    const { name } = ran;
    this.#parts.scripts.switchOff(client, ran, reason).catch((error) => {
      this.#parts.log.warn(
        { err: error, client, script: name },
        'a failing profile script could not be disabled',
      );
    });
  }

  /** Each run as a trace shows it. */
  trace({ scripts }: RunningScripts, { outcome, stopped }: RunnerOutcome): ScriptTrace[] {
    const ran = (outcome?.results ?? []).map((run, place) => ({
      name: scripts[run.script]!.name,
      mbox: run.mbox,
      stored: place < outcome!.executed && run.error === undefined && run.value !== undefined,
      value: run.value,
      error:
        run.error ?? (run.ignored === undefined ? undefined : `returned ${run.ignored}, which is not stored`),
      milliseconds: run.milliseconds === undefined ? undefined : Math.round(run.milliseconds * 1000) / 1000,
      instructions: run.instructions,
    }));
    const ended = stopped.map(({ script, reason }) => ({
      name: scripts[script]!.name,
      stored: false,
      error: reason,
    }));
    return [...ran, ...ended];
  }
}

function slowKey({ client, stored }: RunningScripts, script: number): string {
  const { name, changedAt } = stored[script]!;
  return `${client} ${name} ${changedAt}`;
}

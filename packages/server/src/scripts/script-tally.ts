/**
 * Counts how often the scripts of each client ran and failed, in memory, and adds the counts to the
 * store every few seconds and at the end.
 */

import { Rounds } from '../background.ts';
import type { Log } from '../log.ts';
import { NO_SCRIPT_COUNTS, type ScriptCounts, type ScriptStore } from '../storage/kept/script-store.ts';

const EVERY_MS = 5000;

export class ScriptTally {
  readonly #store: ScriptStore;
  readonly #log: Log;
  readonly #rounds: Rounds;
  #isStarted = false;
  /** By client and script. */
  #counted = new Map<string, Map<string, ScriptCounts>>();

  constructor(store: ScriptStore, log: Log) {
    this.#store = store;
    this.#log = log;
    this.#rounds = new Rounds({
      ...{ every: EVERY_MS, log, failure: 'counts of profile scripts could not be stored' },
      round: () => this.flush(),
    });
  }

  async stop(): Promise<void> {
    await this.#rounds.stop();
    await this.flush().catch((error) =>
      this.#log.warn({ err: error }, 'counts of profile scripts were lost'),
    );
  }

  add(client: string, script: string, more: ScriptCounts): void {
    if (!this.#isStarted) {
      this.#isStarted = true;
      this.#rounds.start();
    }
    let ofClient = this.#counted.get(client);
    if (ofClient === undefined) {
      ofClient = new Map();
      this.#counted.set(client, ofClient);
    }
    const { runs, errors, lastError } = ofClient.get(script) ?? NO_SCRIPT_COUNTS;
    ofClient.set(script, {
      runs: runs + more.runs,
      errors: errors + more.errors,
      lastError: more.lastError ?? lastError,
    });
  }

  /** Adds the counts of one client or all to the store. */
  async flush(client?: string): Promise<void> {
    const counted = [...this.#counted].filter(([one]) => client === undefined || one === client);
    for (const [one, scripts] of counted) {
      this.#counted.delete(one);
      for (const [script, counts] of scripts) await this.#store.count(one, script, counts);
    }
  }
}

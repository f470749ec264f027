/**
 * Assembles the profile scripts of a process from the parts in this folder, for the server and a
 * sandbox.
 */

import { randomInt } from 'node:crypto';
import type { Log } from '../log.ts';
import type { ScriptStore } from '../storage/kept/script-store.ts';
import type { ProfileStore } from '../storage/profile-store.ts';
import type { Route } from '../wire/route.ts';
import { ClientScripts } from './client-scripts.ts';
import { scriptRoutes } from './script-routes.ts';
import type { ScriptRunner } from './script-runner.ts';
import { ScriptTally } from './script-tally.ts';
import { ScriptTests, type ScriptTestsParts } from './script-tests.ts';
import { scriptedVisits } from './scripted-visits.ts';

export interface ProfileScriptsParts {
  readonly store: ScriptStore;
  readonly runner: ScriptRunner;
  /** Whether nobody else uses the runner, so that it must be stopped with the rest. */
  readonly isRunnerOwn: boolean;
  readonly log: Log;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Called when a script was changed here. */
  readonly changed?: (() => void) | undefined;
  /** The seed of `Math.random`, an integer below 2^32; random by default. */
  readonly seed?: (() => number) | undefined;
}

export class ProfileScripts {
  readonly #parts: ProfileScriptsParts;
  readonly #scripts: ClientScripts;
  readonly #tally: ScriptTally;
  readonly #seed: () => number;

  constructor(parts: ProfileScriptsParts) {
    const { store, log } = parts;
    this.#parts = parts;
    this.#scripts = new ClientScripts(parts);
    this.#tally = new ScriptTally(store, log);
    this.#seed = parts.seed ?? (() => randomInt(2 ** 32));
  }

  /** Ends the threads, and stores the counts. */
  async stop(): Promise<void> {
    const { runner, isRunnerOwn } = this.#parts;
    if (isRunnerOwn) await runner.close();
    await this.#tally.stop();
  }

  /** A store whose visits run scripts. */
  visits(store: ProfileStore): ProfileStore {
    const { runner, now, log } = this.#parts;
    const [scripts, tally, seed] = [this.#scripts, this.#tally, this.#seed];
    return scriptedVisits(store, { scripts, tally, runner, now, log, seed });
  }

  /** @param profiles where to find the profile on which a script is tested */
  routes(profiles: ScriptTestsParts['profiles']): Route[] {
    const { runner, now, store } = this.#parts;
    return scriptRoutes({
      scripts: this.#scripts,
      tally: this.#tally,
      counts: (client) => store.counts(client),
      problem: () => runner.problem,
      tests: new ScriptTests({ runner, profiles, now, seed: this.#seed }),
    });
  }
}

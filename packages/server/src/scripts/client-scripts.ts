/**
 * The current scripts of each client in a serving process: read from the store and cached.
 *
 * If the store counts changes in memory that all processes of a machine share, the cache is valid
 * while the count is the same. Over a network it is valid for a quarter of a second, and is then
 * refreshed while visits continue.
 */

import { MAX_ACTIVE_SCRIPTS, MAX_SCRIPTS, scriptNameProblem } from '../domain/script-rules.ts';
import { QuiverError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { DeletedScript, ScriptStore, StoredScript } from '../storage/kept/script-store.ts';
import type { ChangeOutcome } from '../storage/record-store.ts';
import type { ScriptSet } from './runner-job.ts';
import { isRead, readSource, sourceProblemText } from './script-source.ts';

const FRESH_MS = 250;
const USABLE_MS = 500;

export interface ClientScriptsParts {
  readonly store: ScriptStore;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly log: Log;
  /** Called when a change made here is durable, before it is answered. */
  readonly changed?: (() => void) | undefined;
}

/**
 * The running scripts of a client, each with its stored form, so that an error is reported for
 * exactly this source.
 */
export interface RunningScripts extends ScriptSet {
  readonly stored: readonly StoredScript[];
}

interface Kept {
  /** Undefined when none runs. */
  readonly running: RunningScripts | undefined;
  readonly changes: number | undefined;
  /** Monotonic milliseconds. */
  readonly at: number;
  /** What it was made from, so that the same scripts give the same object. */
  readonly scripts: readonly StoredScript[];
}

export class ClientScripts {
  readonly #parts: ClientScriptsParts;
  readonly #kept = new Map<string, Kept>();
  readonly #asking = new Map<
    string,
    { readonly changes: number | undefined; readonly answer: Promise<Kept> }
  >();

  constructor(parts: ClientScriptsParts) {
    this.#parts = parts;
  }

  /**
   * The running scripts of a client; undefined when none runs.
   *
   * @throws QuiverError (rejects) `unavailable` when the store cannot be read
   */
  running(client: string): RunningScripts | undefined | Promise<RunningScripts | undefined> {
    const kept = this.#kept.get(client);
    const changes = this.#parts.store.changes?.();
    if (changes !== undefined) {
      return kept?.changes === changes ? kept.running : this.#ask(client, changes);
    }
    const age = kept === undefined ? Number.POSITIVE_INFINITY : performance.now() - kept.at;
    if (age < FRESH_MS) return kept!.running;
    const answer = this.#ask(client, undefined);
    if (age >= USABLE_MS) return answer;
    // A visit that needs the answer asks again, and gets the error then.
    answer.catch(() => undefined);
    return kept!.running;
  }

  async #ask(client: string, changes: number | undefined): Promise<RunningScripts | undefined> {
    let asking = this.#asking.get(client);
    if (asking === undefined || asking.changes !== changes) {
      const answer = this.#read(client, changes);
      const mine = { changes, answer };
      asking = mine;
      this.#asking.set(client, mine);
      const end = () => {
        if (this.#asking.get(client) === mine) this.#asking.delete(client);
      };
      answer.then(end, end);
    }
    return (await asking.answer).running;
  }

  async #read(client: string, changes: number | undefined): Promise<Kept> {
    const at = performance.now();
    const scripts = (await this.#parts.store.list(client)).filter(isRunning);
    const known = this.#kept.get(client);
    const isKnown =
      known?.scripts.length === scripts.length &&
      scripts.every((script, place) => isSameScript(script, known.scripts[place]!));
    const running = isKnown ? known.running : this.#compiled(client, scripts);
    const kept = { running, changes, at, scripts };
    if (known === undefined || known.at <= at) this.#kept.set(client, kept);
    return kept;
  }

  #compiled(client: string, scripts: readonly StoredScript[]): RunningScripts | undefined {
    const read = scripts.flatMap((stored) => {
      const { name, source } = stored;
      const compiled = readSource(source);
      // It was checked when it was set, but another version of Quiver may have been less strict.
      if (isRead(compiled)) return [{ name, code: compiled.code, stored }];
      this.#parts.log.error({ client, script: name }, `a profile script cannot be read: ${compiled.rule}`);
      return [];
    });
    if (read.length === 0) return undefined;
    return {
      client,
      scripts: read.map(({ name, code }) => ({ name, code })),
      stored: read.map(({ stored }) => stored),
    };
  }

  /** The scripts of a client as they are in the store now. */
  list(client: string): Promise<StoredScript[]> {
    return this.#parts.store.list(client);
  }

  /** One of them; undefined when there is none of that name. */
  async find(client: string, name: string): Promise<StoredScript | undefined> {
    return (await this.list(client)).find((script) => script.name === name);
  }

  /**
   * Creates or replaces a script. A script that Quiver has disabled runs again.
   *
   * @throws QuiverError `bad-request` naming the member and the rule; nothing is changed then
   */
  async set(client: string, name: string, source: string, isEnabled: boolean): Promise<void> {
    requireScriptName(name);
    const read = readSource(source);
    if (!isRead(read)) throw new QuiverError('bad-request', `script: ${sourceProblemText(read)}`);
    const others = (await this.list(client)).filter((script) => script.name !== name);
    if (others.length >= MAX_SCRIPTS) throw tooMany();
    if (isEnabled && others.filter(isRunning).length >= MAX_ACTIVE_SCRIPTS) {
      throw new QuiverError(
        'bad-request',
        `enabled: a client may have at most ${MAX_ACTIVE_SCRIPTS} active scripts`,
      );
    }
    const outcome = await this.#change(client, name, (_kept, changedAt) => ({
      ...{ name, source, isEnabled, changedAt },
    }));
    if (outcome === 'full') throw tooMany();
  }

  /**
   * Deletes a script; false when there is none of that name. What it has stored in profiles is
   * kept.
   */
  async delete(client: string, name: string): Promise<boolean> {
    const outcome = await this.#change(client, name, (kept, changedAt) =>
      kept === undefined ? undefined : { name, isDeleted: true, changedAt },
    );
    if (outcome === 'unchanged') return false;
    await this.#parts.store.forgetCounts(client, name);
    await this.#parts.store.forgetDeleted(client);
    return true;
  }

  /**
   * Disables a script, unless it was changed since it ran. This counts as a change right after the
   * one that set it: a new version that was set at another edge cluster meanwhile is later.
   */
  async switchOff(client: string, ran: StoredScript, reason: string): Promise<void> {
    const { name } = ran;
    let isOff = false;
    await this.#change(client, name, (kept) => {
      isOff = kept !== undefined && isSameScript(kept, ran) && isRunning(kept);
      const changedAt = ran.changedAt + 1;
      return isOff ? { ...kept!, changedAt, off: { reason, at: this.#parts.now() } } : undefined;
    });
    if (isOff) this.#parts.log.warn({ client, script: name, reason }, 'a profile script was disabled');
  }

  async #change(
    client: string,
    name: string,
    change: (kept: StoredScript | undefined, changedAt: number) => StoredScript | DeletedScript | undefined,
  ): Promise<ChangeOutcome> {
    const { store, now, changed } = this.#parts;
    const outcome = await store.change(client, name, (kept, lastChange) =>
      change(kept, Math.max(now(), lastChange + 1)),
    );
    if (outcome === 'changed') changed?.();
    return outcome;
  }
}

/** Whether a script runs: enabled by the administrator, and not disabled by Quiver. */
function isRunning({ isEnabled, off }: StoredScript): boolean {
  return isEnabled && off === undefined;
}

/**
 * If a sandbox's clock stands still, a script that was deleted and created again has the same time.
 */
function isSameScript(one: StoredScript, other: StoredScript): boolean {
  return one.name === other.name && one.changedAt === other.changedAt && one.source === other.source;
}

function tooMany(): QuiverError {
  return new QuiverError('bad-request', `script: a client may have at most ${MAX_SCRIPTS} scripts`);
}

/** @throws QuiverError `bad-request` */
export function requireScriptName(name: string): void {
  const problem = scriptNameProblem(name);
  if (problem !== undefined) throw new QuiverError('bad-request', `name: ${problem}`);
}

/**
 * Visits with the profile scripts of the client (contract section 16): the scripts run on the
 * profile that the visit would act on, and their results are stored in the same step as the visit.
 *
 * Scripts run in another thread, so the profile may change meanwhile. The storing step compares it
 * with the input of the scripts; if it has changed, nothing is stored and they run again.
 * Simultaneous visits of one visitor in this process take turns, so that they do not cause one
 * another to start again.
 */

import type { WriteMoment } from '../domain/lifetime.ts';
import { strongestFirst } from '../domain/linking.ts';
import type { RequestFacts, ScriptMemory } from '../domain/script-input.ts';
import { scriptSettings } from '../domain/script-memory.ts';
import type { SeenVisit } from '../domain/visit-notes.ts';
import { QuiverError } from '../errors.ts';
import type { ProfileStore, Visit, VisitBasis, VisitOutcome } from '../storage/profile-store.ts';
import type { RunningScripts } from './client-scripts.ts';
import type { RunnerOutcome } from './runner-job.ts';
import { jobOf } from './script-job.ts';
import { ScriptReports, type ScriptReportsParts } from './script-reports.ts';
import type { ScriptRunner } from './script-runner.ts';
import { Turns } from './turns.ts';

/** How often a visit starts again because the profile has changed meanwhile. */
const MAX_TRIES = 20;

export interface ScriptedVisitsParts extends ScriptReportsParts {
  readonly runner: ScriptRunner;
  /** The seed of `Math.random`: any integer below 2^32. */
  readonly seed: () => number;
}

/** A store whose visits run scripts. */
export function scriptedVisits(store: ProfileStore, parts: ScriptedVisitsParts): ProfileStore {
  const visits = new ScriptedVisits(store, parts);
  return {
    find: (...call) => store.find(...call),
    findLinked: (...call) => store.findLinked(...call),
    update: (...call) => store.update(...call),
    lookAhead: (...call) => store.lookAhead(...call),
    visitFrom: (...call) => store.visitFrom(...call),
    remove: (...call) => store.remove(...call),
    removeAttribute: (...call) => store.removeAttribute(...call),
    adopt: (...call) => store.adopt(...call),
    release: (...call) => store.release(...call),
    visit(client, visit, moment) {
      if (visit.facts === undefined) return store.visit(client, visit, moment);
      const running = parts.scripts.running(client);
      if (running === undefined) return store.visit(client, visit, moment);
      return visits.visit(client, visit, moment, running);
    },
  };
}

class ScriptedVisits {
  readonly #store: ProfileStore;
  readonly #parts: ScriptedVisitsParts;
  readonly #reports: ScriptReports;
  readonly #turns = new Turns();

  constructor(store: ProfileStore, parts: ScriptedVisitsParts) {
    this.#store = store;
    this.#parts = parts;
    this.#reports = new ScriptReports(parts);
  }

  async visit(
    client: string,
    visit: Visit,
    moment: WriteMoment,
    known: RunningScripts | Promise<RunningScripts | undefined>,
  ): Promise<VisitOutcome> {
    const running = await known;
    const facts = visit.facts?.();
    if (!running || !facts) return this.#store.visit(client, visit, moment);
    const seen: SeenVisit = { categories: [], ...visit.seen, notesSessions: true, page: facts.page };
    const noted = { ...visit, seen };
    if (facts.executed.length + facts.prefetched.length === 0)
      return this.#store.visit(client, noted, moment);
    const { kind, value } = strongestFirst(visit.ids)[0]!;
    return this.#turns.take(`${client} ${kind} ${value}`, () =>
      this.#untilStored(running, noted, facts, moment),
    );
  }

  async #untilStored(
    running: RunningScripts,
    visit: Visit & { readonly seen: SeenVisit },
    facts: RequestFacts,
    moment: WriteMoment,
  ): Promise<VisitOutcome> {
    const { client } = running;
    const seed = this.#parts.seed();
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const basis = await this.#store.lookAhead(client, visit, moment);
      const { json, memory } = jobOf(basis, visit, facts, moment.now, seed);
      const ran = await this.#parts.runner.run(running, json, visit.isTraced === true, (stopped) =>
        this.#reports.report(running, facts, { outcome: undefined, stopped: [stopped] }),
      );
      const stored = await this.#keep(basis, running, visit, moment, memory, ran);
      if (stored === undefined) continue;
      this.#reports.report(running, facts, ran);
      return visit.isTraced ? { ...stored, scripts: this.#reports.trace(running, ran) } : stored;
    }
    throw new QuiverError('not-done', 'The profile is being changed by others; send it again', {
      headers: { 'retry-after': '1' },
    });
  }

  /** Stores a visit and the results of its scripts; undefined when the profile has changed. */
  async #keep(
    basis: VisitBasis,
    { client }: RunningScripts,
    visit: Visit,
    moment: WriteMoment,
    memory: ScriptMemory,
    { outcome: ran }: RunnerOutcome,
  ): Promise<VisitOutcome | undefined> {
    const { settings, state } = scriptSettings(memory, ran ?? NOTHING_RETURNED);
    if (settings.size === 0 && state.size === 0) return this.#store.visitFrom(basis, client, visit, moment);
    const all = { ...visit, settings: new Map([...visit.settings, ...settings]), state };
    const stored = await this.#store.visitFrom(basis, client, all, moment);
    if (stored?.outcome !== 'too-large') return stored;
    // The results of scripts may be too large; the visit is not refused because of that.
    this.#parts.log.warn({ client }, 'what profile scripts returned does not fit into the profile');
    return this.#store.visitFrom(basis, client, visit, moment);
  }
}

const NOTHING_RETURNED: ScriptMemory = { values: {}, locals: {} };

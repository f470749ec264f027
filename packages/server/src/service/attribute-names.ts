/**
 * Records which attribute names each client has ever set; checking a known name is one lookup in a
 * set.
 */

import { listAttributes } from '../domain/attributes.ts';
import { FIRST_SESSION_START } from '../domain/session.ts';
import type { Log } from '../log.ts';
import { type AttributeNameStore, MAX_ATTRIBUTE_NAMES } from '../storage/kept/attribute-name-store.ts';
import type { ProfileStore, Visit, VisitOutcome } from '../storage/profile-store.ts';

export class AttributeNames {
  readonly #store: AttributeNameStore;
  readonly #log: Log;
  readonly #known = new Map<string, Set<string>>();

  constructor(store: AttributeNameStore, log: Log) {
    this.#store = store;
    this.#log = log;
  }

  /**
   * Records names that were set. They are in the store when it returns, or when the returned
   * promise resolves.
   *
   * Never throws: the attributes themselves are stored, and a name that could not be recorded is
   * recorded when it is set again.
   */
  note(client: string, names: Iterable<string>): Promise<void> | undefined {
    let known = this.#known.get(client);
    if (known === undefined) {
      known = new Set();
      this.#known.set(client, known);
    }
    let fresh: string[] | undefined;
    for (const name of names) {
      if (known.has(name)) continue;
      fresh ??= [];
      fresh.push(name);
    }
    if (fresh === undefined || known.size >= MAX_ATTRIBUTE_NAMES) return undefined;
    return this.#add(client, known, fresh);
  }

  async #add(client: string, known: Set<string>, fresh: readonly string[]): Promise<void> {
    try {
      await this.#store.add(client, fresh);
      for (const name of fresh) known.add(name);
    } catch (error) {
      this.#log.error({ err: error, client }, 'attribute names could not be recorded');
    }
  }
}

/**
 * The outcome of a write, once its names are recorded. Usually they are recorded already and there
 * is nothing to await.
 */
function after<Outcome>(noted: Promise<void> | undefined, outcome: Outcome): Outcome | Promise<Outcome> {
  return noted === undefined ? outcome : noted.then(() => outcome);
}

/**
 * Wraps the store so that the names set by its updates and visits are recorded before the caller
 * gets the outcome.
 */
export function notingNames(store: ProfileStore, names: AttributeNames): ProfileStore {
  const noted = <Outcome extends VisitOutcome | undefined>(client: string, visit: Visit, outcome: Outcome) =>
    outcome?.outcome === 'visited'
      ? after(names.note(client, [FIRST_SESSION_START, ...visit.settings.keys()]), outcome)
      : outcome;
  return {
    find: (...call) => store.find(...call),
    findLinked: (...call) => store.findLinked(...call),
    lookAhead: (...call) => store.lookAhead(...call),
    remove: (...call) => store.remove(...call),
    removeAttribute: (...call) => store.removeAttribute(...call),
    release: (...call) => store.release(...call),
    async adopt(client, adopted, now) {
      await store.adopt(client, adopted, now);
      const attributes = listAttributes(adopted.profile.attributes);
      await names.note(
        client,
        attributes.map(({ name }) => name),
      );
    },
    update(client, id, settings, moment, create) {
      return store.update(client, id, settings, moment, create).then((outcome) => {
        const isSet = outcome === 'updated' || outcome === 'created';
        return isSet ? after(names.note(client, settings.keys()), outcome) : outcome;
      });
    },
    visit(client, visit, moment) {
      return store.visit(client, visit, moment).then((outcome) => noted(client, visit, outcome));
    },
    visitFrom(basis, client, visit, moment) {
      return store.visitFrom(basis, client, visit, moment).then((outcome) => noted(client, visit, outcome));
    },
  };
}

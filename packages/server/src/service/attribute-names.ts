/**
 * Which attribute names each client has ever set; what is known already costs a look into a set.
 */

import { listAttributes } from '../domain/attributes.ts';
import { FIRST_SESSION_START } from '../domain/session.ts';
import type { Log } from '../log.ts';
import { type AttributeNameStore, MAX_ATTRIBUTE_NAMES } from '../storage/kept/attribute-name-store.ts';
import type { ProfileStore } from '../storage/profile-store.ts';

export class AttributeNames {
  readonly #store: AttributeNameStore;
  readonly #log: Log;
  readonly #known = new Map<string, Set<string>>();

  constructor(store: AttributeNameStore, log: Log) {
    this.#store = store;
    this.#log = log;
  }

  /**
   * Notes names that were set; when it returns, or what it returns resolves, they are in the
   * store.
   *
   * Never throws: what was set is set, and a name that could not be noted is noted when it is set
   * again.
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
      this.#log.error({ err: error, client }, 'attribute names could not be noted');
    }
  }
}

/**
 * What came of a write, once its names are noted: as a rule they are, and nothing is waited for.
 */
function after<Outcome>(noted: Promise<void> | undefined, outcome: Outcome): Outcome | Promise<Outcome> {
  return noted === undefined ? outcome : noted.then(() => outcome);
}

/**
 * The store, with the names noted that its updates and visits have set, before their caller hears
 * of it.
 */
export function notingNames(store: ProfileStore, names: AttributeNames): ProfileStore {
  return {
    find: (...call) => store.find(...call),
    findLinked: (...call) => store.findLinked(...call),
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
      return store.visit(client, visit, moment).then((outcome) => {
        if (outcome.outcome !== 'visited') return outcome;
        return after(names.note(client, [FIRST_SESSION_START, ...visit.settings.keys()]), outcome);
      });
    },
  };
}

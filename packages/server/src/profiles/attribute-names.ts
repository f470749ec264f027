/** Which attribute names each client has ever set; what is known already costs a look into a set. */

import { z } from '@hono/zod-openapi';
import { type AttributeNameStore, MAX_ATTRIBUTE_NAMES } from '../storage/attribute-name-store.ts';
import { jsonReply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';

export class AttributeNames {
  readonly #store: AttributeNameStore;
  readonly #known = new Map<string, Set<string>>();

  constructor(store: AttributeNameStore) {
    this.#store = store;
  }

  /** Notes names that were set; when it returns, or what it returns resolves, they are in the store. */
  note(client: string, names: Iterable<string>): void | Promise<void> {
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
    if (fresh === undefined || known.size >= MAX_ATTRIBUTE_NAMES) return;
    return this.#add(client, known, fresh);
  }

  async #add(client: string, known: Set<string>, fresh: readonly string[]): Promise<void> {
    await this.#store.add(client, fresh);
    for (const name of fresh) known.add(name);
  }

  list(client: string): Promise<string[]> {
    return this.#store.list(client);
  }
}

const NamesReply = z
  .object({ mboxProfileAttributes: z.array(z.string()) })
  .openapi('AttributeNames', { example: { mboxProfileAttributes: ['country', 'plan'] } });

/** The names seen, as Adobe's Admin API tells them (spec section 9). */
export function attributeNamesRoute(names: AttributeNames): Route {
  return {
    method: 'GET',
    path: '/{client}/target/profileattributes/mbox',
    guard: 'admin',
    style: 'admin',
    cors: 'none',
    scope: 'client',
    describe: {
      tags: ['Profiles'],
      summary: 'The attribute names that were ever set',
      description: `By visits, updates and batches; at most ${MAX_ATTRIBUTE_NAMES}.`,
      security: [{ bearer: [] }],
      request: { params: z.object({ client: z.string().openapi({ example: 'demo' }) }) },
      responses: {
        200: { description: 'The names', content: { 'application/json': { schema: NamesReply } } },
        401: { description: 'Not the admin' },
      },
    },
    handle: async ({ client }) => jsonReply({ mboxProfileAttributes: await names.list(client) }),
  };
}

/** The attribute names seen, as Adobe's Admin API lists them (contract section 9). */

import { type AttributeNameStore, MAX_ATTRIBUTE_NAMES } from '../storage/kept/attribute-name-store.ts';
import { ADMIN_ROUTE, AdminRefusal, ClientParam } from '../wire/admin-route.ts';
import { jsonReply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';
import { z } from '../wire/schema.ts';

const NamesReply = z
  .object({ mboxProfileAttributes: z.array(z.string()) })
  .openapi('AttributeNames', { example: { mboxProfileAttributes: ['country', 'plan'] } });

export function attributeNamesRoute(names: AttributeNameStore): Route {
  return {
    ...ADMIN_ROUTE,
    method: 'GET',
    path: '/{client}/target/profileattributes/mbox',
    describe: {
      tags: ['Profiles'],
      summary: 'The attribute names that were ever set',
      description: `By visits, updates and batches; at most ${MAX_ATTRIBUTE_NAMES}.`,
      security: [{ bearer: [] }],
      request: { params: ClientParam },
      responses: {
        200: { description: 'The names', content: { 'application/json': { schema: NamesReply } } },
        401: AdminRefusal('Not the admin'),
      },
    },
    handle: async ({ client }) => jsonReply({ mboxProfileAttributes: await names.list(client) }),
  };
}

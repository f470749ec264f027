/** Removes a profile or one of its attributes (contract section 9, not part of Adobe's API). */

import { QuiverError } from '../errors.ts';
import type { ProfileService } from '../service/profile-service.ts';
import { edgeHeader, emptyReply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';
import { z } from '../wire/schema.ts';
import { noAttributeFound, noProfileFound } from './not-found.ts';
import { PROFILE_PATHS, type ProfilePath, sentIdIn } from './profile-paths.ts';
import { ClientQuery, idParameter, refusalResponse } from './profile-schemas.ts';

/**
 * For each way to address a profile, a route that removes the profile and one that removes an
 * attribute.
 */
export function removeRoutes(profiles: ProfileService): Route[] {
  return PROFILE_PATHS.flatMap((address) => [
    removeProfileRoute(profiles, address),
    removeAttributeRoute(profiles, address),
  ]);
}

const SHARED = {
  method: 'DELETE',
  guard: 'adminOrProfileToken',
  style: 'json',
  cors: 'configured',
  scope: 'client',
} as const;

const FORBIDDEN = refusalResponse('Neither the admin token nor a profile token of the client was sent', {
  status: 403,
  message: 'Forbidden',
});

function removeProfileRoute(profiles: ProfileService, address: ProfilePath): Route {
  return {
    ...SHARED,
    path: address.path,
    describe: {
      tags: ['Profiles'],
      summary: `Remove a profile by its ${address.parameter}`,
      description: 'Removes the profile and every id that names it.',
      security: [{ bearer: [] }],
      request: { params: idParameter(address), query: ClientQuery },
      responses: {
        204: { description: 'Removed' },
        403: FORBIDDEN,
        404: refusalResponse('No such profile, or no such client', {
          status: 404,
          message: noProfileFound('demo', address.kind, 'xyz'),
        }),
      },
    },
    async handle(call) {
      const { client } = call;
      const sent = sentIdIn(call, address);
      const { outcome, cluster } = await profiles.remove(client, sent);
      if (outcome) return emptyReply(edgeHeader(cluster));
      throw new QuiverError('not-found', noProfileFound(client, sent.kind, sent.text));
    },
  };
}

function removeAttributeRoute(profiles: ProfileService, address: ProfilePath): Route {
  return {
    ...SHARED,
    path: `${address.path}/attributes/{name}`,
    describe: {
      tags: ['Profiles'],
      summary: `Remove one attribute of a profile by its ${address.parameter}`,
      security: [{ bearer: [] }],
      request: {
        params: idParameter(address).extend({ name: z.string().openapi({ example: 'country' }) }),
        query: ClientQuery,
      },
      responses: {
        204: { description: 'Removed' },
        403: FORBIDDEN,
        404: refusalResponse('No such profile, attribute or client', {
          status: 404,
          message: noAttributeFound('demo', address.kind, 'xyz', 'country'),
        }),
      },
    },
    async handle(call) {
      const { client } = call;
      const sent = sentIdIn(call, address);
      const name = call.param('name');
      const { outcome, cluster } = await profiles.removeAttribute(client, sent, name);
      if (outcome === 'removed') return emptyReply(edgeHeader(cluster));
      const message =
        outcome === 'no-profile'
          ? noProfileFound(client, sent.kind, sent.text)
          : noAttributeFound(client, sent.kind, sent.text, name);
      throw new QuiverError('not-found', message);
    },
  };
}

/** Fetches a profile by any of its ids (contract section 4). */

import { formatTime } from '../domain/attributes.ts';
import type { SentId } from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import { isLater, whenKnown } from '../now-or-later.ts';
import type { FetchedProfile, ProfileService } from '../service/profile-service.ts';
import { edgeHeader, JSON_HEADERS, Reply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';
import { noProfileFound } from './not-found.ts';
import { PROFILE_PATHS, type ProfilePath, sentIdIn } from './profile-paths.ts';
import { ClientQuery, idParameter, ProfileReply, refusalResponse } from './profile-schemas.ts';

/** The three routes that fetch a profile. */
export function fetchRoutes(profiles: ProfileService): Route[] {
  return PROFILE_PATHS.map((address) => fetchRoute(profiles, address));
}

function fetchRoute(profiles: ProfileService, address: ProfilePath): Route {
  return {
    method: 'GET',
    path: address.path,
    guard: 'profileApi',
    style: 'json',
    cors: 'configured',
    scope: 'client',
    describe: {
      tags: ['Profiles'],
      summary: `Fetch a profile by its ${address.parameter}`,
      description: 'Changes nothing: not the lifetime of the profile, not the count of mbox calls.',
      request: { params: idParameter(address), query: ClientQuery },
      responses: {
        200: { description: 'The profile', content: { 'application/json': { schema: ProfileReply } } },
        400: refusalResponse('The id or the query has a bad escape', {
          status: 400,
          message: `${address.parameter}: must be percent-encoded UTF-8`,
        }),
        404: refusalResponse('No such profile, or no such client', {
          status: 404,
          message: noProfileFound('demo', address.kind, 'xyz'),
        }),
      },
    },
    handle(call) {
      const { client } = call;
      const sent = sentIdIn(call, address);
      const found = profiles.find(client, sent);
      return isLater(found)
        ? whenKnown(found, profileReply, client, sent)
        : profileReply(found, client, sent);
    },
  };
}

/**
 * The reply, assembled as text around the stored text of the attributes, because this is the hot
 * path of the server.
 */
function profileReply(profile: FetchedProfile | undefined, client: string, sent: SentId): Reply {
  if (!profile) throw new QuiverError('not-found', noProfileFound(client, sent.kind, sent.text));
  const { modifiedAt, attributes, cluster } = profile;
  const head = `{"client":"${client}","visitorId":${JSON.stringify(sent.text)},"modifiedAt":"${formatTime(modifiedAt)}"`;
  const headers = cluster === undefined ? JSON_HEADERS : headersOf(cluster);
  return new Reply(`${head},"profileAttributes":${attributes}}`, 200, headers);
}

const headersOfClusters = new Map<number, Reply['headers']>();

/**
 * The same object for each cluster every time, so that a reply's headers are combined only once.
 */
function headersOf(cluster: number): Reply['headers'] {
  const known = headersOfClusters.get(cluster);
  if (known) return known;
  const headers = { ...JSON_HEADERS, ...edgeHeader(cluster) };
  headersOfClusters.set(cluster, headers);
  return headers;
}

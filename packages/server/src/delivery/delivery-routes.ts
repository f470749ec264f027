/** Delivery, where visitors come from: Adobe's Delivery API and its older mbox form (contract section 7). */

import { z } from '@hono/zod-openapi';
import { MAX_ATTRIBUTES_SIZE } from '../domain/attributes.ts';
import { QuiverError } from '../errors.ts';
import type { Visit, VisitOutcome } from '../storage/profile-store.ts';
import { readBody } from '../wire/body.ts';
import { readJsonObject } from '../wire/json.ts';
import { lastValue } from '../wire/parameters.ts';
import { edgeHeader, emptyReply, jsonReply, type Reply } from '../wire/replies.ts';
import type { Call, Route } from '../wire/route.ts';
import { decodeSegment, rawSegment } from '../wire/target.ts';
import { deliveryReply } from './delivery-reply.ts';
import {
  checkMembers,
  type DeliveryRequest,
  DeliveryRequestSchema,
  MboxCallSchema,
} from './delivery-schema.ts';
import { type LocationRules, locationNames, type Place } from './location-hint.ts';
import { addProfileParameters, profileParametersOf } from './profile-parameters.ts';
import { checkSessionId, visitOf } from './visit.ts';

/** The most bytes of a Delivery or mbox body (ours: Adobe names no figure). */
export const MAX_DELIVERY_BODY = 1024 * 1024;

/** What Delivery needs of the profiles; `profiles/profile-service.ts` gives it. */
export interface VisitorProfiles {
  visit(client: string, visit: Visit): Promise<VisitOutcome & Place>;
}

/** What a request asked content for, or said of content; of a legacy call its one mbox. */
export type TakenIn = Pick<DeliveryRequest, 'execute' | 'notifications'>;

/**
 * Delivery and the legacy mbox call: open to every page, without credentials, as at Adobe.
 *
 * @param takenIn called for every request that was taken in, to be metered
 */
export function deliveryRoutes(
  profiles: VisitorProfiles,
  location: LocationRules,
  takenIn: (client: string, request: TakenIn) => void,
): Route[] {
  const names = locationNames(location);

  async function takeIn(client: string, visit: Visit) {
    const visited = await profiles.visit(client, visit);
    if (visited.outcome === 'too-large') {
      throw new QuiverError(
        'bad-request',
        `profileParameters: the attributes of one profile may total ${MAX_ATTRIBUTES_SIZE} bytes`,
      );
    }
    return {
      tntId: names.tntIdOf(visited.tntId, visited),
      edgeHost: names.edgeHostOf(visited),
      cluster: visited.cluster,
    };
  }

  async function deliver({ request, query, client }: Call): Promise<Reply> {
    checkSessionId(lastValue(query, 'sessionId'));
    const body = await readBody(request, MAX_DELIVERY_BODY);
    const delivery = checkMembers(DeliveryRequestSchema, readJsonObject(body));
    const visit = visitOf(delivery.id ?? {}, 'id.', profileParametersOf(delivery));
    const { tntId, edgeHost, cluster } = await takeIn(client, visit);
    takenIn(client, delivery);
    if (delivery.context.beacon === true) return emptyReply(edgeHeader(cluster));
    return jsonReply(deliveryReply(delivery, { client, tntId, edgeHost }), 200, edgeHeader(cluster));
  }

  async function callMbox({ request, path, client }: Call): Promise<Reply> {
    const sessionId = decodeSegment(rawSegment(path, -1), 'sessionId');
    checkSessionId(sessionId);
    const body = await readBody(request, MAX_DELIVERY_BODY);
    const mboxCall = checkMembers(MboxCallSchema, readJsonObject(body));
    const settings = new Map<string, string>();
    addProfileParameters(settings, mboxCall.profileParameters, '');
    const { tntId, cluster } = await takeIn(client, visitOf(mboxCall, '', settings));
    takenIn(client, { execute: { mboxes: [{}] } });
    const answer = { sessionId, tntId, thirdPartyId: mboxCall.thirdPartyId ?? undefined, content: '' };
    return jsonReply(answer, 200, edgeHeader(cluster));
  }

  const shared = {
    method: 'POST',
    guard: 'open',
    style: 'json',
    cors: 'everybody',
    scope: 'client',
  } as const;
  return [
    { ...shared, path: '/rest/v1/delivery', describe: DELIVERY, handle: deliver },
    { ...shared, path: '/rest/v1/mbox/{sessionId}', describe: MBOX, handle: callMbox },
  ];
}

const SessionId = z.string().openapi({
  description: '1 to 128 printable characters, without space, `?`, `/`, `{` or `}`.',
  example: 'a3f1c2',
});
const ClientQuery = z.string().optional().openapi({ description: 'Client code.', example: 'demo' });

const Refusal = z
  .object({ status: z.int(), message: z.string() })
  .openapi({ example: { status: 400, message: 'context.channel: must be "web" or "mobile"' } });
const REFUSED = {
  description: 'Refused; nothing was stored',
  content: { 'application/json': { schema: Refusal } },
};

const ReplyPart = z.looseObject({});

const DELIVERY = {
  tags: ['Delivery'],
  summary: 'Take in a visit',
  description:
    'Finds, makes, links and updates the profile of the visitor, durably, before it answers. The lists come back without ' +
    'options: Quiver keeps profiles, it does not choose content. Names of profile parameters that look like whole numbers are ' +
    'stored before the others of their part.',
  request: {
    query: z.object({ client: ClientQuery, sessionId: SessionId }),
    body: { required: true, content: { 'application/json': { schema: DeliveryRequestSchema } } },
  },
  responses: {
    200: {
      description: 'The visitor, and the lists of the request',
      content: {
        'application/json': {
          schema: z
            .object({
              status: z.int(),
              requestId: z.string(),
              client: z.string(),
              id: z.looseObject({ tntId: z.string() }),
              edgeHost: z.string().optional(),
              execute: ReplyPart.optional(),
              prefetch: ReplyPart.optional(),
              notifications: z.array(ReplyPart).optional(),
            })
            .openapi('DeliveryReply', {
              example: {
                status: 200,
                requestId: '5b0ee4d6-9ad1-4f7e-8d38-2f3f7a4f3a0e',
                client: 'demo',
                id: { tntId: '4c1fd1a0c6b34f2b9d0f3a5e8b7c6d21' },
                execute: { mboxes: [{ index: 0, name: 'home' }] },
              },
            }),
        },
      },
    },
    204: { description: 'Taken in; `context.beacon` asked for no answer' },
    400: REFUSED,
  },
};

const MBOX = {
  tags: ['Delivery'],
  summary: 'Take in a visit, in the older mbox form',
  request: {
    params: z.object({ sessionId: SessionId }),
    query: z.object({ client: ClientQuery }),
    body: { required: true, content: { 'application/json': { schema: MboxCallSchema } } },
  },
  responses: {
    200: {
      description: 'The visitor; never any content',
      content: {
        'application/json': {
          schema: z
            .object({
              sessionId: z.string(),
              tntId: z.string(),
              thirdPartyId: z.string().optional(),
              content: z.literal(''),
            })
            .openapi('MboxReply', {
              example: {
                sessionId: 'a3f1c2',
                tntId: '4c1fd1a0c6b34f2b9d0f3a5e8b7c6d21',
                thirdPartyId: 'crm-4711',
                content: '',
              },
            }),
        },
      },
    },
    400: REFUSED,
  },
};

/**
 * Delivery, which records visits: Adobe's Delivery API and its older mbox form (contract section
 * 7).
 */

import { readBody } from '../wire/body.ts';
import type { Call } from '../wire/call.ts';
import { readJsonObject } from '../wire/json.ts';
import { lastValue } from '../wire/parameters.ts';
import { edgeHeader, emptyReply, jsonReply, type Reply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';
import { z } from '../wire/schema.ts';
import { deliveryReply } from './delivery-reply.ts';
import { checkMembers, DeliveryRequestSchema, MboxCallSchema } from './delivery-schema.ts';
import { addProfileParameters, profileParametersOf } from './profile-parameters.ts';
import { deliveryFacts, mboxCallFacts } from './request-facts.ts';
import { categoriesIn, categoriesInParts } from './seen-categories.ts';
import { StrictDeliverySchema, StrictMboxCallSchema } from './strict-schema.ts';
import { checkSessionId, memberName, memberOfId, visitOf } from './visit.ts';
import type { SentDebugToken, VisitIntake } from './visit-intake.ts';

/**
 * The largest body of a Delivery or mbox call, in bytes; Adobe allows 60 MB. A request that reached
 * all limits at once, with a hundred mboxes of a hundred parameters of 5,000 characters each, would
 * come close to 60 MB; real sites send a few KB. Parsing JSON blocks every other request of the
 * process, for some tens of milliseconds at 4 MB.
 */
export const MAX_DELIVERY_BODY = 4 * 1024 * 1024;

/**
 * Delivery and the legacy mbox call, open to every page, as at Adobe.
 *
 * Long because it contains both handlers and both descriptions.
 */
export function deliveryRoutes(intake: VisitIntake): Route[] {
  async function deliver(call: Call): Promise<Reply> {
    const { request, query, client } = call;
    const sessionId = lastValue(query, 'sessionId');
    checkSessionId(sessionId);
    const body = readJsonObject(await readBody(request, MAX_DELIVERY_BODY));
    const delivery = checkMembers(DeliveryRequestSchema, body);
    const { checking, customerIdAliases } = await intake.rulesOf(client);
    if (checking === 'strict') checkMembers(StrictDeliverySchema, body);
    const { tntId, edgeHost, cluster, trace } = await intake.take(call, {
      visit: visitOf(
        delivery.id ?? {},
        'id.',
        profileParametersOf(delivery),
        () => deliveryFacts(delivery, sessionId, request.headers),
        customerIdAliases,
      ),
      categories: categoriesIn(delivery),
      memberOf: memberOfId,
      sentTntId: delivery.id?.tntId,
      metered: delivery,
      attributesMember: 'profileParameters',
      debugToken: debugTokenOf(delivery.trace?.authorizationToken),
    });
    if (delivery.context.beacon === true) return emptyReply(edgeHeader(cluster));
    const reply = deliveryReply(delivery, { client, tntId, edgeHost, trace });
    return jsonReply(reply, 200, edgeHeader(cluster));
  }

  async function callMbox(call: Call): Promise<Reply> {
    const { request, client } = call;
    const sessionId = call.param('sessionId');
    checkSessionId(sessionId);
    const body = readJsonObject(await readBody(request, MAX_DELIVERY_BODY));
    const mboxCall = checkMembers(MboxCallSchema, body);
    if ((await intake.rulesOf(client)).checking === 'strict') checkMembers(StrictMboxCallSchema, body);
    const settings = new Map<string, string>();
    addProfileParameters(settings, mboxCall.profileParameters, '');
    const { tntId, cluster } = await intake.take(call, {
      visit: visitOf({ ...mboxCall, customerIds: null }, '', settings, () =>
        mboxCallFacts([mboxCall.mbox], sessionId, request.headers),
      ),
      categories: categoriesInParts([{ parameters: mboxCall.mboxParameters }]),
      memberOf: memberName,
      sentTntId: mboxCall.tntId,
      metered: { execute: { mboxes: [{}] } },
      attributesMember: 'profileParameters',
    });
    const answer = { sessionId, tntId, thirdPartyId: mboxCall.thirdPartyId ?? undefined, content: '' };
    return jsonReply(answer, 200, edgeHeader(cluster));
  }

  const shared = {
    method: 'POST',
    guard: 'open',
    style: 'json',
    cors: 'visitors',
    scope: 'client',
  } as const;
  return [
    { ...shared, path: '/rest/v1/delivery', describe: DELIVERY, handle: deliver },
    { ...shared, path: '/rest/v1/mbox/{sessionId}', describe: MBOX, handle: callMbox },
  ];
}

/** The debug token of a Delivery request; null counts as not sent. */
function debugTokenOf(text: string | null | undefined): SentDebugToken | undefined {
  return typeof text === 'string' ? { member: 'trace.authorizationToken', text } : undefined;
}

export const SessionId = z.string().openapi({
  description: '1 to 128 printable characters, without space, `?`, `/`, `{` or `}`.',
  example: 'a3f1c2',
});
export const ClientCode = z.string().optional().openapi({ description: 'Client code.', example: 'demo' });

const Refusal = z
  .object({ status: z.int(), message: z.string() })
  .openapi({ example: { status: 400, message: 'context.channel: must be "web" or "mobile"' } });
/** The description of a refused visit. */
export const REFUSED = {
  description: 'Refused; nothing was stored',
  content: { 'application/json': { schema: Refusal } },
};

const ReplyPart = z.looseObject({});

const DELIVERY = {
  tags: ['Delivery'],
  summary: 'Record a visit',
  description:
    'Finds, creates, links and updates the profile of the visitor durably before it answers. The lists are returned without ' +
    'content, because Quiver keeps profiles and does not choose content. Names of profile parameters that look like whole numbers are ' +
    'stored before the others of their part.',
  request: {
    query: z.object({ client: ClientCode, sessionId: SessionId }),
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
              trace: ReplyPart.optional().openapi({
                description:
                  'With a debug token: the profile before and after. Each mbox and page load has it too.',
              }),
            })
            .openapi('DeliveryReply', {
              example: {
                status: 200,
                requestId: '5b0ee4d6-9ad1-4f7e-8d38-2f3f7a4f3a0e',
                client: 'demo',
                id: { tntId: '4c1fd1a0c6b34f2b9d0f3a5e8b7c6d21' },
                execute: { mboxes: [{ index: 0, name: 'home', options: [] }] },
              },
            }),
        },
      },
    },
    204: { description: 'Recorded; `context.beacon` asked for no answer' },
    400: REFUSED,
    403: { ...REFUSED, description: 'The debug token is not the current one; nothing was stored' },
  },
};

const MBOX = {
  tags: ['Delivery'],
  summary: 'Record a visit, in the older mbox form',
  request: {
    params: z.object({ sessionId: SessionId }),
    query: z.object({ client: ClientCode }),
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

/**
 * `POST /rest/v2/batchmbox`, the API between the single mbox call and Delivery (contract section
 * 7); the deprecated npm package `@adobe/target-node-client` uses it.
 */

import { randomUUID } from 'node:crypto';
import { readBody } from '../wire/body.ts';
import type { Call } from '../wire/call.ts';
import { readJsonObject } from '../wire/json.ts';
import { lastValue } from '../wire/parameters.ts';
import { edgeHeader, jsonReply, type Reply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';
import { z } from '../wire/schema.ts';
import { ClientCode, MAX_DELIVERY_BODY, REFUSED, SessionId } from './delivery-routes.ts';
import { checkMembers, MAX_MBOXES, MboxParameters, VisitorIdsSchema } from './delivery-schema.ts';
import { addProfileParameters } from './profile-parameters.ts';
import { mboxCallFacts } from './request-facts.ts';
import { categoriesInParts } from './seen-categories.ts';
import { StrictBatchMboxSchema } from './strict-schema.ts';
import { checkSessionId, memberOfId, visitOf } from './visit.ts';
import type { SentDebugToken, VisitIntake } from './visit-intake.ts';

const BatchMboxSchema = z
  .looseObject({
    requestId: z.string().max(128).nullish(),
    id: VisitorIdsSchema.nullish(),
    // Checked by profile-parameters.ts.
    profileParameters: z
      .unknown()
      .optional()
      .openapi({ type: 'object', example: { country: 'france' } }),
    trace: z.looseObject({ enabled: z.boolean().nullish() }).nullish(),
    mboxes: z
      .array(
        z.looseObject({
          mbox: z.string().min(1),
          indexId: z.int().nullish(),
          parameters: MboxParameters,
          profileParameters: z.unknown().optional().openapi({ type: 'object' }),
        }),
      )
      .min(1)
      .max(MAX_MBOXES),
  })
  .openapi('BatchMboxRequest', {
    example: { mboxes: [{ mbox: 'home', indexId: 0 }], profileParameters: { country: 'france' } },
  });

/** The one route. */
export function batchMboxRoute(intake: VisitIntake): Route {
  async function handle(call: Call): Promise<Reply> {
    const { request, query, client } = call;
    const sessionId = lastValue(query, 'sessionId');
    checkSessionId(sessionId);
    const body = readJsonObject(await readBody(request, MAX_DELIVERY_BODY));
    const sent = checkMembers(BatchMboxSchema, body);
    const { checking, customerIdAliases } = await intake.rulesOf(client);
    if (checking === 'strict') checkMembers(StrictBatchMboxSchema, body);
    const settings = new Map<string, string>();
    addProfileParameters(settings, sent.profileParameters, '');
    for (const [place, { profileParameters }] of sent.mboxes.entries()) {
      addProfileParameters(settings, profileParameters, `mboxes[${place}]`);
    }
    const factsOf = () => {
      const names = sent.mboxes.map(({ mbox }) => mbox);
      return mboxCallFacts(names, sessionId, request.headers);
    };
    const { tntId, edgeHost, cluster, trace } = await intake.take(call, {
      visit: visitOf(sent.id ?? {}, 'id.', settings, factsOf, customerIdAliases),
      categories: categoriesInParts(sent.mboxes),
      memberOf: memberOfId,
      sentTntId: sent.id?.tntId,
      metered: { execute: { mboxes: sent.mboxes.map(() => ({})) } },
      // This API sends the token in a header and requests the trace in the body.
      debugToken: sent.trace?.enabled ? debugTokenIn(request.headers) : undefined,
      attributesMember: 'profileParameters',
    });
    const answer = {
      requestId: sent.requestId ?? randomUUID(),
      client,
      id: { ...sent.id, tntId },
      edgeHost,
      mboxResponses: sent.mboxes.map(({ mbox, indexId }) => ({
        mbox,
        indexId: indexId ?? undefined,
        content: '',
      })),
      trace,
    };
    return jsonReply(answer, 200, edgeHeader(cluster));
  }
  return {
    method: 'POST',
    path: '/rest/v2/batchmbox',
    guard: 'open',
    style: 'json',
    cors: 'visitors',
    scope: 'client',
    describe: DESCRIBE,
    handle,
  };
}

/** The debug token is the whole header, with or without `Bearer` before it. */
function debugTokenIn(headers: Call['request']['headers']): SentDebugToken {
  const text = (headers.get('authorization') ?? '').replace(/^Bearer +/i, '');
  return { member: 'Authorization', text };
}

const DESCRIBE = {
  tags: ['Delivery'],
  summary: 'Record a visit, in the batch mbox form',
  description: 'Deprecated at Adobe. The profile parameters of the request and of its mboxes are stored.',
  request: {
    query: z.object({ client: ClientCode, sessionId: SessionId }),
    body: { required: true, content: { 'application/json': { schema: BatchMboxSchema } } },
  },
  responses: {
    200: {
      description: 'The visitor, and the mboxes without content',
      content: {
        'application/json': {
          schema: z
            .looseObject({
              requestId: z.string(),
              client: z.string(),
              id: z.looseObject({ tntId: z.string() }),
              mboxResponses: z.array(z.looseObject({ mbox: z.string(), content: z.literal('') })),
            })
            .openapi('BatchMboxReply', {
              example: {
                requestId: '5b0ee4d6-9ad1-4f7e-8d38-2f3f7a4f3a0e',
                client: 'demo',
                id: { tntId: '4c1fd1a0c6b34f2b9d0f3a5e8b7c6d21' },
                mboxResponses: [{ mbox: 'home', indexId: 0, content: '' }],
              },
            }),
        },
      },
    },
    400: REFUSED,
  },
};

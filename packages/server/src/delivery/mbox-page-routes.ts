/**
 * The mbox calls under `/m2/{client}/` that pages, e-mails and older apps send (contract section
 * 7): ids, mbox and attributes are parameters of a query or a form. They differ in their replies.
 */

import { randomBytes } from 'node:crypto';
import type { NamedTexts } from '../domain/script-input.ts';
import { type IdKind, idProblem } from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import { attributesOf } from '../wire/attribute-parameters.ts';
import { readBody, textOf } from '../wire/body.ts';
import type { Call } from '../wire/call.ts';
import {
  ATTRIBUTE_PREFIX,
  lastValue,
  type Parameter,
  readParameters,
  UNREADABLE,
} from '../wire/parameters.ts';
import { edgeHeader, jsonReply, Reply, type ReplyStyle } from '../wire/replies.ts';
import type { Method, Route } from '../wire/route.ts';
import { z } from '../wire/schema.ts';
import { checkMembers } from './delivery-schema.ts';
import { mboxCallFacts } from './request-facts.ts';
import { CATEGORY_PARAMETER, categoriesOfValues, checkCategories } from './seen-categories.ts';
import { StrictMboxCallSchema } from './strict-schema.ts';
import { checkSessionId, visitOf } from './visit.ts';
import type { VisitIntake, VisitTaken } from './visit-intake.ts';

/** The largest form, in bytes; the same as for a single update. */
const MAX_FORM_BYTES = 60 * 1024;

/** The parameters that name a visitor, and the member of a visit that each one sets. */
const IDS = [
  { parameter: 'mbox3rdPartyId', member: 'thirdPartyId', kind: 'thirdPartyId' },
  { parameter: 'mboxMCGVID', member: 'marketingCloudVisitorId', kind: 'ecid' },
  { parameter: 'mboxPC', member: 'tntId', kind: 'tntId' },
] as const satisfies readonly { parameter: string; member: string; kind: IdKind }[];

/** A recorded visit, and the parts of the request that the reply may show. */
interface MboxCallTaken extends VisitTaken {
  readonly sessionId: string;
  readonly ids: { readonly [Member in (typeof IDS)[number]['member']]?: string };
}

interface MboxPage {
  /** The path after `/m2/{client}/`. */
  readonly path: string;
  readonly summary: string;
  readonly style: ReplyStyle;
  readonly type: string;
  readonly example: string;
  answer(taken: MboxCallTaken): Reply;
}

/** A GIF of one transparent pixel. */
const PIXEL = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');
const EMPTY_PAGE = '<!doctype html><title></title>';

/** Empty content that is never cached. */
function emptyContent(
  type: string,
  body: string | Uint8Array<ArrayBuffer>,
  cluster: number | undefined,
): Reply {
  return new Reply(body, 200, {
    'content-type': type,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...edgeHeader(cluster),
  });
}

const HTML = 'text/html;charset=UTF-8';

const PAGES: readonly MboxPage[] = [
  {
    path: 'rest/standard',
    summary: 'Record a visit; the content is empty',
    style: 'plain',
    type: HTML,
    example: '',
    answer: ({ cluster }) => emptyContent(HTML, '', cluster),
  },
  {
    path: 'ubox/raw',
    summary: 'Record a visit from an e-mail or an app; the content is empty',
    style: 'plain',
    type: HTML,
    example: '',
    answer: ({ cluster }) => emptyContent(HTML, '', cluster),
  },
  {
    path: 'ubox/image',
    summary: 'Record a visit; the content is a transparent pixel',
    style: 'plain',
    type: 'image/gif',
    example: 'GIF89a…',
    answer: ({ cluster }) => emptyContent('image/gif', PIXEL, cluster),
  },
  {
    path: 'ubox/page',
    summary: 'Record a visit; the content is an empty page',
    style: 'plain',
    type: HTML,
    example: EMPTY_PAGE,
    answer: ({ cluster }) => emptyContent(HTML, EMPTY_PAGE, cluster),
  },
  {
    path: 'mbox/json',
    summary: 'Record a visit, as at.js 1.x sends it; there are no offers',
    style: 'json',
    type: 'application/json',
    example: '',
    answer: ({ sessionId, tntId, edgeHost, ids, cluster }) =>
      jsonReply({ sessionId, ...ids, tntId, edgeHost, offers: [] }, 200, edgeHeader(cluster)),
  },
];

/** A GET and a POST route for each. */
export function mboxPageRoutes(intake: VisitIntake): Route[] {
  return PAGES.flatMap((page) =>
    (['GET', 'POST'] as const).map((method) => ({
      method,
      ...(method === 'GET' && { writes: true as const }),
      path: `/m2/{client}/${page.path}`,
      guard: 'open' as const,
      style: page.style,
      cors: 'visitors' as const,
      scope: 'client' as const,
      describe: describe(page, method),
      async handle(call: Call) {
        const sent = method === 'GET' ? call.query : [...call.query, ...(await formOf(call))];
        return page.answer(await takeIn(intake, call, sent));
      },
    })),
  );
}

async function formOf({ request }: Call): Promise<Parameter[]> {
  return readParameters(textOf(await readBody(request, MAX_FORM_BYTES)));
}

async function takeIn(intake: VisitIntake, call: Call, sent: readonly Parameter[]): Promise<MboxCallTaken> {
  const mbox = lastValue(sent, 'mbox');
  if (!mbox) throw new QuiverError('bad-request', 'mbox: must be given');
  const categoryValues = categoryValuesOf(sent);
  if ((await intake.rulesOf(call.client)).checking === 'strict') {
    checkMembers(StrictMboxCallSchema, { mbox });
    for (const value of categoryValues) checkCategories(value);
  }
  const sessionId = lastValue(sent, 'mboxSession') || randomBytes(16).toString('hex');
  checkSessionId(sessionId, 'mboxSession');
  const ids: Record<string, string> = {};
  for (const { parameter, member, kind } of IDS) {
    const text = lastValue(sent, parameter);
    // at.js 1.x sends this parameter empty until it has an id.
    if (text === undefined || text === '') continue;
    const problem = idProblem(kind, text);
    if (problem !== undefined) throw new QuiverError('bad-request', `${parameter}: ${problem}`);
    ids[member] = text;
  }
  const taken = await intake.take(call, {
    visit: visitOf(ids, '', attributesOf(sent).settings, () =>
      mboxCallFacts([mbox], sessionId, call.request.headers, parametersOf(sent)),
    ),
    categories: categoriesOfValues(categoryValues),
    memberOf: (kind) => IDS.find((id) => id.kind === kind)!.parameter,
    sentTntId: ids.tntId,
    metered: { execute: { mboxes: [{}] } },
    attributesMember: 'profile.<name>',
  });
  return { ...taken, sessionId, ids };
}

/**
 * The parameters that profile scripts see as parameters of the mbox: all except attributes and
 * values that cannot be decoded.
 */
function parametersOf(sent: readonly Parameter[]): NamedTexts {
  return sent.flatMap(
    ([name, value]): NamedTexts =>
      name.startsWith(ATTRIBUTE_PREFIX) || value === UNREADABLE ? [] : [[name, value]],
  );
}

/** The categories that were sent; a value that cannot be decoded is ignored. */
function categoryValuesOf(sent: readonly Parameter[]): string[] {
  return sent.flatMap(([name, value]) =>
    name === CATEGORY_PARAMETER && value !== UNREADABLE ? [value] : [],
  );
}

const PARAMETERS = z.object({
  mbox: z.string().openapi({ description: 'The name of the mbox.', example: 'home' }),
  mboxSession: z.string().optional().openapi({ example: 'a3f1c2' }),
  mboxPC: z.string().optional().openapi({ description: 'A tntId.', example: '111.28_20' }),
  mbox3rdPartyId: z.string().optional().openapi({ description: 'A thirdPartyId.', example: 'crm-4711' }),
  mboxMCGVID: z.string().optional().openapi({ description: 'An ECID.' }),
  [CATEGORY_PARAMETER]: z.string().optional().openapi({
    description: 'Categories that the visitor looks at, separated by commas; 256 characters.',
    example: 'shoes',
  }),
  'profile.country': z
    .string()
    .optional()
    .openapi({ description: 'Any attribute; its name follows `profile.`.', example: 'france' }),
});

function describe({ summary, type, example }: MboxPage, method: Method) {
  return {
    tags: ['Delivery'],
    summary,
    description:
      'Parameters that are not named here are ignored. Nothing is redirected, whatever `mboxDefault` says.',
    request: {
      params: z.object({ client: z.string().openapi({ example: 'demo' }) }),
      query: method === 'GET' ? PARAMETERS : PARAMETERS.partial(),
      ...(method === 'POST' && {
        body: {
          required: false,
          content: {
            'application/x-www-form-urlencoded': {
              schema: PARAMETERS.partial(),
              example: { mbox: 'home', mboxPC: '111.28_20', 'profile.country': 'france' },
            },
          },
        },
      }),
    },
    responses: {
      200: {
        description: 'Taken in',
        content:
          type === 'application/json'
            ? { [type]: { schema: MboxJson } }
            : { [type.split(';', 1)[0]!]: { schema: z.string(), example } },
      },
      400: { description: 'Refused; nothing was stored' },
    },
  };
}

const MboxJson = z
  .looseObject({ sessionId: z.string(), tntId: z.string(), offers: z.array(z.unknown()) })
  .openapi('MboxJsonReply', {
    example: { sessionId: 'a3f1c2', tntId: '4c1fd1a0c6b34f2b9d0f3a5e8b7c6d21', offers: [] },
  });

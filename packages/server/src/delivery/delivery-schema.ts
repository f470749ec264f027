/**
 * The members of a Delivery request that Quiver reads (contract section 7); all others are accepted
 * unread.
 *
 * The schema checks and describes. Handlers then read the parsed JSON itself, because a schema
 * library that copies objects loses names such as `__proto__`. An optional member may be null,
 * which counts as not sent.
 */

import { QuiverError } from '../errors.ts';
import { z } from '../wire/schema.ts';

export const MAX_MBOXES = 50;
export const MAX_PROFILE_PARAMETERS = 50;
/** The longest value of a profile parameter or mbox parameter, in characters. */
export const MAX_PARAMETER_VALUE = 5000;

// Checked by profile-parameters.ts, which preserves names and their order.
const ProfileParameters = z
  .unknown()
  .optional()
  .openapi({
    type: 'object',
    additionalProperties: { type: ['string', 'number', 'boolean'], maxLength: MAX_PARAMETER_VALUE },
    maxProperties: MAX_PROFILE_PARAMETERS,
    description:
      'Stored in the profile, numbers and booleans as their JSON text; an empty value sets nothing. Names have 1 to 128 characters and ' +
      'start neither with `profile.` nor with `user.`.',
    example: { country: 'france' },
  });

/** Read by seen-categories.ts. */
export const MboxParameters = z
  .unknown()
  .optional()
  .openapi({
    type: 'object',
    additionalProperties: { type: 'string' },
    description:
      'Not stored. `user.categoryId` names categories that the visitor looks at, separated by commas, in at most 256 characters.',
    example: { 'user.categoryId': 'shoes' },
  });

const Details = z.looseObject({ profileParameters: ProfileParameters, parameters: MboxParameters });
const Mbox = Details.extend({
  index: z.int().nullish(),
  name: z.string().nullish(),
}).openapi('MboxRequest');
const View = Details.extend({ name: z.string().nullish(), key: z.string().nullish() }).openapi('ViewRequest');
const Mboxes = z.array(Mbox).max(MAX_MBOXES).nullish();

const CustomerId = z
  .looseObject({
    id: z.string().min(1).max(128),
    integrationCode: z.string().max(50).nullish(),
    authenticatedState: z.enum(['unknown', 'authenticated', 'logged_out']).nullish(),
  })
  .openapi('CustomerId');

/** The ids of a visitor, as Delivery and the batch mbox call send them. */
export const VisitorIdsSchema = z.looseObject({
  tntId: z.string().nullish(),
  thirdPartyId: z.string().nullish(),
  marketingCloudVisitorId: z.string().nullish(),
  customerIds: z.array(CustomerId).max(50).nullish().openapi({
    description:
      'The first that is `authenticated` and has a known `integrationCode` names the visitor, as a thirdPartyId does.',
  }),
});

const Notification = Details.extend({
  id: z.string().max(200).nullish(),
  type: z.string().nullish(),
  timestamp: z.number().nullish(),
  mbox: z.looseObject({ name: z.string().nullish() }).nullish(),
  view: z.looseObject({ name: z.string().nullish(), key: z.string().nullish() }).nullish(),
  pageLoad: z.looseObject({}).nullish(),
}).openapi('Notification');

export const DeliveryRequestSchema = z
  .looseObject({
    requestId: z.string().max(128).nullish(),
    id: VisitorIdsSchema.nullish(),
    context: z.looseObject({ channel: z.enum(['web', 'mobile']), beacon: z.boolean().nullish() }),
    property: z.looseObject({ token: z.string().nullish() }).nullish(),
    trace: z.looseObject({ authorizationToken: z.string().nullish() }).nullish(),
    execute: z.looseObject({ pageLoad: Details.nullish(), mboxes: Mboxes }).nullish(),
    prefetch: z
      .looseObject({ pageLoad: Details.nullish(), mboxes: Mboxes, views: z.array(View).nullish() })
      .nullish(),
    notifications: z.array(Notification).nullish(),
  })
  .openapi('DeliveryRequest', {
    example: {
      context: { channel: 'web' },
      execute: { mboxes: [{ index: 0, name: 'home', profileParameters: { country: 'france' } }] },
    },
  });

export type DeliveryRequest = z.infer<typeof DeliveryRequestSchema>;

export const MboxCallSchema = z
  .looseObject({
    mbox: z.string().min(1).nullish(),
    tntId: z.string().nullish(),
    thirdPartyId: z.string().nullish(),
    marketingCloudVisitorId: z.string().nullish(),
    profileParameters: ProfileParameters,
    mboxParameters: MboxParameters,
  })
  .openapi('MboxCall', {
    example: { mbox: 'home', thirdPartyId: 'crm-4711', profileParameters: { country: 'france' } },
  });

/**
 * Checks a parsed body against a schema.
 *
 * @returns the body itself, unchanged, with the schema's type
 * @throws QuiverError `bad-request` that names the first invalid member, as a path such as
 *   `execute.mboxes[3].name`
 */
export function checkMembers<Schema extends z.ZodType>(schema: Schema, body: unknown): z.infer<Schema> {
  const outcome = schema.safeParse(body);
  const issue = outcome.error?.issues[0];
  if (issue) {
    const path = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0]!] : issue.path;
    const problem = isMissing(body, path) ? 'must be given' : problemOf(issue);
    throw new QuiverError('bad-request', `${memberPath(path)}: ${problem}`);
  }
  return body as z.infer<Schema>;
}

/** Whether a path points to a member that was not sent. */
function isMissing(body: unknown, path: readonly PropertyKey[]): boolean {
  let value: unknown = body;
  for (const step of path) value = (value as Record<PropertyKey, unknown> | null | undefined)?.[step];
  return value === undefined && path.length > 0;
}

function memberPath(path: readonly PropertyKey[]): string {
  const member = path.reduce<string>((before, step) => {
    if (typeof step === 'number') return `${before}[${step}]`;
    return before === '' ? String(step) : `${before}.${String(step)}`;
  }, '');
  return member === '' ? 'body' : member;
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  array: 'a list',
};

function problemOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') return 'is unknown';
  if (issue.code === 'invalid_type') return `must be ${KINDS[issue.expected] ?? issue.expected}`;
  if (issue.code === 'invalid_value')
    return `must be ${issue.values.map((value) => `"${String(value)}"`).join(' or ')}`;
  if (issue.code === 'too_big' || issue.code === 'too_small') {
    const bound = issue.code === 'too_big' ? `at most ${issue.maximum}` : `at least ${issue.minimum}`;
    if (issue.code === 'too_small' && issue.minimum === 1 && issue.origin !== 'number')
      return 'must not be empty';
    if (issue.origin === 'string') return `must have ${bound} characters`;
    if (issue.origin === 'array') return `must have ${bound} entries`;
    return `must be ${bound}`;
  }
  return issue.message;
}

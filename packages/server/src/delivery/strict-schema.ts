/**
 * The additional checks of a visit under `checking: strict`: the rules of the OpenAPI description
 * of Adobe's Delivery API (contract section 7). Members that the description does not name may have
 * any value.
 */

import { isIP } from 'node:net';
import { MAX_ATTRIBUTE_NAME } from '../domain/attribute-name.ts';
import { MAX_CATEGORY_VALUE } from '../domain/category-affinity.ts';
import { quoted } from '../domain/visible-text.ts';
import { atMostCharacters } from '../domain/visitor-id.ts';
import { isJsonObject } from '../wire/json.ts';
import { z } from '../wire/schema.ts';
import { MAX_MBOXES, MAX_PARAMETER_VALUE, MAX_PROFILE_PARAMETERS } from './delivery-schema.ts';
import { CATEGORY_PARAMETER } from './seen-categories.ts';

/** The longest list of purchased product ids, joined by commas, in characters. */
const MAX_PRODUCT_IDS = 250;
/** Order members that Adobe derives; they must not be sent as parameters of an mbox. */
const RESERVED_PARAMETERS = ['orderId', 'orderTotal', 'productPurchasedIds'];

const int32 = z.int32();
const text = (max: number) => z.string().max(max);
const notBlank = (max: number) => text(max).regex(/\S/, 'must not be blank');

function parameterProblem(sent: unknown): string | undefined {
  if (!isJsonObject(sent)) return 'must be an object';
  const entries = Object.entries(sent);
  if (entries.length > MAX_PROFILE_PARAMETERS) return `must have at most ${MAX_PROFILE_PARAMETERS} members`;
  for (const [name, value] of entries) {
    const shown = quoted(name.slice(0, 150));
    if (name.trim() === '' || name.length > MAX_ATTRIBUTE_NAME) {
      return `the name ${shown} must have 1 to ${MAX_ATTRIBUTE_NAME} characters`;
    }
    if (name.startsWith('profile.')) return `the name ${shown} must not start with "profile."`;
    if (typeof value !== 'string') return `the value of ${shown} must be a string`;
    if (value.length > MAX_PARAMETER_VALUE) {
      return `the value of ${shown} must have at most ${MAX_PARAMETER_VALUE} characters`;
    }
  }
  return undefined;
}

function mboxParameterProblem(sent: unknown): string | undefined {
  const reserved = isJsonObject(sent) && RESERVED_PARAMETERS.find((name) => Object.hasOwn(sent, name));
  if (reserved) return `the name "${reserved}" belongs to orders`;
  return parameterProblem(sent) ?? categoryProblem(sent);
}

/** What is wrong with the categories among the parameters (contract section 15). */
function categoryProblem(sent: unknown): string | undefined {
  const value = isJsonObject(sent) ? sent[CATEGORY_PARAMETER] : undefined;
  if (value === undefined) return undefined;
  if (typeof value !== 'string') return `the value of "${CATEGORY_PARAMETER}" must be a string`;
  if (atMostCharacters(value, MAX_CATEGORY_VALUE)) return undefined;
  return `the value of "${CATEGORY_PARAMETER}" must have at most ${MAX_CATEGORY_VALUE} characters`;
}

/** A member that `problemOf` checks; null counts as not sent. */
function checkedBy(problemOf: (sent: unknown) => string | undefined) {
  return z
    .unknown()
    .superRefine((sent, context) => {
      const problem = sent === null ? undefined : problemOf(sent);
      if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
    })
    .optional();
}

const Order = z.looseObject({
  id: text(250).nullish(),
  total: z.number().min(0).nullish(),
  purchasedProductIds: z
    .array(z.string().regex(/\S/, 'must not be blank'))
    .refine(
      (ids) => ids.join(',').length <= MAX_PRODUCT_IDS,
      `must have at most ${MAX_PRODUCT_IDS} characters together`,
    )
    .nullish(),
  experienceLocalId: z.int().min(0).max(2_147_483_647).nullish(),
  time: z.iso
    .datetime({ offset: true, local: true, error: 'must be a time as ISO 8601 writes it' })
    .nullish(),
});

const Product = z.looseObject({ id: notBlank(128).nullish(), categoryId: notBlank(128).nullish() });
const Address = z.looseObject({ url: text(4096).nullish(), referringUrl: text(4096).nullish() });

const Details = z.looseObject({
  address: Address.nullish(),
  parameters: checkedBy(mboxParameterProblem),
  profileParameters: checkedBy(parameterProblem),
  order: Order.nullish(),
  product: Product.nullish(),
});
const Mbox = Details.extend({ index: int32, name: notBlank(250) });
const Mboxes = z
  .array(Mbox)
  .max(MAX_MBOXES)
  .superRefine((mboxes, context) =>
    noIndexTwice(
      mboxes.map(({ index }) => index),
      context,
    ),
  );
const View = Details.extend({ name: text(128).nullish(), key: text(512).nullish() });
const ViewName = z.looseObject({ name: text(128).nullish(), key: text(512).nullish() });

/**
 * Excludes names that Adobe reserves, and characters that an mbox of a notification must not have.
 */
const NotifiedMbox = notBlank(250)
  .regex(/^[\p{L}\p{N}\s_\-,./=`:;&!@#$%^*()+|?~[\]{}]*$/u, 'has a character that mbox names must not have')
  .refine((name) => !name.endsWith('-clicked'), 'must not end in "-clicked"')
  .refine((name) => !KEPT_NAMES.includes(name.toLowerCase()), 'is a name that Adobe keeps for itself');
const KEPT_NAMES = ['display mboxes', 'any mbox', 'click from display mbox'];

const Notification = Details.extend({
  id: text(200),
  impressionId: text(128).nullish(),
  type: z.enum(['click', 'display']),
  timestamp: z.int(),
  tokens: z.array(z.string()).nullish(),
  mbox: z.looseObject({ name: NotifiedMbox.nullish(), state: z.string().nullish() }).nullish(),
  view: ViewName.nullish(),
}).refine(({ mbox, view }) => !mbox || !view, 'must name an mbox or a view, not both');

const Context = z.looseObject({
  channel: z.enum(['web', 'mobile']),
  mobilePlatform: z
    .looseObject({
      deviceType: z.enum(['phone', 'tablet']),
      platformType: z.enum(['android', 'ios']),
      version: text(128).nullish(),
    })
    .nullish(),
  application: z
    .looseObject({ id: text(250).nullish(), name: text(250).nullish(), version: text(128).nullish() })
    .nullish(),
  screen: z
    .looseObject({
      width: z.number().nullish(),
      height: z.number().nullish(),
      colorDepth: z.number().nullish(),
      orientation: z.enum(['portrait', 'landscape']).nullish(),
    })
    .nullish(),
  window: z.looseObject({ width: z.number().nullish(), height: z.number().nullish() }).nullish(),
  browser: z
    .looseObject({
      host: z.string().nullish(),
      language: z.string().nullish(),
      webGLRenderer: z.string().nullish(),
    })
    .nullish(),
  clientHints: z
    .looseObject({
      mobile: z.boolean().nullish(),
      model: z.string().nullish(),
      platform: z.string().nullish(),
      platformVersion: z.string().nullish(),
      browserUAWithMajorVersion: z.string().nullish(),
      browserUAWithFullVersion: z.string().nullish(),
      architecture: z.string().nullish(),
      bitness: z.string().nullish(),
    })
    .nullish(),
  address: Address.nullish(),
  geo: z
    .looseObject({
      ipAddress: z
        .string()
        .refine((address) => isIP(address) !== 0, 'must be an IP address')
        .nullish(),
      latitude: z.number().nullish(),
      longitude: z.number().nullish(),
      countryCode: z.string().length(2).nullish(),
      stateCode: z.string().min(1).max(3).nullish(),
      city: text(50).nullish(),
      zip: text(12).nullish(),
    })
    .nullish(),
  timeOffsetInMinutes: z.number().nullish(),
  userAgent: z.string().nullish(),
  beacon: z.boolean().nullish(),
});

const CustomerId = z.looseObject({
  id: text(128),
  integrationCode: text(50),
  authenticatedState: z.enum(['unknown', 'authenticated', 'logged_out']),
});

/** A Delivery request under `checking: strict`; the rules for every visit apply as well. */
export const StrictDeliverySchema = z.looseObject({
  requestId: text(128).nullish(),
  impressionId: text(128).nullish(),
  id: z.looseObject({ customerIds: z.array(CustomerId).max(50).nullish() }).nullish(),
  environmentId: z.int().nullish(),
  property: z.looseObject({ token: z.string() }).nullish(),
  trace: z.looseObject({ authorizationToken: z.string() }).nullish(),
  context: Context,
  experienceCloud: z
    .looseObject({
      audienceManager: z
        .looseObject({ locationHint: z.int().min(1).nullish(), blob: notBlank(1024).nullish() })
        .nullish(),
      analytics: z
        .looseObject({
          supplementalDataId: z.string().length(33).nullish(),
          logging: z.enum(['server_side', 'client_side']).nullish(),
        })
        .nullish(),
    })
    .nullish(),
  execute: z.looseObject({ pageLoad: Details.nullish(), mboxes: Mboxes.nullish() }).nullish(),
  prefetch: z
    .looseObject({ pageLoad: Details.nullish(), mboxes: Mboxes.nullish(), views: z.array(View).nullish() })
    .nullish(),
  notifications: z.array(Notification).nullish(),
  telemetry: z
    .looseObject({
      entries: z
        .array(
          z.looseObject({
            requestId: z.string().nullish(),
            timestamp: z.int().nullish(),
            mode: z.enum(['edge', 'local']).nullish(),
            execution: z.number().nullish(),
            parsing: z.number().nullish(),
          }),
        )
        .nullish(),
    })
    .nullish(),
  qaMode: z
    .looseObject({
      token: z.string().nullish(),
      listedActivitiesOnly: z.boolean().nullish(),
      evaluateAsTrueAudienceIds: z.array(z.int()).nullish(),
      evaluateAsFalseAudienceIds: z.array(z.int()).nullish(),
      previewIndexes: z
        .array(
          z.looseObject({
            activityIndex: z.int().min(1).nullish(),
            experienceIndex: z.int().min(1).nullish(),
          }),
        )
        .min(1)
        .nullish(),
    })
    .nullish(),
  preview: z.looseObject({ token: z.string().nullish() }).nullish(),
});

/** The batch mbox call under `checking: strict`: each mbox has its own index. */
export const StrictBatchMboxSchema = z.looseObject({
  mboxes: z
    .array(z.looseObject({ mbox: notBlank(250), indexId: int32, parameters: checkedBy(categoryProblem) }))
    .superRefine((mboxes, context) =>
      noIndexTwice(
        mboxes.map(({ indexId }) => indexId),
        context,
      ),
    ),
});

/** The mbox that an older call names under `checking: strict`. */
export const StrictMboxCallSchema = z.looseObject({
  mbox: notBlank(250),
  mboxParameters: checkedBy(categoryProblem),
});

function noIndexTwice(indexes: readonly number[], context: z.core.$RefinementCtx): void {
  const again = indexes.find((index, place) => indexes.indexOf(index) !== place);
  if (again !== undefined) {
    context.addIssue({ code: 'custom', message: `must not have the index ${again} twice` });
  }
}

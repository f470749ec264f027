/**
 * Extracts from the parsed JSON what a Delivery request tells profile scripts and sessions
 * (contract section 16).
 */

import type { MboxFacts, NamedTexts, RequestFacts } from '../domain/script-input.ts';
import { isJsonObject, type JsonObject } from '../wire/json.ts';
import type { HttpRequest } from '../wire/request.ts';
import type { DeliveryRequest } from './delivery-schema.ts';
import { orderParameters } from './order-parameters.ts';

/** Adobe's name of the mbox that a page load stands for. */
const GLOBAL_MBOX = 'target-global-mbox';
/** The headers that `user.header` may read. */
const READABLE_HEADERS = [
  'x-forwarded-for',
  'host',
  'cookie',
  'user-agent',
  'accept-language',
  'accept-encoding',
  'accept',
  'connection',
  'referrer',
];

/** Makes the facts of a Delivery request; members of a wrong type count as not sent. */
export function deliveryFacts(
  delivery: DeliveryRequest,
  sessionId: string,
  headers: HttpRequest['headers'],
): RequestFacts {
  const context: JsonObject = delivery.context;
  const common = contextParameters(context);
  const { execute, prefetch, notifications } = delivery;
  const executed = [
    ...(execute?.pageLoad ? [mboxFacts(GLOBAL_MBOX, execute.pageLoad, common)] : []),
    ...(execute?.mboxes ?? []).map((mbox) => mboxFacts(mbox.name, mbox, common)),
    ...(notifications ?? []).map((notification) =>
      mboxFacts(
        notification.mbox?.name ?? notification.view?.name ?? pageLoadName(notification),
        notification,
        common,
      ),
    ),
  ];
  const prefetched = [
    ...(prefetch?.pageLoad ? [mboxFacts(GLOBAL_MBOX, prefetch.pageLoad, common)] : []),
    ...(prefetch?.mboxes ?? []).map((mbox) => mboxFacts(mbox.name, mbox, common)),
    ...(prefetch?.views ?? []).map((view) => mboxFacts(view.name, view, common)),
  ];
  const address = memberOf(context, 'address');
  const { deviceType } = memberOf(context, 'mobilePlatform');
  return {
    ...bareFacts(sessionId, headers),
    page: textOf(address.url),
    referrer: textOf(address.referringUrl),
    userAgent: textOf(context.userAgent) ?? headers.get('user-agent') ?? undefined,
    timeOffsetInMinutes: numberOf(context.timeOffsetInMinutes),
    deviceType: deviceType === 'phone' || deviceType === 'tablet' ? deviceType : undefined,
    geo: isJsonObject(context.geo) ? context.geo : undefined,
    executed,
    prefetched,
  };
}

/**
 * Makes the facts of an older mbox call: the mboxes that it names, and its parameters other than
 * ids and attributes.
 */
export function mboxCallFacts(
  mboxes: readonly (string | null | undefined)[],
  sessionId: string,
  headers: HttpRequest['headers'],
  parameters: NamedTexts = [],
): RequestFacts {
  const sent = new Map(parameters);
  return {
    ...bareFacts(sessionId, headers),
    page: sent.get('mboxURL'),
    referrer: sent.get('mboxReferrer'),
    executed: mboxes.map((name) => ({ name: name ?? '', parameters })),
  };
}

function bareFacts(sessionId: string, headers: HttpRequest['headers']): RequestFacts {
  return {
    sessionId,
    userAgent: headers.get('user-agent') ?? undefined,
    headers: READABLE_HEADERS.flatMap((name): NamedTexts => {
      const value = headers.get(name);
      return value === null ? [] : [[name, value]];
    }),
    executed: [],
    prefetched: [],
  };
}

function pageLoadName({ pageLoad }: { readonly pageLoad?: unknown }): string {
  return pageLoad ? GLOBAL_MBOX : '';
}

function mboxFacts(name: string | null | undefined, details: JsonObject, common: NamedTexts): MboxFacts {
  const parameters = textsOf(memberOf(details, 'parameters'));
  return { name: name ?? '', parameters: [...common, ...orderParameters(details), ...parameters] };
}

/** The facts of the context, under the parameter names that at.js 1.x sent with every mbox. */
function contextParameters(context: JsonObject): NamedTexts {
  const window = memberOf(context, 'window');
  const screen = memberOf(context, 'screen');
  return textsOf({
    browserHeight: window.height,
    browserWidth: window.width,
    browserTimeOffset: context.timeOffsetInMinutes,
    screenHeight: screen.height,
    screenWidth: screen.width,
    colorDepth: screen.colorDepth,
  });
}

/** The members that are strings, numbers or booleans, as text. */
function textsOf(members: JsonObject): NamedTexts {
  return Object.entries(members).flatMap(
    ([name, value]): NamedTexts =>
      ['string', 'number', 'boolean'].includes(typeof value) ? [[name, String(value)]] : [],
  );
}

function memberOf(object: JsonObject, name: string): JsonObject {
  const member = Object.hasOwn(object, name) ? object[name] : undefined;
  return isJsonObject(member) ? member : {};
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

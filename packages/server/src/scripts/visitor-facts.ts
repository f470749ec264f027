/**
 * What Quiver knows of a visitor at a visit, as scripts see it: the built-ins of contract sections
 * 14 to 17.
 */

import type { PackedAttributes } from '../domain/attributes.ts';
import { listCustomerAttributes } from '../domain/customer-attributes.ts';
import type { RequestFacts, ScriptScalar, VisitorFacts } from '../domain/script-input.ts';
import { sessionBuiltIns } from '../domain/session.ts';
import { notesOfCall, type SeenVisit } from '../domain/visit-notes.ts';

/** @param tntId of the visitor, without a location hint */
export function visitorFacts(
  attributes: PackedAttributes,
  seen: SeenVisit,
  request: RequestFacts,
  tntId: string,
  now: number,
): VisitorFacts {
  const { session, isNewSession, affinity } = notesOfCall(attributes, seen, now);
  const { isFirstSession, daysSinceLastVisit, sessionCount, averageDaysBetweenVisits } = sessionBuiltIns(
    session,
    isNewSession,
  );
  const [best] = affinity;
  const categories = affinity.map(({ name }) => name);
  return {
    user: {
      ...{ pcId: tntId, sessionId: request.sessionId, activeActivities: [] },
      ...{ isFirstSession, isNewSession, daysSinceLastVisit },
      browser: request.userAgent ?? '',
      browserType: browserType(request.userAgent ?? ''),
      categoryAffinities: categories,
      ...(best && { categoryAffinity: best.name }),
    },
    profile: {
      ...{ sessionCount, averageDaysBetweenVisits },
      ...(request.timeOffsetInMinutes !== undefined && {
        browserTime: now + request.timeOffsetInMinutes * 60_000,
      }),
      mobile: mobileOf(request),
      geolocation: geolocationOf(request.geo ?? {}),
    },
    landing: session.landingPage,
    customerAttributes: listCustomerAttributes(attributes).map(({ source, name, value }) => [
      `${source}.${name}`,
      value,
    ]),
  };
}

/** The kind of browser by its user agent (ours: Adobe documents no list). */
const BROWSERS: readonly (readonly [sign: RegExp, type: string])[] = [
  [/Edge?\//, 'edge'],
  [/OPR\/|Opera/, 'opera'],
  [/iPad/, 'ipad'],
  [/iPhone|iPod/, 'iphone'],
  [/Firefox\//, 'firefox'],
  [/Chrome\/|CriOS\//, 'chrome'],
  [/Safari\//, 'safari'],
  [/MSIE |Trident\//, 'ie'],
];

function browserType(userAgent: string): string {
  return BROWSERS.find(([sign]) => sign.test(userAgent))?.[1] ?? 'unknown';
}

/** From the request, otherwise from the user agent; Quiver has no list of devices. */
function mobileOf({ deviceType, userAgent = '' }: RequestFacts): Record<string, ScriptScalar> {
  const isTablet = deviceType ? deviceType === 'tablet' : /iPad|Tablet|Android(?!.*Mobile)/.test(userAgent);
  const isMobilePhone = deviceType ? deviceType === 'phone' : isPhone(userAgent);
  const deviceVendor = /iPad|iPhone|iPod/.test(userAgent) ? { deviceVendor: 'Apple' } : {};
  return { isTablet, isMobilePhone, ...deviceVendor };
}

/** Members of `context.geo`, and their names in scripts. */
const GEO = {
  countryCode: 'country',
  stateCode: 'state',
  city: 'city',
  zip: 'zip',
  latitude: 'latitude',
  longitude: 'longitude',
} as const;

/** From the request only; Quiver does not look up addresses. */
function geolocationOf(geo: Readonly<Record<string, unknown>>): Record<string, ScriptScalar> {
  return Object.fromEntries(
    Object.entries(GEO).flatMap(([member, name]): [string, ScriptScalar][] => {
      const value = geo[member];
      return typeof value === 'string' || typeof value === 'number' ? [[name, value]] : [];
    }),
  );
}

function isPhone(userAgent: string): boolean {
  const android = userAgent.indexOf('Android');
  return /iPhone|iPod/.test(userAgent) || (android !== -1 && userAgent.indexOf('Mobile', android) !== -1);
}

/**
 * A visit of a page or an app, and the reply: the members of Adobe's Delivery API that Quiver
 * reads. Other members are passed through.
 */

import { attributeText } from './attribute-text.ts';
import { QuiverArgumentError } from './errors.ts';
import { textOf } from './profile-id.ts';

/** Parameters of one part of a visit; `profileParameters` become attributes of the profile. */
export interface VisitDetails {
  /** Sent as text; a value must not be undefined. */
  readonly profileParameters?: Readonly<Record<string, string | number | boolean>>;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly [member: string]: unknown;
}

/** An mbox: a place on a page. */
export interface MboxDetails extends VisitDetails {
  readonly index?: number;
  readonly name?: string;
}

/** The ids of a visitor. A visitor without any id is new and gets a tntId. */
export interface VisitorIds {
  readonly tntId?: string;
  readonly thirdPartyId?: string;
  /** The ECID. */
  readonly marketingCloudVisitorId?: string;
  readonly customerIds?: readonly {
    readonly id: string;
    readonly integrationCode?: string;
    readonly authenticatedState?: 'unknown' | 'authenticated' | 'logged_out';
  }[];
}

/** One call of a page or an app. */
export interface Visit {
  /** 1 to 128 characters; a new one of 32 hexadecimal digits by default. */
  readonly sessionId?: string;
  readonly requestId?: string;
  readonly id?: VisitorIds;
  /** `{ channel: 'web' }` by default. */
  readonly context?: { readonly channel: 'web' | 'mobile'; readonly [member: string]: unknown };
  readonly execute?: { readonly pageLoad?: VisitDetails; readonly mboxes?: readonly MboxDetails[] };
  readonly prefetch?: {
    readonly pageLoad?: VisitDetails;
    readonly mboxes?: readonly MboxDetails[];
    readonly views?: readonly VisitDetails[];
  };
  readonly notifications?: readonly VisitDetails[];
  /**
   * With the client's debug token, the reply has `trace`: the profile before and after the visit.
   */
  readonly trace?: { readonly authorizationToken: string; readonly [member: string]: unknown };
  readonly [member: string]: unknown;
}

/** The reply to a visit. */
export interface VisitReply {
  readonly status: number;
  readonly requestId: string;
  readonly client: string;
  readonly id: VisitorIds;
  readonly edgeHost?: string;
  readonly trace?: unknown;
  readonly execute?: { readonly pageLoad?: unknown; readonly mboxes?: readonly MboxDetails[] };
  readonly prefetch?: { readonly mboxes?: readonly MboxDetails[]; readonly views?: readonly VisitDetails[] };
  readonly [member: string]: unknown;
}

const ID_MEMBERS: readonly string[] = ['tntId', 'thirdPartyId', 'marketingCloudVisitorId', 'customerIds'];

/**
 * Whether a visit names its visitor; without any id, each call creates a new one. @throws
 * QuiverArgumentError for an invalid id
 */
export function namesVisitor(ids: VisitorIds | undefined): boolean {
  if (ids === undefined) return false;
  const allowed = ID_MEMBERS.join(', ');
  if (typeof ids !== 'object' || ids === null || Array.isArray(ids)) {
    throw new QuiverArgumentError(`id: must be an object with any of ${allowed}`);
  }
  let isNamed = false;
  for (const [name, value] of Object.entries(ids)) {
    if (!ID_MEMBERS.includes(name))
      throw new QuiverArgumentError(`id.${name}: unknown; the ids are ${allowed}`);
    if (value === undefined) continue;
    if (name !== 'customerIds') textOf(`id.${name}`, value);
    isNamed ||= name !== 'customerIds' || (Array.isArray(value) && value.length > 0);
  }
  return isNamed;
}

/**
 * Converts the profile parameters of a visit to text, as Adobe's description of the API requires.
 * @throws QuiverArgumentError for other values
 */
export function sentVisit(visit: Visit): Visit {
  const { execute, prefetch, notifications } = visit;
  return {
    ...visit,
    ...(execute && { execute: sentParts(execute) }),
    ...(prefetch && { prefetch: sentParts(prefetch) }),
    ...(Array.isArray(notifications) && { notifications: notifications.map(sentDetails) }),
  };
}

type VisitParts = NonNullable<Visit['execute'] & Visit['prefetch']>;

function sentParts(parts: VisitParts): VisitParts {
  const { pageLoad, mboxes, views } = parts;
  return {
    ...parts,
    ...(pageLoad && { pageLoad: sentDetails(pageLoad) }),
    ...(Array.isArray(mboxes) && { mboxes: mboxes.map(sentDetails) }),
    ...(Array.isArray(views) && { views: views.map(sentDetails) }),
  };
}

function sentDetails<Details extends VisitDetails>(details: Details): Details {
  const { profileParameters } = details;
  if (typeof profileParameters !== 'object' || profileParameters === null) return details;
  const texts = Object.entries(profileParameters).map(([name, value]) => [name, attributeText(name, value)]);
  return { ...details, profileParameters: Object.fromEntries(texts) };
}

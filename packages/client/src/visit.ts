/** What a page or an app reports, and the answer: the members of Adobe's Delivery API that Quiver reads. Others are let through. */

/** Parameters of one part of a visit; `profileParameters` become attributes of the profile. */
export interface VisitDetails {
  readonly profileParameters?: Readonly<Record<string, string | number | boolean>>;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly [member: string]: unknown;
}

/** A place on a page. */
export interface MboxDetails extends VisitDetails {
  readonly index?: number;
  readonly name?: string;
}

/** The ids of a visitor. Without any the visitor is new and gets a tntId. */
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
  /** With the client's debug token the answer has `trace`: the profile before and after. */
  readonly trace?: { readonly authorizationToken: string; readonly [member: string]: unknown };
  readonly [member: string]: unknown;
}

/** The answer to a visit. */
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

/**
 * What a profile script can see, as plain JSON data (contract section 16). Visitors' parameters may
 * have any name, even `__proto__`, so they are pairs and not members of an object.
 */

/** What a script returns and stores. A list contains no lists. */
export type ScriptValue = ScriptScalar | readonly ScriptScalar[];
export type ScriptScalar = string | number | boolean;

/** Names with values, in order; for a repeated name the last value counts. */
export type NamedTexts = readonly (readonly [name: string, value: string])[];

/** One mbox of a request: `mbox.name` and `mbox.param('x')`. */
export interface MboxFacts {
  /** A page load is `target-global-mbox`, as at Adobe; empty for a view without a name. */
  readonly name: string;
  /**
   * The parameters sent; for an order also `orderId`, `orderTotal` and `productPurchasedId` (ids
   * joined by commas); of the context `browserHeight`, `browserWidth`, `browserTimeOffset`,
   * `screenHeight`, `screenWidth` and `colorDepth`.
   */
  readonly parameters: NamedTexts;
}

/** The contents of one visitor request besides ids and profile parameters. */
export interface RequestFacts {
  /** `user.sessionId`. */
  readonly sessionId: string;
  /** The page, `context.address.url`: `page.url` and what is derived from it. */
  readonly page?: string | undefined;
  /** `context.address.referringUrl`: `referrer.url`. */
  readonly referrer?: string | undefined;
  /** `context.userAgent`, otherwise the header: `user.browser`. */
  readonly userAgent?: string | undefined;
  /** `user.header('x')`: lower-case names, only those that a script may read. */
  readonly headers: NamedTexts;
  /**
   * How many minutes the visitor's clock is ahead of UTC, `context.timeOffsetInMinutes`: for
   * `profile.browserTime`.
   */
  readonly timeOffsetInMinutes?: number | undefined;
  /** `context.mobilePlatform.deviceType`: for `profile.mobile`. */
  readonly deviceType?: 'phone' | 'tablet' | undefined;
  /** `context.geo`: for `profile.geolocation`. */
  readonly geo?: Readonly<Record<string, unknown>> | undefined;
  /** What a page shows or has shown, in the order of the request; results of scripts are stored. */
  readonly executed: readonly MboxFacts[];
  /** What a page may show later; scripts run for it, but nothing is stored. */
  readonly prefetched: readonly MboxFacts[];
}

/**
 * What Quiver itself knows of the visitor at this moment: the built-ins, the landing page, customer
 * attributes.
 */
export interface VisitorFacts {
  /**
   * Members of `user`: `pcId`, `isNewSession`, `daysSinceLastVisit`, `categoryAffinity`,
   * `browserType`, ….
   */
  readonly user: Readonly<Record<string, ScriptValue>>;
  /**
   * Members of `profile` that are not attributes: `sessionCount`, `averageDaysBetweenVisits`,
   * `browserTime`, ….
   */
  readonly profile: Readonly<Record<string, ScriptValue | Readonly<Record<string, ScriptValue>>>>;
  /** The URL of the landing page of the session: `landing.url`. */
  readonly landing?: string | undefined;
  /** `crs.get('<source>.<attribute>')`. */
  readonly customerAttributes: NamedTexts;
}

/** What scripts have stored in a profile; empty if none has run on it. */
export interface ScriptMemory {
  /** By script, the value it returned last: `user.get('x')`. */
  readonly values: Readonly<Record<string, ScriptValue>>;
  /** By script, what it set with `user.setLocal`. */
  readonly locals: Readonly<Record<string, Readonly<Record<string, ScriptValue>>>>;
}

/**
 * The complete input of the scripts of one visit.
 *
 * @public what `scripts/` runs on, and what the visitor's state fills
 */
export interface ScriptInput {
  /** Epoch milliseconds, for `Date`. */
  readonly now: number;
  /** The seed of `Math.random`; equal seeds give equal numbers. */
  readonly seed: number;
  /** The attributes of the profile, including those that the request sets: `profile.get('x')`. */
  readonly attributes: NamedTexts;
  readonly request: RequestFacts;
  readonly visitor: VisitorFacts;
  readonly memory: ScriptMemory;
}

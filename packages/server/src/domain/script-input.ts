/**
 * What a profile script may see, as plain data that JSON carries (contract section 16). Names of
 * visitors' parameters may be anything, `__proto__` too, so they come as pairs and not as members
 * of an object.
 */

/** What a script returns and keeps. A list holds no lists. */
export type ScriptValue = ScriptScalar | readonly ScriptScalar[];
export type ScriptScalar = string | number | boolean;

/** Names and their values, in order; of a name that comes twice the last counts. */
export type NamedTexts = readonly (readonly [name: string, value: string])[];

/** One mbox of a request: `mbox.name` and `mbox.param('x')`. */
export interface MboxFacts {
  /** A page load is `target-global-mbox`, as at Adobe; empty for a view that has no name. */
  readonly name: string;
  /**
   * Those sent; of an order `orderId`, `orderTotal` and `productPurchasedId` (ids joined by
   * commas); of the context `browserHeight`, `browserWidth`, `browserTimeOffset`, `screenHeight`,
   * `screenWidth` and `colorDepth`.
   */
  readonly parameters: NamedTexts;
}

/** What one visitor request says beyond ids and profile parameters. */
export interface RequestFacts {
  /** `user.sessionId`. */
  readonly sessionId: string;
  /** The page, `context.address.url`: `page.url` and what follows from it. */
  readonly page?: string | undefined;
  /** `context.address.referringUrl`: `referrer.url`. */
  readonly referrer?: string | undefined;
  /** `context.userAgent`, else the header: `user.browser`. */
  readonly userAgent?: string | undefined;
  /** `user.header('x')`: lower-case names, those that a script may read. */
  readonly headers: NamedTexts;
  /**
   * Minutes that the visitor's clock is ahead of UTC, `context.timeOffsetInMinutes`: for
   * `profile.browserTime`.
   */
  readonly timeOffsetInMinutes?: number | undefined;
  /** `context.mobilePlatform.deviceType`: for `profile.mobile`. */
  readonly deviceType?: 'phone' | 'tablet' | undefined;
  /** `context.geo`: for `profile.geolocation`. */
  readonly geo?: Readonly<Record<string, unknown>> | undefined;
  /**
   * What a page shows or has shown, in the order of the request: the results of scripts are stored.
   */
  readonly executed: readonly MboxFacts[];
  /** What a page may show later: scripts run for it, and nothing of it is stored. */
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
   * Members of `profile` that are no attributes: `sessionCount`, `averageDaysBetweenVisits`,
   * `browserTime`, ….
   */
  readonly profile: Readonly<Record<string, ScriptValue | Readonly<Record<string, ScriptValue>>>>;
  /** The URL of the landing page of the session: `landing.url`. */
  readonly landing?: string | undefined;
  /** `crs.get('<source>.<attribute>')`. */
  readonly customerAttributes: NamedTexts;
}

/** What scripts left in a profile. A profile that no script ever ran on has neither. */
export interface ScriptMemory {
  /** By script, what it returned last: `user.get('x')`. */
  readonly values: Readonly<Record<string, ScriptValue>>;
  /** By script, what it set with `user.setLocal`. */
  readonly locals: Readonly<Record<string, Readonly<Record<string, ScriptValue>>>>;
}

/**
 * All that the scripts of one visit are given.
 *
 * @public what `scripts/` runs on, and what the visitor's state fills
 */
export interface ScriptInput {
  /** Epoch milliseconds: what `Date` says. */
  readonly now: number;
  /** Where `Math.random` begins; the same number gives the same draws. */
  readonly seed: number;
  /** The attributes of the profile with those that the request sets: `profile.get('x')`. */
  readonly attributes: NamedTexts;
  readonly request: RequestFacts;
  readonly visitor: VisitorFacts;
  readonly memory: ScriptMemory;
}

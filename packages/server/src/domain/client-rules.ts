/**
 * A client's choices about the treatment of its visitors and their profiles (contract section 9).
 */

/**
 * What happens to a write that would take a profile above 64 KB: it is refused, or the oldest
 * attributes are dropped, as at Adobe.
 */
export const WHEN_TOO_LARGE = ['refuse', 'drop-oldest'] as const;
export type WhenTooLarge = (typeof WHEN_TOO_LARGE)[number];

/**
 * How visits are validated: only what Quiver reads, or everything in Adobe's OpenAPI description.
 */
export const CHECKINGS = ['lenient', 'strict'] as const;
export type Checking = (typeof CHECKINGS)[number];

/** The reply to a single update of an unknown profile; in either case nothing is created. */
export const UNKNOWN_UPDATES = ['tell', 'success'] as const;
export type UnknownUpdate = (typeof UNKNOWN_UPDATES)[number];

/**
 * What happens to a write whose id is a placeholder (`placeholder-id.ts`): it is accepted and
 * counted, or refused.
 */
export const PLACEHOLDER_RULES = ['warn', 'refuse'] as const;
export type PlaceholderRule = (typeof PLACEHOLDER_RULES)[number];

/** The current rules of one client. */
export interface ClientRules {
  /** The lifetime of a profile after a write, in days. */
  readonly lifetimeDays: number;
  readonly whenTooLarge: WhenTooLarge;
  readonly checking: Checking;
  readonly unknownUpdate: UnknownUpdate;
  /** The aliases whose customer ids name a visitor; null for all. */
  readonly customerIdAliases: readonly string[] | null;
  readonly placeholderIds: PlaceholderRule;
  /** Whether a fetch shows customer attributes too, as `crs.<source>.<attribute>`. */
  readonly customerAttributesInFetch: boolean;
}

/** Returns the rules of a client, synchronously when they are cached. */
export type RulesOf = (client: string) => ClientRules | Promise<ClientRules>;

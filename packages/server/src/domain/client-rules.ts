/**
 * What a client may choose about how Quiver treats its visitors and their profiles (contract
 * section 9).
 */

/**
 * What happens to a write that would take the attributes of a profile above 64 KB: nothing is
 * changed and the caller is told, or the oldest attributes go, as at Adobe.
 */
export const WHEN_TOO_LARGE = ['refuse', 'drop-oldest'] as const;
export type WhenTooLarge = (typeof WHEN_TOO_LARGE)[number];

/**
 * How visits are checked: for what Quiver reads, or wherever Adobe's OpenAPI description has a
 * rule.
 */
export const CHECKINGS = ['lenient', 'strict'] as const;
export type Checking = (typeof CHECKINGS)[number];

/** How a single update of an unknown profile is answered; in either case nothing is created. */
export const UNKNOWN_UPDATES = ['tell', 'success'] as const;
export type UnknownUpdate = (typeof UNKNOWN_UPDATES)[number];

/**
 * What happens to a write whose id is a placeholder (`placeholder-id.ts`): taken and counted, or
 * refused.
 */
export const PLACEHOLDER_RULES = ['warn', 'refuse'] as const;
export type PlaceholderRule = (typeof PLACEHOLDER_RULES)[number];

/** The rules of one client that are in force at a moment. */
export interface ClientRules {
  /** How long a profile lives after a write, in days. */
  readonly lifetimeDays: number;
  readonly whenTooLarge: WhenTooLarge;
  readonly checking: Checking;
  readonly unknownUpdate: UnknownUpdate;
  /** The aliases whose customer ids name a visitor; null: all. */
  readonly customerIdAliases: readonly string[] | null;
  readonly placeholderIds: PlaceholderRule;
}

/** Gives the rules of a client; at once where they are known. */
export type RulesOf = (client: string) => ClientRules | Promise<ClientRules>;

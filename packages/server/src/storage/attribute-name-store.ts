/**
 * The storage contract of the attribute names that a client has ever set, for those who look for one. Errors and durability are as in
 * `profile-store.ts`.
 */

/** How many names are kept of a client; further ones are not noted. */
export const MAX_ATTRIBUTE_NAMES = 10_000;

export interface AttributeNameStore {
  /** Notes names; those known already stay as they are. */
  add(client: string, names: readonly string[]): Promise<void>;

  /** All names of a client, in the order of their UTF-8 bytes. */
  list(client: string): Promise<string[]>;
}

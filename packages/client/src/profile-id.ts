/** One id of a profile, by its kind. An ECID is `marketingCloudVisitorId`, as the APIs call it. */
export type ProfileId =
  | { readonly tntId: string }
  | { readonly thirdPartyId: string }
  | { readonly marketingCloudVisitorId: string };

/** The kinds of ids. A customer id is `<id>` of an integration code, as a visit names it (Quiver alone). */
export type IdKind = 'tntId' | 'thirdPartyId' | 'customerId' | 'marketingCloudVisitorId';

/** The kinds by which a fetch finds a profile. */
export type FetchKind = Exclude<IdKind, 'customerId'>;

/** An id of a kind. */
export function profileId(kind: FetchKind, id: string): ProfileId {
  return { [kind]: id } as ProfileId;
}

/** Where the server has what, relative to its root, each part encoded. */

import type { ProfileId } from './profile-id.ts';

const part = encodeURIComponent;

/** The paths of one client. */
export function pathsOf(client: string) {
  const admin = `/${part(client)}/target`;
  const batches = (version: 'v1' | 'v2') => `/m2/${part(client)}${version === 'v2' ? '/v2' : ''}/profile`;
  return {
    delivery: '/rest/v1/delivery',
    update: `/m2/${part(client)}/profile/update`,
    batchUpdate: (version: 'v1' | 'v2') => `${batches(version)}/batchUpdate`,
    batchStatus: (version: 'v1' | 'v2') => `${batches(version)}/batchStatus`,
    server: `${admin}/server`,
    edges: `${admin}/edges`,
    usage: `${admin}/usage`,
    attributeNames: `${admin}/profileattributes/mbox`,
    settings: `${admin}/clients/settings`,
    token: `${admin}/authentication/token`,
    batches: `${admin}/batches`,
    batch: (id: string) => `${admin}/batches/${part(id)}`,
    failures: (id: string) => `${admin}/batches/${part(id)}/failures`,
    retry: (id: string) => `${admin}/batches/${part(id)}/retry`,
    adminProfile: `${admin}/profiles`,
    adminAttribute: `${admin}/profiles/attributes`,
    sandboxRequests: '/sandbox/requests/stream',
    /** The fetch, as every program asks it. */
    profile(id: ProfileId) {
      if ('tntId' in id) return `/rest/v1/profiles/${part(id.tntId)}`;
      if ('thirdPartyId' in id) return `/rest/v1/profiles/thirdPartyId/${part(id.thirdPartyId)}`;
      return `/rest/v1/profiles/marketingCloudVisitorId/${part(id.marketingCloudVisitorId)}`;
    },
  };
}

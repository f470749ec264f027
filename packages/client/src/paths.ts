/** The paths of the server, relative to its root, each part encoded. */

import { QuiverArgumentError } from './errors.ts';
import { onlyId, type ProfileId, textOf } from './profile-id.ts';

/**
 * One part of a path, encoded. `.` and `..` are refused, because every fetch resolves them as path
 * steps, even as `%2E`, and the call would reach another resource.
 */
function part(name: string, value: string): string {
  if (value === '.' || value === '..')
    throw new QuiverArgumentError(`${name}: "${value}" cannot be a part of a URL`);
  return encodeURIComponent(textOf(name, value));
}

/**
 * The paths of one client. With an empty client, as for calls of no client, only paths that do not
 * contain it are valid.
 */
export function pathsOf(client: string) {
  const code = client === '' ? '' : part('client', client);
  const admin = `/${code}/target`;
  const batches = (version: 'v1' | 'v2') => `/m2/${code}${version === 'v2' ? '/v2' : ''}/profile`;
  return {
    delivery: '/rest/v1/delivery',
    update: `/m2/${code}/profile/update`,
    batchUpdate: (version: 'v1' | 'v2') => `${batches(version)}/batchUpdate`,
    batchStatus: (version: 'v1' | 'v2') => `${batches(version)}/batchStatus`,
    server: `${admin}/server`,
    live: `${admin}/live`,
    edges: `${admin}/edges`,
    usage: `${admin}/usage`,
    audit: `${admin}/audit`,
    attributeNames: `${admin}/profileattributes/mbox`,
    settings: `${admin}/clients/settings`,
    token: `${admin}/authentication/token`,
    batches: `${admin}/batches`,
    batch: (id: string) => `${admin}/batches/${part('batch id', id)}`,
    failures: (id: string) => `${admin}/batches/${part('batch id', id)}/failures`,
    retry: (id: string) => `${admin}/batches/${part('batch id', id)}/retry`,
    customerSources: `${admin}/customer-attributes`,
    customerSource: (source: string) => `${admin}/customer-attributes/${part('source', source)}`,
    changes: `${admin}/changes`,
    scripts: `${admin}/scripts`,
    script: (name: string, more = '') => `${admin}/scripts/${part('script', name)}${more}`,
    webhooks: `${admin}/webhooks`,
    webhook: (id: string, more = '') => `${admin}/webhooks/${part('webhook id', id)}${more}`,
    merges: `${admin}/merges`,
    unmerge: (id: string) => `${admin}/merges/${part('merge id', id)}/unmerge`,
    adminProfile: `${admin}/profiles`,
    timeline: `${admin}/profiles/changes`,
    profileExport: `${admin}/profiles/export`,
    profileImport: `${admin}/profiles/import`,
    privacyRequests: `${admin}/privacy/requests`,
    privacyRequest: (id: string) => `${admin}/privacy/requests/${part('request id', id)}`,
    privacyFile: (id: string, n: number) => `${admin}/privacy/requests/${part('request id', id)}/files/${n}`,
    privacySecret: `${admin}/privacy/callback-secret`,
    adminAttribute: `${admin}/profiles/attributes`,
    /** The path of a fetch. @throws QuiverArgumentError unless `id` is exactly one id */
    profile(id: ProfileId) {
      const [kind, value] = onlyId(id);
      const ofKind = kind === 'tntId' ? '' : `${kind}/`;
      return `/rest/v1/profiles/${ofKind}${part(kind, value)}`;
    },
    /**
     * The path of one attribute. @throws QuiverArgumentError unless `id` is exactly one id and
     * `name` is valid
     */
    profileAttribute(id: ProfileId, name: string) {
      return `${this.profile(id)}/attributes/${part('attribute name', name)}`;
    },
  };
}

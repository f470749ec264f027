/**
 * Shows and corrects profiles for administrators: found by any id, with all ids that name them. For
 * the console.
 */

import { attributeNameProblem } from '../domain/attribute-name.ts';
import { type AttributeSettings, attributesSize, MAX_ATTRIBUTES_SIZE } from '../domain/attributes.ts';
import type { SentId } from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import type { ProfileService } from '../service/profile-service.ts';
import type { ProfileLists } from '../storage/profile-lists.ts';
import type { LinkedProfile } from '../storage/profile-store.ts';
import { readBody } from '../wire/body.ts';
import type { Call } from '../wire/call.ts';
import { isJsonObject, readJsonObject } from '../wire/json.ts';
import { kindName } from '../wire/kind-names.ts';
import { lastValue } from '../wire/parameters.ts';
import { profileState } from '../wire/profile-view.ts';
import { emptyReply, jsonReply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';
import { typedIds } from './admin-id.ts';
import { DESCRIBE, PROFILE_ADMIN_PATH } from './profile-admin-schemas.ts';
import { profileList } from './profile-list.ts';
import { visitorView } from './visitor-view.ts';

/** The most ids that are shown of a profile. */
const SHOWN_IDS = 1000;
/** Large enough for the attributes of the largest profile, escaped. */
const MAX_BODY = 512 * 1024;

/**
 * Long because it lists one handler after the other: view, change, removal, removal of an
 * attribute.
 *
 * @param now epoch milliseconds
 */
export function profileAdminRoutes(
  profiles: ProfileService,
  lists: Pick<ProfileLists, 'page'>,
  now: () => number,
): Route[] {
  const list = profileList(lists, now);
  async function view({ client, query }: Call) {
    const ids = typedIds(query);
    for (const id of ids) {
      const found = await profiles.findLinked(client, id, SHOWN_IDS);
      if (found) return jsonReply(viewOf(client, id, found, now()));
    }
    throw notFound(client, ids);
  }

  const viewOrList = (call: Call) => (lastValue(call.query, 'id') === undefined ? list(call) : view(call));

  async function change({ client, query, request }: Call) {
    const ids = typedIds(query);
    const settings = settingsOf(await readBody(request, MAX_BODY));
    for (const id of ids) {
      const { outcome } = await profiles.update(client, id, settings, 'console');
      if (outcome === 'too-large') {
        const rule = `the attributes of one profile may total ${MAX_ATTRIBUTES_SIZE} bytes`;
        throw new QuiverError('bad-request', `attributes: ${rule}; nothing was changed`);
      }
      if (outcome !== 'not-found') return emptyReply();
    }
    throw notFound(client, ids);
  }

  async function remove({ client, query }: Call) {
    const ids = typedIds(query);
    for (const id of ids) if ((await profiles.remove(client, id)).outcome) return emptyReply();
    throw notFound(client, ids);
  }

  async function removeAttribute({ client, query }: Call) {
    const ids = typedIds(query);
    const name = lastValue(query, 'name');
    if (name === undefined || name === '') throw new QuiverError('bad-request', 'name: must be given');
    for (const id of ids) {
      const { outcome } = await profiles.removeAttribute(client, id, name);
      if (outcome === 'removed') return emptyReply();
      if (outcome === 'no-attribute') {
        throw new QuiverError(
          'not-found',
          `No attribute ${name} found for client ${client} with id=${id.text}`,
        );
      }
    }
    throw notFound(client, ids);
  }

  const shared = { guard: 'admin', style: 'admin', cors: 'none', scope: 'client-of-path' } as const;
  const path = PROFILE_ADMIN_PATH;
  return [
    { ...shared, path, method: 'GET', describe: DESCRIBE.view, handle: viewOrList },
    { ...shared, path, method: 'PATCH', describe: DESCRIBE.change, handle: change },
    { ...shared, path, method: 'DELETE', describe: DESCRIBE.remove, handle: remove },
    {
      ...shared,
      path: `${path}/attributes`,
      method: 'DELETE',
      describe: DESCRIBE.removeAttribute,
      handle: removeAttribute,
    },
  ];
}

function notFound(client: string, ids: readonly SentId[]): QuiverError {
  return new QuiverError('not-found', `No profile found for client ${client} with id=${ids[0]!.text}`);
}

function viewOf(client: string, id: SentId, linked: LinkedProfile, now: number) {
  const { ids, modifiedAt, expiresAt, attributes } = profileState(linked);
  const { profile } = linked;
  return {
    client,
    kind: kindName(id.kind),
    id: id.text,
    ids,
    modifiedAt,
    expiresAt,
    sizeBytes: attributesSize(profile.attributes),
    maxBytes: MAX_ATTRIBUTES_SIZE,
    attributes,
    ...visitorView(profile.attributes, now),
  };
}

/**
 * The attributes to set, by the rules of the single update (contract section 5): empty values set
 * nothing.
 */
function settingsOf(body: Uint8Array): AttributeSettings {
  const { attributes } = readJsonObject(body);
  if (!isJsonObject(attributes)) throw new QuiverError('bad-request', 'attributes: must be an object');
  const entries = Object.entries(attributes);
  if (entries.length === 0) throw new QuiverError('bad-request', 'attributes: must not be empty');
  const settings = new Map<string, string>();
  for (const [name, value] of entries) {
    const nameProblem = attributeNameProblem(name);
    const problem = nameProblem === undefined ? valueProblem(value) : `the name ${nameProblem}`;
    if (problem !== undefined) {
      throw new QuiverError('bad-request', `attributes.${name.toWellFormed()}: ${problem}`);
    }
    if (value !== '') settings.set(name, value as string);
  }
  return settings;
}

function valueProblem(value: unknown): string | undefined {
  if (typeof value !== 'string') return 'must be a string';
  return value.isWellFormed() ? undefined : 'must be well-formed Unicode';
}

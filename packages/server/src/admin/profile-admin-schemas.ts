/** What `/openapi.json` says about the profile routes for administrators. */

import { MAX_ATTRIBUTES_SIZE } from '../domain/attributes.ts';
import { AdminRefusal, ClientParam } from '../wire/admin-route.ts';
import { KIND_NAMES } from '../wire/kind-names.ts';
import { z } from '../wire/schema.ts';
import { VISITOR_VIEW } from './visitor-view.ts';

export const PROFILE_ADMIN_PATH = '/{client}/target/profiles';

const Kind = z.enum(KIND_NAMES);
const IdQuery = z.object({
  id: z.string().openapi({
    description:
      'Any id of the visitor; a customer id as `alias:id`, with `%` and `:` of the alias as `%25` and `%3A`.',
    example: 'crm-4711',
  }),
  kind: Kind.optional().openapi({
    description:
      'Its kind. If absent it is guessed from the form of the id, and the other kinds are tried as well.',
    example: 'thirdPartyId',
  }),
});

export const ProfileView = z
  .object({
    client: z.string(),
    kind: Kind,
    id: z.string(),
    ids: z
      .array(
        z.object({ kind: Kind, id: z.string(), since: z.string(), isPlaceholder: z.boolean().optional() }),
      )
      .openapi({
        description:
          'All that names the profile, oldest first, without location hints, customer ids as `alias:id`; at most 1,000. A placeholder such as `undefined` may name many visitors.',
      }),
    modifiedAt: z.string(),
    expiresAt: z.string(),
    sizeBytes: z.int().openapi({ description: 'Names and values, in bytes of UTF-8.' }),
    maxBytes: z.int(),
    attributes: z
      .array(z.object({ name: z.string(), value: z.string(), modifiedAt: z.string() }))
      .openapi({ description: 'Oldest first.' }),
    ...VISITOR_VIEW,
  })
  .openapi('ProfileView', {
    example: {
      client: 'demo',
      kind: 'thirdPartyId',
      id: 'crm-4711',
      ids: [
        {
          kind: 'tntId',
          id: '4c1fd1a0c6b34f2b9d0f3a5e8b7c6d21',
          since: '2026-07-31T14:26:30.879Z',
        },
        {
          kind: 'thirdPartyId',
          id: 'crm-4711',
          since: '2026-08-18T17:53:39.003Z',
        },
      ],
      modifiedAt: '2026-08-18T17:53:39.003Z',
      expiresAt: '2026-09-01T17:53:39.003Z',
      sizeBytes: 13,
      maxBytes: MAX_ATTRIBUTES_SIZE,
      attributes: [{ name: 'country', value: 'france', modifiedAt: '2026-07-31T14:26:30.879Z' }],
    },
  });

const ListQuery = z.object({
  prefix: z.string().optional().openapi({ description: 'Only ids that begin with this.', example: 'crm-' }),
  writtenSince: z.string().optional().openapi({
    description: 'Only profiles whose `modifiedAt` is at or after this.',
    example: '2026-08-18T00:00:00.000Z',
  }),
  attribute: z.string().optional().openapi({
    description: '`name:value`; `%` and `:` of the name as `%25` and `%3A`.',
    example: 'country:france',
  }),
  cursor: z.string().optional().openapi({ description: '`next` of the previous page.' }),
  limit: z.string().optional().openapi({ description: '1 to 1,000; 50 by default.', example: '50' }),
  show: z.enum(['attributes']).optional().openapi({ description: 'Includes all attributes.' }),
});

const LIST_EXAMPLE = {
  profiles: [
    {
      kind: 'thirdPartyId' as const,
      id: 'crm-4711',
      ids: [{ kind: 'thirdPartyId' as const, id: 'crm-4711', since: '2026-08-18T17:53:39.003Z' }],
      idCount: 1,
      modifiedAt: '2026-08-18T17:53:39.003Z',
      expiresAt: '2026-09-01T17:53:39.003Z',
      sizeBytes: 13,
      attributeCount: 1,
    },
  ],
  next: 'w4711',
};
const ListedId = z.object({ kind: Kind, id: z.string(), since: z.string() });
const ListedAttributes = z.array(z.object({ name: z.string(), value: z.string(), modifiedAt: z.string() }));
export const ProfileList = z
  .object({
    profiles: z.array(
      z.object({
        kind: Kind,
        id: z.string(),
        ids: z.array(ListedId).openapi({ description: 'The ten oldest.' }),
        idCount: z.int(),
        modifiedAt: z.string(),
        expiresAt: z.string(),
        sizeBytes: z.int(),
        attributeCount: z.int(),
        attributes: ListedAttributes.optional(),
      }),
    ),
    next: z
      .string()
      .optional()
      .openapi({ description: 'The cursor of the next page; absent on the last page.' }),
    index: z
      .object({
        state: z.enum(['complete', 'behind', 'unfinished']).openapi({
          description:
            '`complete`: found through the index, which includes every change in the feed. `behind`: through the index, which includes the changes up to `upTo` only. `unfinished`: the index is not built, so all profiles were searched.',
        }),
        upTo: z.string().optional().openapi({ description: 'A cursor of the change feed.' }),
      })
      .optional()
      .openapi({
        description: 'Present if the settings name the attribute of the query among `indexedAttributes`.',
      }),
  })
  .openapi('ProfileList', { example: LIST_EXAMPLE });

const AttributeChange = z
  .object({ attributes: z.record(z.string(), z.string()) })
  .openapi('AttributeChange', { example: { attributes: { country: 'france' } } });

const REFUSALS = {
  400: AdminRefusal('A parameter or a member breaks a rule'),
  401: AdminRefusal('Not the admin'),
  404: AdminRefusal('No such profile'),
};

const shared = { tags: ['Profiles'], security: [{ bearer: [] }] };
const request = { params: ClientParam, query: IdQuery };

export const DESCRIBE = {
  view: {
    ...shared,
    summary: 'A profile with all its ids, found by any of them; without an id a list of profiles',
    description:
      'Changes nothing and is not counted. Covers the profiles of this edge cluster. A page of the list may have fewer entries than the limit and still have `next`.',
    request: { params: ClientParam, query: IdQuery.partial().extend(ListQuery.shape) },
    responses: {
      200: {
        description: 'The profile, or the list',
        content: {
          'application/json': { schema: z.union([ProfileView, ProfileList]), example: LIST_EXAMPLE },
        },
      },
      ...REFUSALS,
    },
  },
  change: {
    ...shared,
    summary: 'Set attributes of an existing profile',
    description: 'The rules of the single update apply; an empty value sets nothing.',
    request: {
      ...request,
      body: { required: true, content: { 'application/json': { schema: AttributeChange } } },
    },
    responses: { 204: { description: 'Set' }, ...REFUSALS },
  },
  remove: {
    ...shared,
    summary: 'Remove a profile and every id that names it',
    request,
    responses: { 204: { description: 'Removed' }, ...REFUSALS },
  },
  removeAttribute: {
    ...shared,
    summary: 'Remove one attribute of a profile',
    request: {
      params: ClientParam,
      query: IdQuery.extend({ name: z.string().openapi({ example: 'country' }) }),
    },
    responses: { 204: { description: 'Removed' }, ...REFUSALS },
  },
};

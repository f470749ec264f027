/**
 * The calls between edge clusters: each is a POST of JSON to `/edge/v1/{name}`, answered only from
 * the called cluster's own store.
 */

import { listAttributes, listState, packAttributes } from '../domain/attributes.ts';
import type { MergeRecord } from '../domain/unmerge.ts';
import { ID_KINDS } from '../domain/visitor-id.ts';
import type { LinkedProfile } from '../storage/profile-store.ts';
import { z } from '../wire/schema.ts';

export const EDGE_PATH = '/edge/v1/';
/** Large enough for the rows of one step of a batch. */
export const MAX_EDGE_BODY = 64 * 1024 * 1024;

const Time = z.int();
const Id = z.object({ kind: z.enum(ID_KINDS), value: z.string().min(1) });
const Settings = z.array(z.tuple([z.string().min(1), z.string()]));
const DatedId = Id.extend({ since: Time });
const Profile = z.object({
  thirdPartyId: z.string().optional(),
  modifiedAt: Time,
  expiresAt: Time,
  /** Oldest first. */
  attributes: z.array(z.object({ name: z.string().min(1), value: z.string(), modifiedAt: Time })),
  /** The state of the visitor, and for each entry after how many of the attributes it comes. */
  state: z
    .array(z.object({ name: z.string().min(1), value: z.string(), modifiedAt: Time, before: z.int() }))
    .optional(),
  ids: z.array(DatedId).min(1),
});
/** `MergeRecord` of `domain/unmerge.ts`. */
const Merge = z.object({
  id: z.string().min(1),
  at: Time,
  into: Id,
  ids: z.array(DatedId).min(1),
  profile: Profile.optional(),
  overruled: z.array(z.string()),
  undoneAt: Time.optional(),
});
const Texts = z.array(z.tuple([z.string(), z.string()]));
const Mboxes = z.array(z.object({ name: z.string(), parameters: Texts }));
/** `RequestFacts` of `domain/script-input.ts`. */
const Facts = z.object({
  sessionId: z.string(),
  page: z.string().optional(),
  referrer: z.string().optional(),
  userAgent: z.string().optional(),
  headers: Texts,
  timeOffsetInMinutes: z.number().optional(),
  deviceType: z.enum(['phone', 'tablet']).optional(),
  geo: z.record(z.string(), z.unknown()).optional(),
  executed: Mboxes,
  prefetched: Mboxes,
});
const Scalar = z.union([z.string(), z.number(), z.boolean()]);
/** `ScriptTrace` of the storage contract. */
const ScriptTrace = z.object({
  name: z.string(),
  mbox: z.string().optional(),
  stored: z.boolean(),
  value: z.union([Scalar, z.array(Scalar)]).optional(),
  error: z.string().optional(),
  milliseconds: z.number().optional(),
  instructions: z.int().optional(),
});
const Token = z.object({ id: z.string(), issuedAt: Time, expiresAt: Time });
const ClientState = z.object({
  client: z.string(),
  settings: z.object({ json: z.string(), changedAt: Time }),
  token: Token.optional(),
  tokenChangedAt: Time,
  debugToken: Token.optional(),
  debugTokenChangedAt: Time,
});
/** Records of one kind that all clusters keep the same, see `shared-exchange.ts`. */
const SharedState = z.object({
  kind: z.string(),
  client: z.string(),
  digest: z.string(),
  /** Digests by key, if those of the whole differ. */
  digests: Texts.optional(),
  wanted: z.array(z.string()).optional(),
  sent: Texts.optional(),
});
const Access = z.object({
  clients: z.array(ClientState),
  endedSessions: z.array(z.object({ session: z.string(), at: Time })).default([]),
  shared: z.array(SharedState).default([]),
});
const Suppression = z.object({ hash: z.string(), isSuppressed: z.boolean(), at: Time });
const Row = z.object({
  state: Settings.optional(),
  line: z.int(),
  rawId: z.string(),
  id: Id,
  settings: Settings,
  start: z.int(),
  next: z.int(),
});
const OfClient = z.object({ client: z.string() });
const OfId = OfClient.extend({ id: Id });

/** The request and the answer of each call. */
export const EDGE_CALLS = {
  find: {
    about: 'A profile, as a fetch returns it',
    ask: OfId,
    answer: z.object({
      found: z.object({ modifiedAt: Time, expiresAt: Time, attributes: z.string() }).optional(),
    }),
  },
  known: {
    about: 'Which ids name a profile',
    ask: OfClient.extend({ ids: z.array(Id) }),
    /** The positions of the ids that are known. */
    answer: z.object({ known: z.array(z.int()) }),
  },
  update: {
    about: 'Set attributes of an existing profile',
    ask: OfId.extend({ settings: Settings }),
    answer: z.object({ outcome: z.enum(['updated', 'created', 'not-found', 'too-large']) }),
  },
  visit: {
    about: 'Record a visit',
    ask: OfClient.extend({
      ids: z.array(Id).min(1),
      freshTntId: Id,
      settings: Settings,
      seen: z
        .object({
          categories: z.array(z.string()),
          notesSessions: z.boolean(),
          page: z.string().optional(),
        })
        .optional(),
      state: Settings.optional(),
      facts: Facts.optional(),
      isTraced: z.boolean().optional(),
    }),
    answer: z.object({
      outcome: z.enum(['visited', 'too-large', 'too-many-ids', 'merge-too-large', 'suppressed']),
      tntId: z.string(),
      node: z.int(),
      scripts: z.array(ScriptTrace).optional(),
    }),
  },
  remove: { about: 'Remove a profile', ask: OfId, answer: z.object({ removed: z.boolean() }) },
  'remove-attribute': {
    about: 'Remove one attribute',
    ask: OfId.extend({ name: z.string() }),
    answer: z.object({ outcome: z.enum(['removed', 'no-profile', 'no-attribute']) }),
  },
  'hand-over': {
    about: 'A whole profile with all its ids; it is kept until it is released',
    ask: OfId,
    answer: z.object({ profile: Profile.optional() }),
  },
  adopt: {
    about: 'Store a profile that another cluster hands over',
    ask: OfClient.extend({ profile: Profile }),
    answer: z.object({}),
  },
  release: {
    about: 'Remove a profile that was adopted, if it has not changed',
    ask: OfClient.extend({ profile: Profile }),
    answer: z.object({ released: z.boolean() }),
  },
  rows: {
    about: 'Apply rows of a batch, once',
    ask: OfClient.extend({ batch: z.string(), acceptedAt: Time, at: Time, rows: z.array(Row).min(1) }),
    answer: z.object({ outcomes: z.array(z.enum(['applied', 'not-found', 'too-large'])) }),
  },
  merges: {
    about: 'Recorded merges that involve some ids, or have an id; and all ids of the profiles of these ids',
    ask: OfClient.extend({ ids: z.array(Id), merge: z.string().optional(), limit: z.int() }),
    answer: z.object({ records: z.array(Merge), ids: z.array(DatedId) }),
  },
  unmerge: {
    about: 'Undo a merge that any cluster recorded, or only note that another has undone it',
    ask: OfClient.extend({ merge: Merge, isPreview: z.boolean() }),
    /** For a merge with `undoneAt`, which is only noted: `noted`. */
    answer: z.object({
      outcome: z.enum(['unmerged', 'refused', 'noted']),
      reason: z.string().optional(),
      removed: z.array(z.string()).optional(),
      undoneAt: Time.optional(),
    }),
  },
  clients: {
    about:
      'Settings, tokens, profile scripts and sources of customer attributes of clients, and sessions of the console that were ended, both ways',
    ask: Access,
    answer: Access,
  },
  suppress: {
    about: 'Ids that must not be stored, as keyed hashes: new ones, then those that the caller lacks',
    ask: OfClient.extend({
      decisions: z.array(Suppression),
      digests: z.record(z.string(), z.string()).optional(),
    }),
    answer: z.object({ decisions: z.array(Suppression) }),
  },
  forget: {
    about: 'Remove all other data that names some ids: changes, failed rows, files',
    ask: OfClient.extend({ ids: z.array(Id) }),
    /** What has not finished yet. */
    answer: z.object({ waitingFor: z.array(z.string()) }),
  },
  state: {
    about: 'How many profiles there are',
    ask: z.object({}),
    answer: z.object({ profiles: z.int(), node: z.int(), version: z.string() }),
  },
} as const;

export type EdgeCallName = keyof typeof EDGE_CALLS;
export type EdgeAsk<Name extends EdgeCallName> = z.infer<(typeof EDGE_CALLS)[Name]['ask']>;
export type EdgeAnswer<Name extends EdgeCallName> = z.infer<(typeof EDGE_CALLS)[Name]['answer']>;
export type SentProfile = z.infer<typeof Profile>;
export type SentMerge = z.infer<typeof Merge>;
export type SentClient = z.infer<typeof ClientState>;
export type SentShared = z.infer<typeof SharedState>;
export type SentAccess = z.infer<typeof Access>;

/** Converts a profile to the form in which a call sends it. */
export function sentProfile({ profile, ids }: LinkedProfile): SentProfile {
  const { thirdPartyId, modifiedAt, expiresAt, attributes } = profile;
  const state = listState(attributes);
  return {
    ...(thirdPartyId === undefined ? {} : { thirdPartyId }),
    ...(state.length === 0 ? {} : { state }),
    modifiedAt,
    expiresAt,
    attributes: listAttributes(attributes),
    ids: ids.map(({ kind, value, since }) => ({ kind, value, since })),
  };
}

/** Converts the result of {@link sentProfile} back. */
export function profileOf({
  ids,
  attributes,
  thirdPartyId,
  modifiedAt,
  expiresAt,
  state,
}: SentProfile): LinkedProfile {
  const packed = packAttributes(attributes, state);
  return { ids, profile: { thirdPartyId, modifiedAt, expiresAt, attributes: packed } };
}

/** Converts the record of a merge to the form in which a call sends it. */
export function sentMerge({ profile, ids, overruled, into, ...record }: MergeRecord): SentMerge {
  return {
    ...record,
    into: { kind: into.kind, value: into.value },
    ids: ids.map(({ kind, value, since }) => ({ kind, value, since })),
    overruled: [...overruled],
    ...(profile && { profile: sentProfile({ profile, ids }) }),
  };
}

/** Converts the result of {@link sentMerge} back. */
export function mergeOf({ profile, undoneAt, ...record }: SentMerge): MergeRecord {
  return { ...record, undoneAt, profile: profile && profileOf(profile).profile };
}

/** The initial profiles of a sandbox as JSON, NDJSON, YAML or objects (contract section 13). */

import { attributeNameProblem } from '../domain/attribute-name.ts';
import { packAttributes } from '../domain/attributes.ts';
import type { Profile } from '../domain/profile.ts';
import { type IdKind, idProblem, parseTntId, type VisitorId } from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import type { LinkedProfile } from '../storage/profile-store.ts';
import { isJsonObject, type JsonObject, scalarProblem } from '../wire/json.ts';
import { TIME_RULE, timeOf } from './duration.ts';
import { placeOfJsonError } from './json-place.ts';

/** A profile of a seed that has been checked. */
export interface SeedEntry {
  readonly client: string | undefined;
  readonly ids: readonly VisitorId[];
  readonly attributes: readonly (readonly [name: string, value: string])[];
  /** Epoch milliseconds. */
  readonly modifiedAt: number | undefined;
}

const MEMBERS = ['client', 'tntId', 'thirdPartyId', 'ecid', 'customerIds', 'attributes', 'modifiedAt'];
export const MAX_SEED_PROFILES = 100_000;

/**
 * Reads a seed: a list of profiles as JSON or YAML, or one JSON object per line.
 *
 * @throws QuiverError (rejects) `bad-request` that names the line and column of a syntax error, or
 *   the profile, member and rule
 */
export async function readSeed(text: string): Promise<SeedEntry[]> {
  if (!/^\s*\{/.test(text)) return text.trim() === '' ? [] : seedOf(await parsed(text));
  const read = await jsonLines(text);
  return seedOf(
    read.map(({ value }) => value),
    read.map(({ line }) => line),
  );
}

/** Checks a seed that was given as objects; see {@link readSeed}. */
export function seedOf(profiles: unknown, lines?: readonly number[]): SeedEntry[] {
  if (!Array.isArray(profiles)) throw new QuiverError('bad-request', 'seed: must be a list of profiles');
  if (profiles.length > MAX_SEED_PROFILES) {
    throw new QuiverError('bad-request', `seed: must have at most ${MAX_SEED_PROFILES} profiles`);
  }
  return profiles.map((profile, index) => {
    const where = lines ? `line ${lines[index]}` : `seed[${index}]`;
    return entryOf(profile, where);
  });
}

/** @throws QuiverError `bad-request` for a profile of a client that is not served */
export function requireServed(seed: readonly SeedEntry[], serves: (client: string) => boolean): void {
  const other = seed.find(({ client }) => client !== undefined && !serves(client))?.client;
  if (other === undefined) return;
  throw new QuiverError('bad-request', `seed: client ${JSON.stringify(other.slice(0, 64))} is not served`);
}

/**
 * The profile of an entry.
 *
 * @param now when it changed last, unless the entry says otherwise; epoch milliseconds
 */
export function seededProfile(entry: SeedEntry, now: number, lifetimeMs: number): LinkedProfile {
  const modifiedAt = entry.modifiedAt ?? now;
  const thirdPartyId = entry.ids.find(({ kind }) => kind === 'thirdPartyId')?.value;
  const profile: Profile = {
    thirdPartyId,
    modifiedAt,
    expiresAt: modifiedAt + lifetimeMs,
    attributes: packAttributes(entry.attributes.map(([name, value]) => ({ name, value, modifiedAt }))),
  };
  return { profile, ids: entry.ids.map((id) => ({ ...id, since: modifiedAt })) };
}

interface Read {
  readonly value: unknown;
  readonly line: number;
}

async function jsonLines(text: string): Promise<Read[]> {
  const values: Read[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() !== '') values.push({ value: await parsed(line, index), line: index + 1 });
  }
  return values;
}

/** @param linesBefore how many lines come before `text` in the seed */
async function parsed(text: string, linesBefore = 0): Promise<unknown> {
  if (!/^\s*[[{]/.test(text)) return parsedYaml(text);
  try {
    return JSON.parse(text);
  } catch {
    const before = text.slice(0, placeOfJsonError(text)).split('\n');
    throw unreadable(linesBefore + before.length, before.at(-1)!.length + 1, 'JSON');
  }
}

async function parsedYaml(text: string): Promise<unknown> {
  // Imported only here, because most seeds are objects or JSON.
  const { parseDocument } = await import('yaml');
  const document = parseDocument(text, { logLevel: 'silent' });
  const [error] = document.errors;
  if (!error) return document.toJS({ maxAliasCount: 100 });
  const { line, col } = error.linePos?.[0] ?? { line: 1, col: 1 };
  throw unreadable(line, col, 'YAML');
}

function unreadable(line: number, column: number, format: string): QuiverError {
  return new QuiverError('bad-request', `seed: line ${line}, column ${column}: must be valid ${format}`);
}

function entryOf(profile: unknown, where: string): SeedEntry {
  const refuse = (member: string, rule: string) =>
    new QuiverError('bad-request', `${where}.${member}: ${rule}`);
  if (!isJsonObject(profile)) throw new QuiverError('bad-request', `${where}: must be an object`);
  for (const name of Object.keys(profile)) {
    if (!MEMBERS.includes(name))
      throw refuse(name.toWellFormed(), `is unknown; members are ${MEMBERS.join(', ')}`);
  }
  const { client, modifiedAt } = profile;
  if (client !== undefined && typeof client !== 'string') throw refuse('client', 'must be a string');
  const changed = modifiedAt === undefined ? undefined : timeOf(String(modifiedAt));
  if (modifiedAt !== undefined && changed === undefined) throw refuse('modifiedAt', TIME_RULE);
  return {
    client,
    ids: idsOf(profile, where, refuse),
    attributes: attributesOf(profile.attributes, refuse),
    modifiedAt: changed,
  };
}

type Refuse = (member: string, rule: string) => QuiverError;

function idsOf(profile: JsonObject, where: string, refuse: Refuse): VisitorId[] {
  const ids: VisitorId[] = [];
  const add = (member: string, kind: IdKind, text: unknown) => {
    if (typeof text !== 'string') throw refuse(member, 'must be a string');
    const problem = idProblem(kind, text);
    if (problem !== undefined) throw refuse(member, problem);
    ids.push(kind === 'tntId' ? parseTntId(text).id : { kind, value: text });
  };
  if (profile.thirdPartyId !== undefined) add('thirdPartyId', 'thirdPartyId', profile.thirdPartyId);
  const { customerIds = {} } = profile;
  if (!isJsonObject(customerIds)) throw refuse('customerIds', 'must be an object');
  for (const [alias, id] of Object.entries(customerIds))
    add('customerIds', 'customerId', customerText(alias, id));
  for (const [member, kind] of [
    ['ecid', 'ecid'],
    ['tntId', 'tntId'],
  ] as const) {
    const sent = profile[member];
    for (const text of Array.isArray(sent) ? sent : sent === undefined ? [] : [sent]) add(member, kind, text);
  }
  if (ids.length > 0) return ids;
  throw new QuiverError('bad-request', `${where}: must have a tntId, a thirdPartyId, an ecid or customerIds`);
}

function customerText(alias: string, id: unknown): unknown {
  if (typeof id !== 'string') return id;
  return `${alias.replaceAll('%', '%25').replaceAll(':', '%3A')}:${id}`;
}

function attributesOf(attributes: unknown, refuse: Refuse): [string, string][] {
  if (attributes === undefined) return [];
  if (!isJsonObject(attributes)) throw refuse('attributes', 'must be an object');
  return Object.entries(attributes).map(([name, value]) => {
    const member = `attributes.${name.toWellFormed()}`;
    const problem = attributeNameProblem(name) ?? scalarProblem(value);
    if (problem !== undefined) throw refuse(member, problem);
    return [name, String(value)];
  });
}

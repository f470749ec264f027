/**
 * Finds the ids that a recorded call named; they are read from the request and its reply when
 * needed.
 */

import type { IdKind } from '../domain/visitor-id.ts';
import { isJsonObject, type JsonObject } from '../wire/json.ts';
import { rawPathOf, rawQueryOf } from '../wire/target.ts';
import type { NamedId, RouteName } from './journal-call.ts';

export interface ReadableCall {
  readonly route: RouteName | undefined;
  readonly url: string;
  readonly contentType: string;
  /** The part that was kept. */
  readonly body: string;
  readonly reply: string;
}

/** The names of ids in members and parameters. */
const KIND_OF: Readonly<Record<string, IdKind>> = {
  tntId: 'tntId',
  mboxPC: 'tntId',
  pcId: 'tntId',
  thirdPartyId: 'thirdPartyId',
  mbox3rdPartyId: 'thirdPartyId',
  marketingCloudVisitorId: 'ecid',
  mboxMCGVID: 'ecid',
};
/** The most rows of a batch whose ids are read. */
const MAX_ROWS = 1000;

/** The ids of a call, including those of the reply, each once. Unreadable input yields no ids. */
export function idsOfCall(call: ReadableCall): NamedId[] {
  const ids = [...inPath(call), ...inParameters(rawQueryOf(call.url)), ...inBody(call), ...inReply(call)];
  return ids.filter(
    (id, index) => index === ids.findIndex((other) => other.kind === id.kind && other.value === id.value),
  );
}

function inPath({ route, url }: ReadableCall): NamedId[] {
  if (route !== 'fetch' && route !== 'remove') return [];
  const [, , , , first = '', second] = rawPathOf(url).split('/');
  const kind = second === undefined || second === 'attributes' ? 'tntId' : KIND_OF[first];
  const value = decoded(second === undefined || second === 'attributes' ? first : second);
  return kind && value ? [{ kind, value }] : [];
}

function inParameters(text: string): NamedId[] {
  const ids: NamedId[] = [];
  for (const [name, value] of new URLSearchParams(text)) {
    if (Object.hasOwn(KIND_OF, name) && value !== '') ids.push({ kind: KIND_OF[name]!, value });
  }
  return ids;
}

function inBody({ route, contentType, body }: ReadableCall): NamedId[] {
  if (body === '') return [];
  if (route === 'batch') return inRows(body);
  const json = jsonObject(body);
  if (json) return [...inMembers(json), ...(isJsonObject(json.id) ? inMembers(json.id) : [])];
  return contentType.includes('json') ? [] : inParameters(body);
}

function inReply({ route, reply }: ReadableCall): NamedId[] {
  if (route !== 'visit') return [];
  const json = jsonObject(reply);
  return json ? [...inMembers(json), ...(isJsonObject(json.id) ? inMembers(json.id) : [])] : [];
}

function inMembers(members: JsonObject): NamedId[] {
  const ids: NamedId[] = [];
  for (const [name, value] of Object.entries(members)) {
    if (Object.hasOwn(KIND_OF, name) && typeof value === 'string' && value !== '') {
      ids.push({ kind: KIND_OF[name]!, value });
    }
  }
  const { customerIds } = members;
  for (const entry of Array.isArray(customerIds) ? customerIds : []) {
    if (!isJsonObject(entry) || entry.authenticatedState !== 'authenticated') continue;
    ids.push({ kind: 'customerId', value: `${String(entry.integrationCode)}:${String(entry.id)}` });
  }
  return ids;
}

function inRows(file: string): NamedId[] {
  const [header = '', ...rows] = file.split(/\r?\n/, MAX_ROWS + 1);
  const kind = KIND_OF[/^batch=([^,]+)/.exec(header)?.[1]?.trim() ?? ''];
  if (!kind) return [];
  return rows
    .map((row) => decoded(row.split(',', 1)[0]!.trim().replaceAll('+', ' ')))
    .filter((value) => value !== undefined && value !== '')
    .map((value) => ({ kind, value: value! }));
}

function jsonObject(text: string): JsonObject | undefined {
  if (!text.trimStart().startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

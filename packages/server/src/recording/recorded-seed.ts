/**
 * Derives from a recording, as a seed for the sandbox, the profiles that existed before it started.
 */

import { idsOfCall } from '../journal/call-ids.ts';
import type { RouteName } from '../journal/journal-call.ts';
import type { SeedProfile } from '../sandbox/public-types.ts';
import { isJsonObject, type JsonObject } from '../wire/json.ts';
import { rawPathOf } from '../wire/target.ts';
import type { RecordedCall, Recording } from './recording.ts';

/** The route of a recorded call, as far as a seed and a comparison need it. */
export function routeOf({ method, target }: RecordedCall): RouteName | undefined {
  const path = rawPathOf(target);
  if (path.startsWith('/rest/v1/profiles/')) return method === 'DELETE' ? 'remove' : 'fetch';
  if (path.endsWith('/profile/update')) return 'update';
  if (path.endsWith('/batchUpdate')) return 'batch';
  if (path.endsWith('/batchStatus')) return 'batchStatus';
  if (path.endsWith('/authentication/token')) return 'token';
  if (/^\/[^/]+\/target\//.test(path)) return 'admin';
  return path.startsWith('/rest/') || path.startsWith('/m2/') ? 'visit' : undefined;
}

export function idsOf(call: RecordedCall) {
  const { target, contentType = '', body = '', reply } = call;
  return idsOfCall({ route: routeOf(call), url: target, contentType, body, reply });
}

export function replyObject({ reply }: RecordedCall): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(reply);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The seed contains each profile that a fetch returned, or that accepted an update, before any call
 * of the recording created it. Of its attributes, those that changed before the recording started
 * are included.
 */
export function seedOfRecording({ head, calls }: Recording): SeedProfile[] {
  const seed = new Map<string, SeedProfile>();
  const made = new Set<string>();
  // Assigned in replies to visits, so they did not exist before.
  const given = new Set<string>();
  const seen = new Set<string>();
  for (const { call } of calls) {
    const route = routeOf(call);
    const ids = idsOf(call);
    const [id] = ids;
    if (call.status !== 200 || !id) continue;
    const key = `${id.kind} ${bare(id.value)}`;
    if (route === 'visit') {
      const named = new Set(idsOf({ ...call, reply: '' }).map(({ value }) => bare(value)));
      for (const { kind, value } of ids) {
        made.add(`${kind} ${bare(value)}`);
        if (!named.has(bare(value)) && !seen.has(bare(value))) given.add(`${kind} ${bare(value)}`);
      }
    } else if (route === 'batch') {
      // A batch of version 2 creates missing profiles; its reply does not say whether it did.
      for (const { kind, value } of ids) made.add(`${kind} ${value}`);
    } else if (route === 'update') {
      const isKnown = call.reply.includes('<success>true</success>');
      if (isKnown && !made.has(key) && !seed.has(key)) seed.set(key, { [id.kind]: id.value });
    } else if (route === 'fetch' && !seed.has(key) && !given.has(key)) {
      const profile = seededBy(call, id, Date.parse(head.startedAt));
      // Attributes from before the recording show that a visit did not create it.
      if (profile && (!made.has(key) || profile.modifiedAt !== undefined)) seed.set(key, profile);
    }
    for (const { value } of ids) seen.add(bare(value));
  }
  return [...seed.values()];
}

function seededBy(
  call: RecordedCall,
  id: { readonly kind: string; readonly value: string },
  startedAt: number,
): SeedProfile | undefined {
  const profile = replyObject(call);
  if (!profile || !isJsonObject(profile.profileAttributes)) return undefined;
  const before = Object.entries(profile.profileAttributes).flatMap(([name, attribute]) => {
    if (!isJsonObject(attribute) || typeof attribute.value !== 'string') return [];
    const changed = Date.parse(String(attribute.modifiedAt));
    // Attributes of profile scripts cannot be set from outside.
    return changed < startedAt && !name.startsWith('user.')
      ? [{ name, value: attribute.value, changed }]
      : [];
  });
  const modifiedAt = Math.max(...before.map(({ changed }) => changed));
  return {
    [id.kind]: id.value,
    attributes: Object.fromEntries(before.map(({ name, value }) => [name, value])),
    ...(before.length > 0 && { modifiedAt: new Date(modifiedAt).toISOString() }),
  };
}

function bare(id: string): string {
  return id.replace(/\.\d{1,4}(_\d{1,4})?$/, '');
}

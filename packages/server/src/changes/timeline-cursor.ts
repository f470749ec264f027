/**
 * The cursor of a profile's timeline: a cursor of the feed and, where the ids of the profile were
 * others at that time, a dot and these differences as base64url.
 */

import type { IdDifference } from '../domain/followed-ids.ts';
import { idProblem, type VisitorId } from '../domain/visitor-id.ts';
import { kindName, kindOfName } from '../wire/kind-names.ts';

export interface TimelineCursor {
  /** The cursor of the feed. */
  readonly feed: string;
  readonly difference: IdDifference;
}

/** In characters; a cursor must fit into the address of a request. */
const MAX_CURSOR = 4000;

/** Ids that do not fit are left out, those that were found last first. */
export function timelineCursor({ feed, difference }: TimelineCursor): string {
  const ids = [difference.also, difference.without, difference.left];
  if (ids.every(({ length }) => length === 0)) return feed;
  const most = Math.max(...ids.map(({ length }) => length));
  for (let kept = most; ; kept = Math.floor(kept / 2)) {
    const fields = ids.map((some) =>
      some.slice(0, kept).map(({ kind, value }) => [kindName(kind), value] as const),
    );
    const text = `${feed}.${Buffer.from(JSON.stringify(fields)).toString('base64url')}`;
    if (text.length <= MAX_CURSOR || kept === 0) return text;
  }
}

/** Undefined for a text that was never a cursor. Whether the feed knows its part is left open. */
export function readTimelineCursor(text: string): TimelineCursor | undefined {
  const dot = text.indexOf('.');
  if (dot === -1) return { feed: text, difference: { also: [], without: [], left: [] } };
  const [also, without, left] = idsOf(text.slice(dot + 1)) ?? [];
  return also && without && left && { feed: text.slice(0, dot), difference: { also, without, left } };
}

function idsOf(text: string): VisitorId[][] | undefined {
  try {
    const fields = JSON.parse(Buffer.from(text, 'base64url').toString()) as [unknown, unknown][][];
    return fields.map((some) => some.map(([name, value]) => idOf(name, value)));
  } catch {
    return undefined;
  }
}

function idOf(name: unknown, value: unknown): VisitorId {
  const kind = kindOfName(name);
  if (!kind || typeof value !== 'string' || idProblem(kind, value) !== undefined)
    throw new TypeError('not an id');
  return { kind, value };
}

/**
 * What a visit records of its visitor: the session and the category affinity (contract sections 14
 * and 15), as state beside the attributes (`visitor-state.ts`).
 *
 * A visit that only updates the time of the session sets one entry without a value, about ten bytes
 * including its time. The session itself is written when it starts, and the scores when one
 * changes.
 */

import type { PackedAttributes } from './attributes/packed-attributes.ts';
import { listAttributes, listState, type PlacedState, placeState } from './attributes.ts';
import {
  type CategoryAffinity,
  halved,
  joinedAffinity,
  packAffinity,
  unpackAffinity,
  withCategory,
} from './category-affinity.ts';
import {
  FIRST_SESSION_START,
  hasEnded,
  joinedSession,
  type LiveSession,
  packSession,
  sessionOfCall,
  unpackSession,
} from './session.ts';
import { hasState, STATE, type StateSettings } from './visitor-state.ts';

/** What a visit says of the visitor beside ids and attributes. */
export interface SeenVisit {
  /** Categories that the visitor views, in the order in which they count. */
  readonly categories: readonly string[];
  /**
   * Whether to record landing pages, and the session of a visitor for whom none is recorded yet.
   */
  readonly notesSessions: boolean;
  /** The URL of the page; stored as the landing page where sessions are recorded. */
  readonly page?: string | undefined;
}

/** What is known of a visitor at a call. */
export interface VisitorNotes {
  readonly session: LiveSession;
  /** Whether the call starts the session. */
  readonly isNewSession: boolean;
  readonly affinity: CategoryAffinity;
}

const NOTHING_SEEN: SeenVisit = { categories: [], notesSessions: false };

/** What is known of a visitor at a call that says what was seen, including this call. */
export function notesOfCall(attributes: PackedAttributes, seen: SeenVisit, now: number): VisitorNotes {
  return notesAfter(notesOfLastCall(attributes), firstStartIn(attributes), seen, now);
}

/** What is known of a visitor without a call, for people; undefined when nothing is stored. */
export function notesAt(
  attributes: PackedAttributes,
  now: number,
): Omit<VisitorNotes, 'isNewSession'> | undefined {
  const kept = notesOfLastCall(attributes);
  if (!kept) return undefined;
  return hasEnded(kept.session.lastCall, now) ? { ...kept, affinity: halved(kept.affinity) } : kept;
}

/**
 * The state that a visit sets; undefined when it records nothing: no session of the visitor is
 * stored, and the visit gives no reason to start one.
 */
export function stateOfVisit(
  attributes: PackedAttributes,
  seen: SeenVisit | undefined,
  now: number,
): StateSettings | undefined {
  const kept = hasState(attributes) ? notesOfLastCall(attributes) : undefined;
  if (!kept && !(seen && (seen.notesSessions || seen.categories.length > 0))) return undefined;
  const firstStart = kept ? undefined : firstStartIn(attributes);
  const notes = notesAfter(kept, firstStart, seen ?? NOTHING_SEEN, now);
  const state = new Map<string, string>([[STATE.lastCall, '']]);
  const session = packSession(notes.session);
  if (!kept || session !== packSession(kept.session)) state.set(STATE.session, session);
  const affinity = packAffinity(notes.affinity);
  if (affinity !== packAffinity(kept?.affinity ?? [])) state.set(STATE.affinity, affinity);
  return state;
}

type KeptNotes = Omit<VisitorNotes, 'isNewSession'>;

function notesAfter(
  kept: KeptNotes | undefined,
  firstStart: number | undefined,
  { categories, notesSessions, page }: SeenVisit,
  now: number,
): VisitorNotes {
  const landing = notesSessions ? page : undefined;
  const { session, isNew } = sessionOfCall(kept?.session, firstStart, landing, now);
  const before = kept?.affinity ?? [];
  const affinity = categories.reduce<CategoryAffinity>(withCategory, isNew ? halved(before) : before);
  return { session, isNewSession: isNew, affinity };
}

/** What is stored of a visitor, as of the last call; undefined when nothing is. */
export function notesOfLastCall(attributes: PackedAttributes): KeptNotes | undefined {
  let lastCall: PlacedState | undefined;
  let session: PlacedState | undefined;
  let affinity = '';
  for (const entry of listState(attributes)) {
    if (entry.name === STATE.lastCall) lastCall = entry;
    else if (entry.name === STATE.session) session = entry;
    else if (entry.name === STATE.affinity) affinity = entry.value;
  }
  if (!lastCall || !session) return undefined;
  return {
    session: { ...unpackSession(session.value), lastCall: lastCall.modifiedAt },
    affinity: unpackAffinity(affinity),
  };
}

function firstStartIn(attributes: PackedAttributes): number | undefined {
  const text = listAttributes(attributes).find(({ name }) => name === FIRST_SESSION_START)?.value;
  return text !== undefined && /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
}

/**
 * Sets what is known of two joined visitors in the attributes of their profile. Returns the same
 * object when at most one of them has anything recorded, because the merge of attributes has kept
 * that.
 */
export function withJoinedNotes(
  together: PackedAttributes,
  one: PackedAttributes,
  other: PackedAttributes,
): PackedAttributes {
  if (!hasState(one) || !hasState(other)) return together;
  const [a, b] = [notesOfLastCall(one), notesOfLastCall(other)];
  if (!a || !b) return together;
  const session = joinedSession(a.session, b.session);
  const affinity = joinedAffinity(
    hasEnded(a.session.lastCall, b.session.lastCall) ? halved(a.affinity) : a.affinity,
    hasEnded(b.session.lastCall, a.session.lastCall) ? halved(b.affinity) : b.affinity,
  );
  const at = session.lastCall;
  const scores = packAffinity(affinity);
  return placeState(together, [
    { name: STATE.lastCall, value: '', modifiedAt: at },
    { name: STATE.session, value: packSession(session), modifiedAt: at },
    ...(scores === '' ? [] : [{ name: STATE.affinity, value: scores, modifiedAt: at }]),
  ]);
}

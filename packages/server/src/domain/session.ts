/**
 * Sessions (contract section 14): a session starts with a call and ends when 30 minutes pass
 * without another. Nothing runs at its end; its effects are computed from the stored times.
 *
 * All times are epoch milliseconds.
 */

/** The attribute that the first visitor call of a profile sets (contract section 7). */
export const FIRST_SESSION_START = 'firstSessionStart';
/** A session ends after this time without a call. */
export const SESSION_GAP_MS = 30 * 60 * 1000;
/** The most characters of a landing page that are stored. */
export const MAX_LANDING_PAGE = 4096;

const DAY_MS = 24 * 60 * 60 * 1000;

/** The session of a visitor's last call. */
export interface Session {
  /** The number of the session; the first is 1. */
  readonly count: number;
  /** When it started. */
  readonly start: number;
  /** When the visitor's first session started. */
  readonly first: number;
  /** The time of the last call of the previous session; undefined in the first. */
  readonly previousEnd: number | undefined;
  /** The URL of its first call with one; undefined if there was none or none is stored. */
  readonly landingPage: string | undefined;
}

/** A session with the time of its last call. */
export interface LiveSession extends Session {
  readonly lastCall: number;
}

/** The information about sessions for a script (contract section 14). */
export interface SessionBuiltIns {
  readonly isFirstSession: boolean;
  readonly isNewSession: boolean;
  readonly sessionCount: number;
  /** Whole days of 24 hours; 0 in the first session. */
  readonly daysSinceLastVisit: number;
  /** Not rounded; 0 in the first session. */
  readonly averageDaysBetweenVisits: number;
}

/** Whether the session of a call at `lastCall` has ended by `now`. */
export function hasEnded(lastCall: number, now: number): boolean {
  return now - lastCall >= SESSION_GAP_MS;
}

/**
 * The session of a call at `now`.
 *
 * @param known the session of the previous call; undefined when none is stored
 * @param firstSessionStart the time of the profile's first call, used when no session is stored
 * @param page the URL of the call, to be stored as the landing page; undefined when there is none
 *   or none should be stored
 * @returns the session, and whether the call starts it
 */
export function sessionOfCall(
  known: LiveSession | undefined,
  firstSessionStart: number | undefined,
  page: string | undefined,
  now: number,
): { readonly session: LiveSession; readonly isNew: boolean } {
  const before = known ?? sessionAtFirstCall(firstSessionStart, now);
  const landingPage = page === undefined || page === '' ? undefined : page.slice(0, MAX_LANDING_PAGE);
  if (before === undefined) {
    const session = { count: 1, start: now, first: now, previousEnd: undefined, landingPage, lastCall: now };
    return { session, isNew: true };
  }
  if (hasEnded(before.lastCall, now)) {
    const { count, first, lastCall } = before;
    const session = {
      count: count + 1,
      start: now,
      first,
      previousEnd: lastCall,
      landingPage,
      lastCall: now,
    };
    return { session, isNew: true };
  }
  const session = { ...before, lastCall: now, landingPage: before.landingPage ?? landingPage };
  return { session, isNew: false };
}

/** The one session that a profile without a stored one must have had. */
function sessionAtFirstCall(firstSessionStart: number | undefined, now: number): LiveSession | undefined {
  if (firstSessionStart === undefined || !(firstSessionStart > 0 && firstSessionStart <= now))
    return undefined;
  return {
    count: 1,
    start: firstSessionStart,
    first: firstSessionStart,
    lastCall: firstSessionStart,
    previousEnd: undefined,
    landingPage: undefined,
  };
}

/**
 * The information about a session for scripts.
 * @param isNewSession whether the current call starts it
 */
export function sessionBuiltIns(session: Session, isNewSession: boolean): SessionBuiltIns {
  const { count, start, first, previousEnd } = session;
  return {
    isFirstSession: count === 1,
    isNewSession,
    sessionCount: count,
    daysSinceLastVisit: previousEnd === undefined ? 0 : Math.floor((start - previousEnd) / DAY_MS),
    averageDaysBetweenVisits: count === 1 ? 0 : (start - first) / DAY_MS / (count - 1),
  };
}

/** The joined session of two visitors who turned out to be one, independent of the order. */
export function joinedSession(one: LiveSession, other: LiveSession): LiveSession {
  const [earlier, later] = isBefore(one, other) ? [one, other] : [other, one];
  const ends = [one.previousEnd, other.previousEnd].filter((end) => end !== undefined);
  if (hasEnded(earlier.lastCall, later.start)) ends.push(earlier.lastCall);
  const previousEnd = ends.length === 0 ? undefined : Math.max(...ends);
  return {
    ...later,
    count: Math.max(one.count, other.count, previousEnd === undefined ? 1 : 2),
    first: Math.min(one.first, other.first),
    previousEnd,
  };
}

function isBefore(one: LiveSession, other: LiveSession): boolean {
  if (one.lastCall !== other.lastCall) return one.lastCall < other.lastCall;
  if (one.start !== other.start) return one.start < other.start;
  return (one.landingPage ?? '') < (other.landingPage ?? '');
}

/** The stored text of a session, kept short: numbers in base 36, then the landing page. */
export function packSession({ count, start, first, previousEnd, landingPage }: Session): string {
  const numbers = [count, start, start - first, previousEnd === undefined ? 0 : start - previousEnd];
  return [...numbers.map((number) => number.toString(36)), ...(landingPage ? [landingPage] : [])].join(' ');
}

/**
 * Parses a text of {@link packSession}.
 * @throws RangeError for anything else
 */
export function unpackSession(text: string): Session {
  const match = /^([0-9a-z]+) ([0-9a-z]+) (-?[0-9a-z]+) (-?[0-9a-z]+)(?: (.*))?$/s.exec(text);
  if (!match) throw new RangeError('what is kept of a session cannot be read');
  const [count, start, sinceFirst, sinceEnd] = match.slice(1, 5).map((digits) => Number.parseInt(digits, 36));
  return {
    count: count!,
    start: start!,
    first: start! - sinceFirst!,
    previousEnd: sinceEnd === 0 ? undefined : start! - sinceEnd!,
    landingPage: match[5],
  };
}

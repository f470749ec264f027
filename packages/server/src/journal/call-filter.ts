/** Decides which calls of a journal match a filter. */

import type { CallFilter, JournalCall } from './journal-call.ts';

/** Says how a call differs from a filter, one phrase per member; empty when it matches. */
export function mismatches(call: JournalCall, filter: CallFilter): string[] {
  const problems: string[] = [];
  const { id, since, tntId, thirdPartyId, ecid, customerId, ...plain } = filter;
  for (const [member, wanted] of Object.entries(plain)) {
    const is = call[member as keyof typeof plain];
    if (wanted !== undefined && is !== wanted) problems.push(`${member} is ${String(is)}, not ${wanted}`);
  }
  if (since !== undefined && call.id <= since) problems.push(`it is call ${call.id}, not after ${since}`);
  const named = (kind: string | undefined, wanted: string | undefined) => {
    if (wanted === undefined) return;
    const ids = call.ids.filter((one) => kind === undefined || one.kind === kind);
    if (ids.some(({ value }) => isSameId(value, wanted))) return;
    const what = kind ?? 'ids';
    problems.push(`${what} is ${ids.map(({ value }) => value).join(', ') || 'missing'}, not ${wanted}`);
  };
  named(undefined, id);
  named('tntId', tntId);
  named('thirdPartyId', thirdPartyId);
  named('ecid', ecid);
  named('customerId', customerId);
  return problems;
}

/** Whether two tntIds are the same apart from their location hints. */
function isSameId(value: string, wanted: string): boolean {
  return value === wanted || value.replace(/\.\d{1,4}(_\d{1,4})?$/, '') === wanted;
}

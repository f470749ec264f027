/** Stores that keep nothing for suppressed ids, whatever the channel (contract section 22). */

import type { VisitorId } from '../domain/visitor-id.ts';
import type { BatchStore, ForeignRows, RowOutcome } from '../storage/batch-store.ts';
import { withoutSuppressed } from '../storage/plain-rows.ts';
import type { ProfileStore, VisitOutcome } from '../storage/profile-store.ts';
import type { IsSuppressed, Suppressions } from './suppressions.ts';

type Checks = Pick<Suppressions, 'of'>;

/**
 * Does `write` unless one of the ids is suppressed. Synchronous when the client has no suppressed
 * ids.
 */
function unless<Outcome>(
  checks: Checks,
  client: string,
  ids: readonly VisitorId[],
  write: () => Promise<Outcome>,
  otherwise: Outcome,
): Promise<Outcome> {
  const go = (isSuppressed: IsSuppressed | undefined) =>
    isSuppressed !== undefined && ids.some(isSuppressed) ? Promise.resolve(otherwise) : write();
  const check = checks.of(client);
  return check instanceof Promise ? check.then(go) : go(check);
}

/**
 * A profile store that keeps nothing for suppressed ids: an update finds no profile, a visit is
 * `suppressed`, and a profile from elsewhere is not taken in.
 */
export function suppressingProfiles(store: ProfileStore, checks: Checks): ProfileStore {
  return {
    find: (...call) => store.find(...call),
    findLinked: (...call) => store.findLinked(...call),
    remove: (...call) => store.remove(...call),
    removeAttribute: (...call) => store.removeAttribute(...call),
    release: (...call) => store.release(...call),
    update: (client, id, ...rest) =>
      unless(checks, client, [id], () => store.update(client, id, ...rest), 'not-found' as const),
    visit: (client, visit, ...rest) =>
      unless(checks, client, visit.ids, () => store.visit(client, visit, ...rest), {
        outcome: 'suppressed' as const,
        tntId: '',
      }),
    lookAhead: (...call) => store.lookAhead(...call),
    visitFrom: (basis, client, visit, ...rest) =>
      unless<VisitOutcome | undefined>(
        checks,
        client,
        visit.ids,
        () => store.visitFrom(basis, client, visit, ...rest),
        { outcome: 'suppressed', tntId: '' },
      ),
    adopt: (client, adopted, now) =>
      unless(checks, client, adopted.ids, () => store.adopt(client, adopted, now), undefined),
  };
}

/**
 * A batch store that does not apply rows with suppressed ids from another edge cluster; they count
 * as applied there.
 */
export function suppressingForeignRows(store: BatchStore, checks: Checks): Pick<BatchStore, 'applyForeign'> {
  return {
    async applyForeign(foreign: ForeignRows): Promise<RowOutcome[]> {
      const kept = withoutSuppressed(foreign.updates, await checks.of(foreign.client));
      if (kept === foreign.updates) return store.applyForeign(foreign);
      const lines = new Set(Array.from(kept, ({ line }) => line));
      const outcomes = kept.length === 0 ? [] : await store.applyForeign({ ...foreign, updates: kept });
      let next = 0;
      return Array.from(foreign.updates, ({ line }) => (lines.has(line) ? outcomes[next++]! : 'applied'));
    },
  };
}

/**
 * Rows of a batch whose profiles live in other edge clusters (contract section 8). Each row goes to
 * the cluster that has its profile, in steps that may be repeated and are applied once. Rows whose
 * profile no cluster has stay here, to be created or counted as not found.
 */

import type { WriteRules } from '../domain/lifetime.ts';
import type { VisitorId } from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import type { BatchRows, RowUpdate } from '../storage/batch-rows.ts';
import { unappliedRow } from '../storage/batch-step.ts';
import type { Batch, BatchStore, FailedRow, RowOutcome } from '../storage/batch-store.ts';
import { PlainRows } from '../storage/plain-rows.ts';
import type { ProfileStore } from '../storage/profile-store.ts';
import type { EdgeAsk } from './edge-calls.ts';
import { type EdgePeer, PeerSilent } from './edge-peer.ts';

/** How much of a step is sent in one call, in rows and in characters. */
const ROWS_PER_CALL = 1000;
const CHARACTERS_PER_CALL = 8_000_000;

export interface BatchRowsParts {
  readonly store: Pick<ProfileStore, 'find'>;
  readonly peers: readonly EdgePeer[];
  /** Epoch milliseconds. */
  readonly now: () => number;
}

export class EdgeBatchRows {
  readonly #parts: BatchRowsParts;

  constructor(parts: BatchRowsParts) {
    this.#parts = parts;
  }

  /** See `RowsElsewhere` of `batches/batch-runner.ts`. */
  async apply(batch: Batch, rows: BatchRows) {
    const all = [...rows];
    const homes = await this.#homesOf(batch.client, all);
    if (homes.size === 0) return undefined;
    const here: RowUpdate[] = [];
    const there = new Map<EdgePeer, RowUpdate[]>();
    for (const row of all) {
      const home = homes.get(row.id.value);
      if (!home) here.push(row);
      else if (there.get(home)?.push(row) === undefined) there.set(home, [row]);
    }
    const sent = await Promise.all(
      Array.from(there, ([peer, its]) => this.#send(peer, batch, its, rows.at).catch(asUnavailable)),
    );
    const failures = sent.flat();
    const applied = all.length - here.length - failures.length;
    return { here: PlainRows.of(here, rows.at), failures, applied };
  }

  /**
   * The clusters where ids live, other than this one, by the id's value; all ids of a batch are of
   * one kind.
   */
  async #homesOf(client: string, rows: readonly RowUpdate[]): Promise<Map<string, EdgePeer>> {
    const { store, peers, now } = this.#parts;
    const ids = [...new Map(rows.map(({ id }) => [id.value, id])).values()];
    const found = await Promise.all(ids.map((id) => store.find(client, id, now())));
    const unknown: VisitorId[] = ids.filter((_, place) => found[place] === undefined);
    const homes = new Map<string, EdgePeer>();
    if (unknown.length === 0) return homes;
    const silent: unknown[] = [];
    await Promise.all(
      peers.map(async (peer) => {
        try {
          const { known } = await peer.ask('known', { client, ids: unknown });
          for (const place of known) {
            const { value } = unknown[place]!;
            // When two clusters have it, the one with the lower number will keep the merged
            // profile.
            if ((homes.get(value)?.cluster ?? Number.POSITIVE_INFINITY) > peer.cluster)
              homes.set(value, peer);
          }
        } catch (error) {
          if (!(error instanceof PeerSilent)) throw error;
          silent.push(error);
        }
      }),
    );
    if (silent.length > 0 && unknown.some(({ value }) => !homes.has(value))) asUnavailable(silent[0]);
    return homes;
  }

  /** Sends rows to the cluster where they live. @returns the rows that could not be applied */
  async #send(peer: EdgePeer, batch: Batch, rows: readonly RowUpdate[], at: number): Promise<FailedRow[]> {
    const failures: FailedRow[] = [];
    for (const group of groupsOf(rows)) {
      const { outcomes } = await peer.ask('rows', {
        client: batch.client,
        batch: batch.id,
        acceptedAt: batch.acceptedAt,
        at,
        rows: group.map(({ line, start, next, rawId, id, settings, state }) => {
          const sent = { line, start, next, rawId, id, settings: [...settings] };
          return state ? { ...sent, state: [...state] } : sent;
        }),
      });
      for (const [place, outcome] of outcomes.entries()) {
        if (outcome === 'not-found') {
          throw new QuiverError('unavailable', 'A profile has moved to another edge cluster meanwhile');
        }
        if (outcome === 'too-large') failures.push(unappliedRow(group[place]!, outcome));
      }
    }
    return failures;
  }
}

function* groupsOf(rows: readonly RowUpdate[]): Generator<RowUpdate[]> {
  let group: RowUpdate[] = [];
  let characters = 0;
  for (const row of rows) {
    group.push(row);
    for (const [name, value] of [...row.settings, ...(row.state ?? [])]) {
      characters += name.length + value.length;
    }
    if (group.length < ROWS_PER_CALL && characters < CHARACTERS_PER_CALL) continue;
    yield group;
    group = [];
    characters = 0;
  }
  if (group.length > 0) yield group;
}

function asUnavailable(error: unknown): never {
  if (!(error instanceof PeerSilent)) throw error;
  throw new QuiverError('unavailable', `Edge cluster ${error.cluster} cannot be asked for now`, {
    cause: error,
  });
}

/** Applies rows that another cluster has sent, each once. */
export function rowsFromElsewhere(
  batches: Pick<BatchStore, 'applyForeign'>,
  rulesOf: (client: string) => WriteRules | Promise<WriteRules>,
): (ask: EdgeAsk<'rows'>, from: number) => Promise<RowOutcome[]> {
  return async ({ client, batch, acceptedAt, at, rows }, from) => {
    const plain = rows.map(({ settings, state, ...row }) => ({
      ...row,
      settings: new Map(settings),
      ...(state && { state: new Map(state) }),
    }));
    const moment = { ...(await rulesOf(client)), now: at };
    return batches.applyForeign({
      client,
      from,
      batch,
      acceptedAt,
      updates: PlainRows.of(plain, at),
      moment,
    });
  };
}

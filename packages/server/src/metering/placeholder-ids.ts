/**
 * Counts and logs placeholder ids, and refuses them for clients that want that (contract section
 * 3).
 */

import { Counter, type Registry } from 'prom-client';
import type { RulesOf } from '../domain/client-rules.ts';
import { type CheckIds, isPlaceholder, type MemberId, placeholderProblem } from '../domain/placeholder-id.ts';
import { type IdKind, parseCustomerId, type VisitorId } from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { UsageMeter } from './usage-meter.ts';

/** At most one log line per client and kind in this time, in milliseconds. */
const LOG_EVERY_MS = 60_000;

export interface PlaceholderIdsParts {
  readonly registry: Registry;
  readonly usage: Pick<UsageMeter, 'count'>;
  readonly log: Log;
  readonly rulesOf: RulesOf;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

export class PlaceholderIds {
  readonly #parts: PlaceholderIdsParts;
  readonly #total: Counter<'client' | 'kind'>;
  /** By client and kind; there are few of each. */
  readonly #logged = new Map<string, { at: number; since: number }>();

  constructor(parts: PlaceholderIdsParts) {
    this.#parts = parts;
    this.#total = new Counter({
      name: 'quiver_placeholder_ids_total',
      help: 'Ids such as undefined or the zero UUID sent with a write, including refused ones.',
      labelNames: ['client', 'kind'],
      registers: [parts.registry],
    });
  }

  readonly check: CheckIds = (client, ids) => {
    const found = ids.filter(isPlaceholder);
    return found.length === 0 ? undefined : this.#take(client, found);
  };

  async #take(client: string, found: readonly MemberId[]): Promise<void> {
    for (const id of found) this.note(client, id);
    if ((await this.#parts.rulesOf(client)).placeholderIds === 'warn') return;
    const { kind, value, member } = found[0]!;
    throw new QuiverError('bad-request', `${member}: ${placeholderProblem(shown(kind, value))}`);
  }

  /** Counts a recognised placeholder id, and logs it unless one of its kind was logged recently. */
  note(client: string, { kind, value }: VisitorId): void {
    this.#total.inc({ client, kind });
    this.#parts.usage.count(client, 'placeholderIds');
    const key = `${client} ${kind}`;
    const logged = this.#logged.get(key) ?? { at: Number.NEGATIVE_INFINITY, since: 0 };
    this.#logged.set(key, logged);
    logged.since += 1;
    const now = this.#parts.now();
    // If the clock was set back, logging must not stay off for long.
    if (Math.abs(now - logged.at) < LOG_EVERY_MS) return;
    this.#parts.log.warn(
      { client, kind, id: shown(kind, value), count: logged.since },
      'placeholder ids: visitors who send one share a profile',
    );
    logged.at = now;
    logged.since = 0;
  }
}

function shown(kind: IdKind, value: string): string {
  return kind === 'customerId' ? parseCustomerId(value).id : value;
}

/** Faults: replies of a sandbox that are wrong, delayed or cut (contract section 13). */

import { checkMembers } from '../delivery/delivery-schema.ts';
import { QuiverError } from '../errors.ts';
import { ROUTE_NAMES } from '../journal/route-names.ts';
import { z } from '../wire/schema.ts';
import type { FaultInput, RouteName } from './public-types.ts';
import { seededChance } from './seeded.ts';

const MAX_FAULTS = 1000;
const MAX_DELAY_MS = 60_000;

const countOf = (max: number) => z.int().min(1).max(max);

/** A fault as a caller adds it. */
export const FaultSchema = z
  .strictObject({
    route: z
      .enum(ROUTE_NAMES)
      .openapi({ description: 'The route that it affects, as the journal names it.' }),
    client: z.string().optional().openapi({ description: 'Only for this client; by default for all.' }),
    id: z.string().optional().openapi({ description: 'Only for calls that name this id.' }),
    times: countOf(1_000_000)
      .optional()
      .openapi({ description: 'How many calls it affects; all by default.' }),
    probability: z.number().gt(0).max(1).optional().openapi({
      description:
        'The share of calls that it affects, drawn from the seed of the sandbox; excludes `times`.',
    }),
    status: z
      .int()
      .min(200)
      .max(599)
      .optional()
      .openapi({ description: 'The status of the reply; 503 by default.' }),
    body: z
      .string()
      .optional()
      .openapi({ description: 'The body of the reply instead of a refusal of the route.' }),
    retryAfter: z.int().min(0).max(86_400).optional().openapi({ description: 'Seconds for Retry-After.' }),
    delayMs: z.int().min(0).max(MAX_DELAY_MS).optional().openapi({
      description: 'Real milliseconds before the answer; without a status, the route still answers.',
    }),
    cut: z
      .enum(['head', 'body'])
      .optional()
      .openapi({ description: 'Cuts the connection in the middle of the head, or of the body.' }),
    applied: z.boolean().optional().openapi({
      description: 'Whether the call is carried out and only its reply is lost; false by default.',
    }),
  })
  .openapi('SandboxFault', { example: { route: 'update', times: 2, status: 503, retryAfter: 1 } });

interface Kept {
  readonly input: FaultInput;
  readonly faultId: string;
  /** Draws whether the next call is affected. */
  readonly chance: () => number;
  hits: number;
}

/** What a fault needs to know about a call. */
export interface FaultedCall {
  readonly route: RouteName;
  readonly client: string;
  /** The ids that the call names; only called by faults for one id. */
  readonly ids: () => readonly string[];
}

export class FaultList {
  readonly #faults = new Map<string, Kept>();
  readonly #seed: string;
  readonly #serves: (client: string) => boolean;
  #last = 0;

  /**
   * @param seed of the draws; each fault has its own sequence, so that it is not affected by faults
   *   of other tests or from before a reset
   * @param serves whether a client is served
   */
  constructor(seed: string, serves: (client: string) => boolean) {
    this.#seed = seed;
    this.#serves = serves;
  }

  get isEmpty(): boolean {
    return this.#faults.size === 0;
  }

  /** Whether any fault depends on the ids of a call, so that its body must be read first. */
  needsIds(route: RouteName, client: string): boolean {
    for (const { input } of this.#faults.values()) {
      if (input.id !== undefined && isFor(input, route, client)) return true;
    }
    return false;
  }

  /**
   * Adds a fault.
   *
   * @throws QuiverError `bad-request` that names the member and the rule
   */
  add(given: unknown): string {
    const input: FaultInput = checkMembers(FaultSchema, given);
    if (input.times !== undefined && input.probability !== undefined) {
      throw new QuiverError('bad-request', 'probability: cannot be given with times');
    }
    const { client, ...members } = input;
    if (client !== undefined && !this.#serves(client)) {
      throw new QuiverError('bad-request', `client: ${JSON.stringify(client.slice(0, 64))} is not served`);
    }
    if (this.#faults.size >= MAX_FAULTS) {
      throw new QuiverError('bad-request', `route: at most ${MAX_FAULTS} faults can exist at the same time`);
    }
    this.#last += 1;
    const faultId = `fault-${this.#last}`;
    const chance = seededChance(`faults ${this.#seed} ${JSON.stringify(members)}`);
    this.#faults.set(faultId, { input: { ...input }, faultId, chance, hits: 0 });
    return faultId;
  }

  /** The active faults, oldest first. */
  list(): { readonly id: string; readonly hits: number; readonly fault: FaultInput }[] {
    return Array.from(this.#faults.values(), ({ input, faultId, hits }) => ({
      id: faultId,
      hits,
      fault: input,
    }));
  }

  hits(faultId: string): number {
    return this.#faults.get(faultId)?.hits ?? 0;
  }

  /** @returns false when there is no such fault */
  remove(faultId: string): boolean {
    return this.#faults.delete(faultId);
  }

  /** Removes the faults of a client, or all faults without one. */
  clear(client?: string): void {
    for (const [faultId, { input }] of this.#faults) {
      if (client === undefined || input.client === client) this.#faults.delete(faultId);
    }
  }

  /** The fault that affects a call, the oldest if several do; the hit is counted. */
  strike(call: FaultedCall): { readonly id: string; readonly fault: FaultInput } | undefined {
    for (const kept of this.#faults.values()) {
      const { input, faultId } = kept;
      if (!isFor(input, call.route, call.client)) continue;
      if (input.times !== undefined && kept.hits >= input.times) continue;
      if (input.id !== undefined && !call.ids().includes(input.id)) continue;
      if (input.probability !== undefined && kept.chance() >= input.probability) continue;
      kept.hits += 1;
      return { id: faultId, fault: input };
    }
    return undefined;
  }
}

function isFor({ route, client }: FaultInput, called: RouteName, calledClient: string): boolean {
  return route === called && (client === undefined || client === calledClient);
}

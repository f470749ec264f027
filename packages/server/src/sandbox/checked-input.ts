/**
 * Checks what a test passes to `startSandbox` and its handles. Without these checks a misspelt
 * member would be ignored, and the test would pass for the wrong reason.
 */

import { checkMembers } from '../delivery/delivery-schema.ts';
import { QuiverError } from '../errors.ts';
import { ROUTE_NAMES } from '../journal/route-names.ts';
import { z } from '../wire/schema.ts';
import { requireTime } from './duration.ts';

const text = z.string().optional();

const Options = z.strictObject({
  clients: z.array(z.string()).optional(),
  seed: z.unknown().optional(),
  now: z.unknown().optional(),
  frozen: z.boolean().optional(),
  ids: text,
  port: z.int().min(0).max(65_535).optional(),
  host: text,
  adminToken: z.string().min(1).optional(),
  data: z.string().min(1).optional(),
  serverDomain: text,
});

const Filter = z.strictObject({
  route: z.enum(ROUTE_NAMES).optional(),
  ...{ client: text, method: text, path: text },
  status: z.int().min(100).max(599).optional(),
  ...{ id: text, tntId: text, thirdPartyId: text, ecid: text, customerId: text },
  since: z.number().optional(),
});

const Expected = z.strictObject({ times: z.int().min(0).optional() });
const ClockSet = z.strictObject({ now: z.unknown().optional(), frozen: z.boolean().optional() });

/**
 * Checks the input of a test. Each throws a QuiverError `bad-request` that names the member and the
 * rule. Seed and times have checks of their own.
 */
export const check = {
  options: (given: unknown) => checkMembers(Options, given),
  filter: (given: unknown) => checkMembers(Filter, given),
  expected: (given: unknown) => checkMembers(Expected, given),
  clock: (given: unknown) => checkMembers(ClockSet, given),
};

/** 9999-12-31, in epoch milliseconds. */
const LAST_DAY = 253_402_214_400_000;

/** Epoch milliseconds of a time given as text or Date. @throws QuiverError `bad-request` */
export function epochOf(now: string | Date): number {
  if (!(now instanceof Date)) return requireTime(now, 'now');
  const at = now.getTime();
  if (at >= 0 && at <= LAST_DAY) return at;
  throw new QuiverError('bad-request', 'now: must be a valid Date from 1970 to 9999');
}

/**
 * `quiver serve --demo`: fills the first client with example data before the server starts.
 *
 * The data goes through the usual ways: visits through the profile service, batches as uploads that
 * the background worker applies once it runs, usage through the meter.
 */

import { randomBytes } from 'node:crypto';
import { Registry } from 'prom-client';
import { acceptBatch } from '../batches/accept-batch.ts';
import type { ServeConfig } from '../config/config.ts';
import { visitOf } from '../delivery/visit.ts';
import type { UsageKind } from '../domain/usage-kind.ts';
import type { Log } from '../log.ts';
import { dayOf } from '../metering/usage-meter.ts';
import { makeParts, type Parts } from '../parts.ts';
import { openStores } from '../server.ts';
import type { BatchVersion } from '../storage/batch-store.ts';
import type { Stores } from '../storage/stores.ts';
import { DEMO_PERSON, demoTntId, demoVisits, personId, steadyChance } from './demo-people.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const DAYS_OF_USAGE = 30;
/** Profiles live 14 days by default; the oldest one must not expire while a user looks at it. */
const LONGEST_AGO = 12 * 24;

/**
 * Fills the first client, unless it already has anything in the store.
 *
 * @param now epoch milliseconds
 * @returns what was done, as a sentence for the banner
 * @throws errors of the store; what was written until then stays
 */
export async function fillDemo(config: ServeConfig, log: Log, now: number): Promise<string> {
  const client = config.clients[0]!;
  const stores = await openStores(config);
  try {
    if (await hasAnything(stores, client, now)) {
      return `${client} already has data in the store and was left unchanged`;
    }
    const files = stores.batchFiles;
    await files.start();
    const clock = { at: now };
    const { clients, cluster, node } = config;
    const parts = makeParts({
      ...{ stores, files, clients, cluster, node, log },
      // Nothing is signed with this key.
      signingKey: randomBytes(32).toString('base64url'),
      registry: new Registry(),
      now: () => clock.at,
    });
    await addUsage(parts, clock, client, now);
    await addVisits(parts, clock, client, now);
    await addBatches(parts, client, now);
    return `${client} was filled with made-up visitors; look for ${DEMO_PERSON} in the console`;
  } finally {
    await stores.close();
  }
}

/** The current time for the parts, in epoch milliseconds. */
interface Clock {
  at: number;
}

/** Every write records its attribute names, and every call is counted. */
async function hasAnything(stores: Stores, client: string, now: number): Promise<boolean> {
  const found = await Promise.all([
    stores.attributeNames.list(client),
    stores.batches.list(client, 1),
    stores.usage.read(client, dayOf(0), dayOf(now)),
  ]);
  return found.some((list) => list.length > 0);
}

async function addVisits(
  { profiles, rulesOf }: Parts,
  clock: Clock,
  client: string,
  now: number,
): Promise<void> {
  const { lifetimeDays } = await rulesOf(client);
  for (const { ids, attributes, hoursAgo } of demoVisits(Math.min(LONGEST_AGO, lifetimeDays * 24 - 1))) {
    clock.at = now - hoursAgo * HOUR;
    await profiles.visit(client, visitOf(ids, '', new Map(Object.entries(attributes)), undefined));
  }
}

/** Less on weekends, and for today only the share of the hours so far. */
async function addUsage({ usage }: Parts, clock: Clock, client: string, now: number): Promise<void> {
  for (let ago = DAYS_OF_USAGE - 1; ago >= 0; ago -= 1) {
    clock.at = now - ago * DAY;
    const weekday = new Date(clock.at).getUTCDay();
    const share = (weekday % 6 === 0 ? 0.55 : 1) * (ago === 0 ? (now % DAY) / DAY : 1);
    for (const [kind, most] of Object.entries(CALLS_A_DAY) as [UsageKind, number][]) {
      const chance = steadyChance(`${kind} ${ago}`);
      usage.count(client, kind, Math.round(most * share * (0.7 + 0.3 * chance)));
    }
  }
  await usage.stop();
}

const CALLS_A_DAY: Readonly<Record<UsageKind, number>> = {
  mboxCalls: 5200,
  fetches: 3400,
  updates: 900,
  batchUploads: 4,
  batchStatuses: 24,
  placeholderIds: 0,
  removals: 3,
};

async function addBatches({ stores, files }: Parts, client: string, now: number): Promise<void> {
  for (const [index, { version, text }] of demoBatches().entries()) {
    const parts = { batches: stores.batches, files, now: () => now - (demoBatches().length - index) * 1000 };
    const upload = new Request('http://localhost/', { method: 'POST', body: text });
    await acceptBatch(parts, client, version, upload);
  }
}

function demoBatches(): { version: BatchVersion; text: string }[] {
  const customers = Array.from({ length: 400 }, (_, index) => {
    const id = personId(index + 1);
    const points = Math.floor(steadyChance(`${id} points`) * 5000);
    return `${id},${points},${points > 3000 ? 'gold' : points > 1200 ? 'silver' : ''}`;
  });
  const strangers = Array.from({ length: 80 }, (_, index) => {
    // A third of the rows name unknown ids: v1 only updates existing profiles.
    const id = demoTntId(index % 3 === 0 ? `nobody ${index}` : `stranger ${index}`);
    return `${id},${index % 2 === 0 ? 'summer' : 'autumn'}`;
  });
  const stores = [
    ...Array.from({ length: 30 }, (_, index) => `${personId(index + 1)},store-${(index % 7) + 1},2026-11`),
    ',store-3,2026-11',
    `${personId(31)},store-2,2026-11,gift card`,
    `${personId(32)},50% off,2026-11`,
    ...Array.from({ length: 8 }, (_, index) => `${personId(index + 33)},store-${(index % 7) + 1},`),
  ];
  return [
    { version: 'v2', text: fileOf('batch=thirdPartyId,loyaltyPoints,plan', customers) },
    { version: 'v1', text: fileOf('batch=pcId,campaign', strangers) },
    { version: 'v2', text: fileOf('batch=thirdPartyId,nearestStore,lastVisit', stores) },
  ];
}

function fileOf(header: string, rows: readonly string[]): string {
  return `${[header, ...rows].join('\n')}\n`;
}

/**
 * `/sandbox…`: the controls of a sandbox over HTTP, for tests in any language (contract section
 * 13).
 */

import { checkMembers } from '../delivery/delivery-schema.ts';
import { QuiverError } from '../errors.ts';
import { journalRoutes } from '../journal/journal-routes.ts';
import { quiverVersion } from '../version.ts';
import { readBody, textOf } from '../wire/body.ts';
import type { Call } from '../wire/call.ts';
import { emptyReply, jsonReply, Reply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';
import { z } from '../wire/schema.ts';
import {
  ClientOfQuery,
  clientOf,
  jsonOf,
  parameter,
  serverAdminRoute,
  withKnownQuery,
} from '../wire/server-admin-route.ts';
import { noSuchSnapshot } from './client-world.ts';
import { requireDuration, requireTime } from './duration.ts';
import { FaultSchema } from './faults.ts';
import type { Sandbox } from './sandbox.ts';
import { readSeed } from './seed.ts';
import { WeatherSchema } from './weather.ts';

const route = serverAdminRoute('Sandbox');

const MAX_SEED_BYTES = 16 * 1024 * 1024;
const NDJSON_HEADERS = { 'content-type': 'application/x-ndjson;charset=UTF-8', 'cache-control': 'no-store' };

const ClockBody = z
  .strictObject({ now: z.string().optional(), frozen: z.boolean().optional() })
  .openapi('SandboxClock', { example: { now: '2026-01-01T00:00:00.000Z', frozen: true } });
const AdvanceBody = z.strictObject({ by: z.string() }).openapi('SandboxAdvance', { example: { by: 'P15D' } });
const Anything = z.looseObject({});

export function sandboxRoutes(sandbox: Sandbox): Route[] {
  return [
    ...stateRoutes(sandbox),
    ...snapshotRoutes(sandbox),
    ...clockRoutes(sandbox),
    ...faultRoutes(sandbox),
    ...journalRoutes({
      source: sandbox.journal,
      base: '/sandbox/requests',
      tag: 'Sandbox',
      version: quiverVersion(),
    }),
  ].map(withKnownQuery);
}

/** Long because it is the list of its routes, each with its description for `/openapi.json`. */
function stateRoutes(sandbox: Sandbox): Route[] {
  return [
    {
      ...route('GET', '/sandbox', 'The sandbox: clients, clock, weather, faults, seed, snapshots, counts'),
      async handle() {
        const worlds = await sandbox.worlds();
        return jsonReply({
          anyClient: sandbox.options.anyClient,
          ids: sandbox.options.idSeed === undefined ? 'random' : `seed:${sandbox.options.idSeed}`,
          clients: worlds.map((world) => ({
            client: world.client,
            clock: shownClock(world.clock.state),
            weather: world.weather,
            seededProfiles: world.seededProfiles,
            snapshots: world.snapshots,
            requests: world.journal.find().length,
          })),
          faults: sandbox.faults.list().map(shownFault),
        });
      },
    },
    {
      ...route(
        'POST',
        '/sandbox/profiles',
        'Add profiles to the current state and to the seed of later resets',
        {
          query: ClientOfQuery,
          body: { content: { 'application/json': { schema: z.array(Anything) } } },
        },
      ),
      async handle(call) {
        const entries = await readSeed(textOf(await readBody(call.request, MAX_SEED_BYTES)));
        await sandbox.addSeed(clientOf(call) ?? sandbox.clients[0], entries);
        return emptyReply();
      },
    },
    {
      ...route('DELETE', '/sandbox/state', 'Reset seed, clock, weather, faults and journal', {
        query: ClientOfQuery.extend({
          seed: z.enum(['yes', 'no']).optional().openapi({ description: '`no` starts empty.' }),
        }),
      }),
      async handle(call) {
        const seed = parameter(call, 'seed') ?? 'yes';
        if (seed !== 'yes' && seed !== 'no') throw new QuiverError('bad-request', 'seed: must be yes or no');
        await sandbox.reset(clientOf(call), seed === 'yes');
        return emptyReply();
      },
    },
    {
      ...route('PUT', '/sandbox/weather', 'Switch on behaviours of Adobe Target, in whole or in part', {
        query: ClientOfQuery,
        body: { content: { 'application/json': { schema: WeatherSchema } } },
      }),
      async handle(call) {
        await sandbox.changeWeather(clientOf(call), await jsonOf(call));
        const worlds = await sandbox.worlds(clientOf(call));
        return jsonReply(worlds[0]!.weather);
      },
    },
  ];
}

/** Long because it is the list of its routes, each with its description for `/openapi.json`. */
function snapshotRoutes(sandbox: Sandbox): Route[] {
  const params = z.object({ name: z.string() });
  const nameOf = (call: Call) => call.param('name');
  /** The clients that have the snapshot. */
  const having = async (call: Call) => {
    const name = nameOf(call);
    const worlds = (await sandbox.worlds(clientOf(call))).filter((world) => world.hasSnapshot(name));
    if (worlds.length === 0) throw noSuchSnapshot(name);
    return { name, worlds };
  };
  return [
    {
      ...route('GET', '/sandbox/snapshots', 'The snapshots of each client', { query: ClientOfQuery }),
      async handle(call) {
        const worlds = await sandbox.worlds(clientOf(call));
        return jsonReply({
          snapshots: worlds.flatMap(({ client, snapshots }) => snapshots.map((name) => ({ name, client }))),
        });
      },
    },
    {
      ...route('PUT', '/sandbox/snapshots/{name}', 'Save the current profiles, settings and tokens', {
        params,
        query: ClientOfQuery,
      }),
      async handle(call) {
        const worlds = await sandbox.worlds(clientOf(call));
        await Promise.all(worlds.map((world) => world.snapshot(nameOf(call))));
        return emptyReply();
      },
    },
    {
      ...route('POST', '/sandbox/snapshots/{name}/restore', 'Restore a snapshot', {
        params,
        query: ClientOfQuery,
      }),
      async handle(call) {
        const { name, worlds } = await having(call);
        await Promise.all(worlds.map((world) => world.restore(name)));
        return emptyReply();
      },
    },
    {
      ...route(
        'GET',
        '/sandbox/snapshots/{name}',
        'The profiles of a snapshot, one per line, for use as a seed',
        {
          params,
          query: ClientOfQuery,
        },
      ),
      async handle(call) {
        const { name, worlds } = await having(call);
        const lines = worlds.flatMap((world) => world.snapshotLines(name));
        return new Reply(lines.map((line) => `${line}\n`).join(''), 200, NDJSON_HEADERS);
      },
    },
    {
      ...route('DELETE', '/sandbox/snapshots/{name}', 'Delete a snapshot', { params, query: ClientOfQuery }),
      async handle(call) {
        const { name, worlds } = await having(call);
        for (const world of worlds) world.removeSnapshot(name);
        return emptyReply();
      },
    },
  ];
}

function clockRoutes(sandbox: Sandbox): Route[] {
  const clockReply = async (call: Call) => {
    const [world] = await sandbox.worlds(clientOf(call) ?? sandbox.clients[0]);
    return jsonReply(shownClock(world!.clock.state));
  };
  return [
    {
      ...route('GET', '/sandbox/clock', 'The clock', { query: ClientOfQuery }),
      handle: clockReply,
    },
    {
      ...route('PUT', '/sandbox/clock', 'Set, stop or start the clock', {
        query: ClientOfQuery,
        body: { content: { 'application/json': { schema: ClockBody } } },
      }),
      async handle(call) {
        const { now, frozen } = checkMembers(ClockBody, await jsonOf(call));
        const at = now === undefined ? undefined : requireTime(now, 'now');
        await sandbox.moveClock(clientOf(call), (clock) =>
          clock.set({ ...(at !== undefined && { now: at }), ...(frozen !== undefined && { frozen }) }),
        );
        return clockReply(call);
      },
    },
    {
      ...route(
        'POST',
        '/sandbox/clock/advance',
        'Move the clock forward; answers when everything that became due is done',
        {
          query: ClientOfQuery,
          body: { content: { 'application/json': { schema: AdvanceBody } } },
        },
      ),
      async handle(call) {
        const ms = requireDuration(checkMembers(AdvanceBody, await jsonOf(call)).by, 'by');
        await sandbox.moveClock(clientOf(call), (clock) => clock.advance(ms));
        return clockReply(call);
      },
    },
  ];
}

function faultRoutes(sandbox: Sandbox): Route[] {
  const { faults } = sandbox;
  return [
    {
      ...route('POST', '/sandbox/faults', 'Add a fault', {
        body: { content: { 'application/json': { schema: FaultSchema } } },
      }),
      async handle(call) {
        const id = faults.add(await jsonOf(call));
        return jsonReply({ id, hits: 0 }, 201);
      },
    },
    {
      ...route('GET', '/sandbox/faults', 'The faults, and how many calls each has affected'),
      handle: () => jsonReply({ faults: faults.list().map(shownFault) }),
    },
    {
      ...route('DELETE', '/sandbox/faults', 'Remove all faults', { query: ClientOfQuery }),
      handle(call) {
        faults.clear(clientOf(call));
        return emptyReply();
      },
    },
    {
      ...route('DELETE', '/sandbox/faults/{id}', 'Remove a fault', { params: z.object({ id: z.string() }) }),
      handle(call) {
        const id = call.param('id');
        if (faults.remove(id)) return emptyReply();
        throw new QuiverError('bad-request', `id: there is no fault ${JSON.stringify(id.slice(0, 64))}`);
      },
    },
  ];
}

function shownClock({ now, frozen }: { readonly now: number; readonly frozen: boolean }) {
  return { now: new Date(now).toISOString(), frozen };
}

function shownFault({ id, hits, fault }: ReturnType<Sandbox['faults']['list']>[number]) {
  const { id: ofId, ...members } = fault;
  return { ...members, ...(ofId !== undefined && { ofId }), id, hits };
}

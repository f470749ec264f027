/**
 * Quiver inside a test: `quiver-server/sandbox` (contract section 13).
 *
 * ```ts await using quiver = await startSandbox({ clients: ['demo'], now: '2026-01-01T00:00:00Z', ids: 'seed:42' }); await fetch(`${quiver.url}/rest/v1/profiles/thirdPartyId/crm-1?client=demo`); await quiver.requests.expect({ route: 'fetch', thirdPartyId: 'crm-1' }, { times: 1 }); ```
 */

import type { ServeConfig } from '../config/config.ts';
import { loadConfig } from '../config/load-config.ts';
import { QuiverError } from '../errors.ts';
import { mismatches } from '../journal/call-filter.ts';
import { harOf } from '../journal/har.ts';
import type { Log } from '../log.ts';
import { currentRuntime } from '../runtime/current-runtime.ts';
import type { Listener } from '../runtime/runtime.ts';
import { quiverVersion } from '../version.ts';
import { CLIENT_CODE } from '../wire/client-of-request.ts';
import { check, epochOf } from './checked-input.ts';
import { type ClientWorld, noSuchSnapshot } from './client-world.ts';
import { requireDuration } from './duration.ts';
import type {
  CallFilter,
  JournalCall,
  RunningSandbox,
  SandboxHandles,
  SeedProfile,
  StartSandboxOptions,
} from './public-types.ts';
import { Sandbox } from './sandbox.ts';
import { sandboxRoutes } from './sandbox-routes.ts';
import { readSeed, seedOf } from './seed.ts';

/**
 * Starts a sandbox on loopback in this process.
 *
 * @throws QuiverError (rejects) `bad-request` that names the option and its rule; the system's
 *   error when it cannot listen
 */
export async function startSandbox(options: StartSandboxOptions = {}): Promise<RunningSandbox> {
  check.options(options);
  const { host = '127.0.0.1', port = 0 } = options;
  if (!['127.0.0.1', '::1', 'localhost'].includes(host)) {
    throw new QuiverError('bad-request', 'host: must be 127.0.0.1, ::1 or localhost');
  }
  return startFrom(sandboxConfig(options, host, port), options);
}

/**
 * Starts a sandbox with a whole configuration, as `quiver sandbox` does.
 *
 * @param options `clients` says whether any client is served; the named clients, address and token
 *   come from the configuration
 */
export async function startFrom(
  config: ServeConfig,
  options: StartSandboxOptions,
  log?: Log,
): Promise<RunningSandbox> {
  const runtime = await currentRuntime();
  const sandbox = await Sandbox.open({
    anyClient: (options.clients ?? ['*']).includes('*'),
    seed: await entriesOf(options.seed ?? []),
    data: options.data,
    clockStart: clockStart(options),
    idSeed: idSeedOf(options.ids ?? 'random'),
    ...(log && { log }),
    config,
    routesOf: sandboxRoutes,
  });
  let listener: Listener;
  try {
    listener = await runtime.listen({
      host: config.host,
      port: config.port,
      tls: undefined,
      keepAliveSeconds: config.keepAlive,
      arrived: () => sandbox.requestArrives(),
      answer: sandbox.app.answer,
    });
  } catch (error) {
    await sandbox.close();
    throw error;
  }
  return running(sandbox, listener, config.host);
}

function running(sandbox: Sandbox, listener: Listener, host: string): RunningSandbox {
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${listener.port}`;
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= (async () => {
      sandbox.endStreams();
      await listener.close();
      await sandbox.close();
    })();
    return closing;
  };
  return {
    ...handlesOf(sandbox, undefined),
    url,
    port: listener.port,
    adminToken: sandbox.adminToken,
    async fetch(input, init) {
      // The types of one runtime expect a Request here, those of the other a URL; both runtimes
      // accept either.
      const request = new Request(input as string, init);
      const { host, protocol } = new URL(request.url);
      const headers = new Headers(request.headers);
      headers.set('host', host);
      sandbox.requestArrives();
      const caller = { address: '127.0.0.1', secure: protocol === 'https:' };
      const asked = new Request(request, { headers });
      const { body, status, headers: sent } = await sandbox.app.answer(asked, caller);
      if (sent.isCut) throw new TypeError('fetch failed', { cause: 'cut by a fault of the sandbox' });
      return new Response(body, { status, headers: { ...sent.values } });
    },
    async client(code) {
      const world = code === undefined ? await sandbox.newClient() : (await sandbox.worlds(code))[0]!;
      return { ...handlesOf(sandbox, world), code: world.client, url };
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The controls of one client, or of all. Long because it lists all of them. */
function handlesOf(sandbox: Sandbox, world: ClientWorld | undefined): SandboxHandles {
  const client = world?.client;
  const worlds = () => sandbox.worlds(client);
  const calls = async (filter: CallFilter = {}) => {
    check.filter(filter);
    return sandbox.calls(client === undefined ? filter : { ...filter, client });
  };
  return {
    reset: ({ seed = true } = {}) => sandbox.reset(client, seed),
    async seed(profiles) {
      await sandbox.addSeed(client, await entriesOf(profiles));
    },
    async snapshot(name) {
      await Promise.all((await worlds()).map((one) => one.snapshot(name)));
    },
    async restore(name) {
      const having = (await worlds()).filter((one) => one.hasSnapshot(name));
      if (having.length === 0) throw noSuchSnapshot(name);
      await Promise.all(having.map((one) => one.restore(name)));
    },
    async weather(weather) {
      await sandbox.changeWeather(client, weather);
      return (await worlds())[0]!.weather;
    },
    clock: {
      now: async () => new Date((await worlds())[0]!.clock.now()),
      async set(state) {
        const { now, frozen } = check.clock(state) as typeof state;
        const at = now === undefined ? {} : { now: epochOf(now) };
        await sandbox.moveClock(client, (clock) =>
          clock.set({ ...at, ...(frozen !== undefined && { frozen }) }),
        );
      },
      async advance(by) {
        const ms = requireDuration(by, 'by');
        await sandbox.moveClock(client, (clock) => clock.advance(ms));
      },
    },
    faults: {
      async add(fault) {
        const id = sandbox.faults.add(client === undefined ? fault : { ...fault, client });
        return {
          id,
          get hits() {
            return sandbox.faults.hits(id);
          },
          remove: async () => void sandbox.faults.remove(id),
        };
      },
      clear: async () => sandbox.faults.clear(client),
    },
    requests: {
      find: calls,
      count: async (filter) => (await calls(filter)).length,
      unmatched: async (filter) => (await calls(filter)).filter(({ reason }) => reason !== undefined),
      async expect(filter, options = {}) {
        const { times } = check.expected(options);
        const found = (await calls(filter)).length;
        if (times === undefined ? found > 0 : found === times) return;
        throw new Error(expectation(await calls(), filter, times, found));
      },
      har: async (filter) => harOf(await calls(filter), quiverVersion()),
      clear: () => sandbox.clearJournal(client),
    },
  };
}

/**
 * The message of a failed expectation: what was expected, how many calls there were, and the most
 * similar call.
 */
function expectation(
  all: readonly JournalCall[],
  filter: CallFilter,
  times: number | undefined,
  found: number,
): string {
  const wanted = `${times ?? 'at least 1'} ${(times ?? 1) === 1 ? 'call' : 'calls'} with ${JSON.stringify(filter)}`;
  const head = `expected ${wanted}, found ${found} among ${all.length}`;
  const nearest = all
    .map((call) => ({ call, problems: mismatches(call, filter) }))
    .filter(({ problems }) => problems.length > 0)
    .sort((a, b) => a.problems.length - b.problems.length || b.call.id - a.call.id)[0];
  if (found > (times ?? 1)) {
    const last = all.findLast((call) => mismatches(call, filter).length === 0)!;
    return `${head}\nthe last of them: ${shownCall(last)}`;
  }
  if (!nearest) return head;
  return `${head}\nnearest: ${shownCall(nearest.call)}\n  ${nearest.problems.join('\n  ')}`;
}

function shownCall({ route, method, path, query, status }: JournalCall): string {
  return `${route ?? 'no route'}: ${method} ${path}${query === '' ? '' : `?${query}`} → ${status}`;
}

async function entriesOf(seed: readonly SeedProfile[] | string) {
  return typeof seed === 'string' ? readSeed(seed) : seedOf(seed);
}

function clockStart({ now, frozen }: StartSandboxOptions) {
  if (now === undefined) return frozen ? { now: Date.now(), frozen } : undefined;
  return { now: epochOf(now), frozen: frozen ?? true };
}

/** The seed in `seed:<text>`; undefined for `random`. @throws QuiverError `bad-request` */
function idSeedOf(ids: string): string | undefined {
  if (ids === 'random') return undefined;
  if (ids.startsWith('seed:') && ids.length > 5) return ids.slice(5);
  throw new QuiverError('bad-request', 'ids: must be random or seed:<text>');
}

function sandboxConfig(
  { clients = ['*'], adminToken, serverDomain }: StartSandboxOptions,
  host: string,
  port: number,
): ServeConfig {
  const named = clients.filter((client) => client !== '*');
  const bad = named.find((client) => !CLIENT_CODE.test(client));
  if (bad !== undefined)
    throw new QuiverError('bad-request', `clients: ${JSON.stringify(bad)} must be a client code or *`);
  const flags = {
    host,
    port: String(port),
    client: named.length === 0 ? ['demo'] : named,
    workers: '1',
    ...(serverDomain !== undefined && { 'server-domain': serverDomain }),
  };
  const { config } = loadConfig({ flags, env: {}, file: undefined });
  return { ...config, adminToken };
}

/**
 * The profile scripts of a client over the Admin API (contract section 16, ours: Adobe documents no
 * such routes).
 */

import { MAX_SCRIPT_CODE, MAX_SCRIPT_NAME } from '../domain/script-rules.ts';
import { badRequest, QuiverError } from '../errors.ts';
import { NO_SCRIPT_COUNTS, type ScriptCounts, type StoredScript } from '../storage/kept/script-store.ts';
import { ADMIN_ROUTE, AdminRefusal, ClientParam } from '../wire/admin-route.ts';
import { readBody } from '../wire/body.ts';
import type { Call } from '../wire/call.ts';
import { readJsonObject } from '../wire/json.ts';
import { emptyReply, jsonReply } from '../wire/replies.ts';
import type { Method, Route } from '../wire/route.ts';
import { z } from '../wire/schema.ts';
import { timeText } from '../wire/time-text.ts';
import type { ClientScripts } from './client-scripts.ts';
import type { ScriptTally } from './script-tally.ts';
import type { ScriptTested, ScriptTests } from './script-tests.ts';

/** Enough for a script in which every character is escaped, plus its test input. */
export const MAX_SCRIPT_BODY = 128 * 1024;

export interface ScriptRoutesParts {
  readonly scripts: ClientScripts;
  readonly tally: ScriptTally;
  readonly counts: (client: string) => Promise<ReadonlyMap<string, ScriptCounts>>;
  readonly tests: ScriptTests;
  /** Why this process runs no scripts; undefined when it does. */
  readonly problem: () => string | undefined;
}

const Time = z.string().openapi({ format: 'date-time' });
const EXAMPLE = {
  ...{ name: 'tier', script: "return profile.get('spent') > 100 ? 'gold' : 'silver';", enabled: true },
  ...{ state: 'active' as const, changedAt: '2026-08-18T17:53:39.003Z', runs: 12, errors: 0 },
};
export const ProfileScriptReply = z
  .object({
    name: z.string(),
    script: z.string().openapi({ description: 'The body of a function.' }),
    enabled: z.boolean().openapi({ description: 'Whether an administrator wants it to run.' }),
    state: z.enum(['active', 'off', 'disabled']).openapi({
      description: '`off`: not enabled. `disabled`: Quiver does not run it, and `reason` says why.',
    }),
    reason: z.string().optional(),
    disabledAt: Time.optional(),
    changedAt: Time,
    runs: z.int(),
    errors: z.int(),
    lastError: z.object({ message: z.string(), at: Time }).optional(),
  })
  .openapi('ProfileScript', { example: EXAMPLE });
const Scripts = z
  .object({ scripts: z.array(ProfileScriptReply) })
  .openapi('ProfileScripts', { example: { scripts: [EXAMPLE] } });
const SentScript = z
  .object({
    script: z.string().openapi({ maxLength: MAX_SCRIPT_CODE, description: 'The body of a function.' }),
    enabled: z.boolean().optional().openapi({ description: 'True by default.' }),
  })
  .openapi('SentProfileScript', { example: { script: "return 'gold';", enabled: true } });
const Test = z
  .looseObject({
    script: z.string().optional().openapi({ description: 'Run instead of the stored script.' }),
    id: z
      .object({
        tntId: z.string().optional(),
        thirdPartyId: z.string().optional(),
        marketingCloudVisitorId: z.string().optional(),
      })
      .optional()
      .openapi({ description: 'The visitor whose profile is read; by default an unknown visitor.' }),
    mbox: z.string().optional(),
    parameters: z.record(z.string(), z.string()).optional(),
    page: z.string().optional(),
    referrer: z.string().optional(),
    userAgent: z.string().optional(),
  })
  .openapi('ProfileScriptTest', {
    example: { script: "return mbox.name + ' seen';", mbox: 'home' },
  });
export const ProfileScriptTestReply = z
  .object({
    value: z.union([z.string(), z.number(), z.boolean(), z.array(z.unknown())]).optional(),
    error: z.string().optional(),
    locals: z.record(z.string(), z.unknown()).optional(),
    milliseconds: z.number().optional(),
    instructions: z.int().optional(),
  })
  .openapi('ProfileScriptTested', {
    example: { value: 'home seen', milliseconds: 0.05, instructions: 22 },
  });

export function scriptRoutes(parts: ScriptRoutesParts): Route[] {
  const { scripts, tests } = parts;
  const { all, found } = viewsOf(parts);
  return [
    {
      ...route('GET', '/{client}/target/scripts', 'List the profile scripts of a client', {
        200: described(Scripts, 'All scripts, by name'),
      }),
      handle: async ({ client }) => jsonReply({ scripts: await all(client) }),
    },
    {
      ...route('GET', NAMED, 'One profile script', { 200: described(ProfileScriptReply, 'The script') }),
      handle: async (call) => jsonReply(await found(call.client, call.param('name'))),
    },
    {
      ...route(
        'PUT',
        NAMED,
        'Set a profile script, new or changed',
        { 200: described(ProfileScriptReply, 'The script as it is now') },
        SentScript,
      ),
      async handle(call) {
        const { client } = call;
        const name = call.param('name');
        const { script, enabled } = await sentScript(call);
        await scripts.set(client, name, script, enabled);
        return jsonReply(await found(client, name));
      },
    },
    {
      ...route('DELETE', NAMED, 'Delete a profile script; stored values stay in profiles', {
        204: { description: 'Deleted' },
      }),
      async handle(call) {
        const name = call.param('name');
        if (!(await scripts.delete(call.client, name))) throw noSuchScript(name);
        return emptyReply();
      },
    },
    {
      ...route(
        'POST',
        `${NAMED}/test`,
        'Run a profile script on a profile; nothing is stored',
        { 200: described(ProfileScriptTestReply, 'The returned value, or why it failed') },
        Test,
      ),
      async handle(call) {
        return jsonReply(await tested(scripts, tests, call));
      },
    },
  ];
}

const NAMED = '/{client}/target/scripts/{name}';

/** Scripts in the form of the reply. */
function viewsOf({ scripts, tally, counts, problem }: ScriptRoutesParts) {
  const countsOf = async (client: string) => {
    await tally.flush(client);
    return counts(client);
  };
  return {
    async all(client: string) {
      const [list, counted] = await Promise.all([scripts.list(client), countsOf(client)]);
      return list.map((one) => viewOf(one, problem(), counted.get(one.name)));
    },
    async found(client: string, name: string) {
      const script = await scripts.find(client, name);
      if (!script) throw noSuchScript(name);
      return viewOf(script, problem(), (await countsOf(client)).get(name));
    },
  };
}

async function sentScript({ request }: Call): Promise<{ script: string; enabled: boolean }> {
  const sent = readJsonObject(await readBody(request, MAX_SCRIPT_BODY));
  for (const member of Object.keys(sent)) {
    if (member !== 'script' && member !== 'enabled') throw badRequest(`${member}: is unknown`);
  }
  const { script, enabled = true } = sent;
  if (typeof script !== 'string') throw badRequest('script: must be a string');
  if (typeof enabled !== 'boolean') throw badRequest('enabled: must be true or false');
  return { script, enabled };
}

async function tested(scripts: ClientScripts, tests: ScriptTests, call: Call): Promise<ScriptTested> {
  const name = call.param('name');
  const sent = readJsonObject(await readBody(call.request, MAX_SCRIPT_BODY));
  const { script = (await scripts.find(call.client, name))?.source } = sent;
  if (script === undefined) throw noSuchScript(name);
  if (typeof script !== 'string') throw badRequest('script: must be a string');
  return tests.run(call.client, name, script, sent);
}

function viewOf(
  script: StoredScript,
  problem: string | undefined,
  { runs, errors, lastError }: ScriptCounts = NO_SCRIPT_COUNTS,
) {
  const { name, source, isEnabled, changedAt, off } = script;
  const reason = off?.reason ?? (isEnabled ? problem : undefined);
  return {
    name,
    script: source,
    enabled: isEnabled,
    state: !isEnabled ? 'off' : reason !== undefined ? 'disabled' : 'active',
    reason,
    ...(off && { disabledAt: timeText(off.at) }),
    changedAt: timeText(changedAt),
    runs,
    errors,
    ...(lastError && { lastError: { message: lastError.message, at: timeText(lastError.at) } }),
  };
}

function noSuchScript(name: string): QuiverError {
  return new QuiverError('not-found', `No such script: ${name}`);
}

function described(schema: z.ZodType, description: string) {
  return { description, content: { 'application/json': { schema } } };
}

function route(
  method: Method,
  path: string,
  summary: string,
  responses: Route['describe']['responses'],
  body?: z.ZodType,
): Omit<Route, 'handle'> {
  const isNamed = path !== '/{client}/target/scripts';
  const Name = z.string().openapi({ example: 'tier', description: `1 to ${MAX_SCRIPT_NAME} characters` });
  return {
    ...ADMIN_ROUTE,
    method,
    path,
    describe: {
      tags: ['Scripts'],
      summary,
      security: [{ bearer: [] }],
      request: {
        params: isNamed ? ClientParam.extend({ name: Name }) : ClientParam,
        ...(body && { body: { required: true, content: { 'application/json': { schema: body } } } }),
      },
      responses: {
        ...responses,
        ...(body && { 400: AdminRefusal('It breaks a rule; nothing was changed') }),
        401: AdminRefusal('Not the admin'),
        ...(isNamed && method !== 'PUT' && { 404: AdminRefusal('No such script') }),
      },
    },
  };
}

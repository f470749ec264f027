/** The settings of a client over Adobe's Admin API (contract section 9). */

import { CHECKINGS, PLACEHOLDER_RULES, UNKNOWN_UPDATES, WHEN_TOO_LARGE } from '../domain/client-rules.ts';
import { MAX_ALIAS } from '../domain/visitor-id.ts';
import { ADMIN_MEDIA_TYPE, ADMIN_ROUTE, AdminRefusal, ClientParam } from '../wire/admin-route.ts';
import { readBody } from '../wire/body.ts';
import type { Call } from '../wire/call.ts';
import { type JsonObject, readJsonObject } from '../wire/json.ts';
import { jsonReply } from '../wire/replies.ts';
import type { Method, Route } from '../wire/route.ts';
import { z } from '../wire/schema.ts';
import type { ClientAccess } from './client-access.ts';
import {
  checkClientSettings,
  DEFAULT_CLIENT_SETTINGS,
  MAX_ALIASES,
  MAX_INDEXED_ATTRIBUTES,
  MAX_SETTINGS_SIZE,
  MAX_TOKEN_LIFETIME_DAYS,
  misspeltSettings,
} from './client-settings.ts';

const SettingsSchema = z
  .looseObject({
    enableProfileApiAuthentication: z
      .boolean()
      .optional()
      .openapi({ description: 'Whether the profile APIs require a profile token; false by default.' }),
    profileLifetimeDays: z.int().optional().openapi({
      minimum: 1,
      maximum: 90,
      description:
        'Days that a profile lives after a write, 14 by default. A new value applies to a profile from its next write.',
    }),
    tokenLifetimeDays: z
      .int()
      .optional()
      .openapi({
        minimum: 1,
        maximum: MAX_TOKEN_LIFETIME_DAYS,
        description: `Days that a new profile token is valid, ${DEFAULT_CLIENT_SETTINGS.tokenLifetimeDays} by default.`,
      }),
    whenTooLarge: z.enum(WHEN_TOO_LARGE).optional().openapi({
      description:
        'What happens to a write that would grow the attributes beyond 64 KB: `refuse` changes nothing and answers with an error, `drop-oldest` removes the oldest attributes, as at Adobe.',
    }),
    checking: z.enum(CHECKINGS).optional().openapi({
      description:
        "`strict` refuses every visit that violates the OpenAPI description of Adobe's Delivery API.",
    }),
    unknownUpdate: z.enum(UNKNOWN_UPDATES).optional().openapi({
      description: 'Whether a single update of an unknown profile is answered with an error or with success.',
    }),
    customerIdAliases: z.array(z.string().min(1).max(MAX_ALIAS)).max(MAX_ALIASES).nullish().openapi({
      description:
        'The aliases (`integrationCode`) whose customer ids name a visitor; null, the default, means all aliases.',
    }),
    placeholderIds: z.enum(PLACEHOLDER_RULES).optional().openapi({
      description:
        'What happens to a write whose id is a placeholder such as `undefined`: `warn` accepts, counts and logs it, `refuse` answers 400.',
    }),
    customerAttributesInFetch: z.boolean().optional().openapi({
      description:
        'Whether a fetch shows customer attributes too, as `crs.<source>.<attribute>`; false by default.',
    }),
    indexedAttributes: z.array(z.string().min(1)).max(MAX_INDEXED_ATTRIBUTES).optional().openapi({
      description:
        'Names of attributes by whose values a list of profiles finds them through an index; none by default. Indexes are built in the background.',
    }),
  })
  .openapi('ClientSettings', { example: { ...DEFAULT_CLIENT_SETTINGS } });

export function settingsRoutes(access: ClientAccess): Route[] {
  const reply = (settings: JsonObject, headers: Readonly<Record<string, string>> = {}) =>
    jsonReply(settings, 200, { 'content-type': ADMIN_MEDIA_TYPE, ...headers });

  /**
   * A route that replaces the settings with the result of `change`, which receives the stored and
   * the sent members.
   */
  const changing = (
    method: Method,
    summary: string,
    change: (stored: JsonObject, sent: JsonObject) => JsonObject,
  ): Route => ({
    ...route(method, summary),
    async handle({ request, client }: Call) {
      const sent = readJsonObject(await readBody(request, MAX_SETTINGS_SIZE));
      const { settings } = await access.changeSettings(client, (stored) => {
        const members = change(stored, sent);
        checkClientSettings(members);
        return members;
      });
      const warnings = misspeltSettings(sent);
      if (warnings.length === 0) return reply(settings);
      // A header is Latin-1 at most, and names may contain anything.
      return reply(settings, { [WARNING_HEADER]: asciiText(warnings.join(' ')) });
    },
  });

  return [
    {
      ...route('GET', 'The settings of a client'),
      handle: async ({ client }) => reply((await access.latest(client)).settings),
    },
    changing(
      'PUT',
      'Replace the settings; members that are not sent return to their defaults',
      (_, sent) => sent,
    ),
    changing('PATCH', 'Change some settings; null resets a member to its default', patched),
    {
      ...ADMIN_ROUTE,
      method: 'GET',
      path: '/{client}/target/atjs/settings',
      describe: describeAtjsSettings,
      async handle({ client }) {
        const { profileLifetimeDays, ...others } = (await access.latest(client)).settings;
        const kept = Object.entries(others).filter(([name]) => !Object.hasOwn(DEFAULT_CLIENT_SETTINGS, name));
        return reply({
          ...Object.fromEntries(kept),
          clientCode: client,
          profileLifetime: profileLifetimeDays,
        });
      },
    },
  ];
}

/** The header in which the reply to a change warns about names that look misspelt. */
const WARNING_HEADER = 'x-quiver-warning';

function asciiText(text: string): string {
  return text.replaceAll(/[^ -~]/gu, '?');
}

const describeAtjsSettings = {
  tags: ['Access'],
  summary: 'The settings that at.js reads',
  description:
    "Adobe's members of the settings, and `profileLifetime`: days that a profile lives after a write.",
  security: [{ bearer: [] }],
  request: { params: ClientParam },
  responses: {
    200: {
      description: 'The settings',
      content: {
        [ADMIN_MEDIA_TYPE]: {
          schema: z
            .looseObject({ clientCode: z.string(), profileLifetime: z.int() })
            .openapi('AtjsSettings', { example: { clientCode: 'demo', profileLifetime: 14 } }),
        },
      },
    },
    401: AdminRefusal('Not the admin'),
  },
};

/**
 * The stored members overwritten by those sent; a null removes one (RFC 7396, on the first level).
 */
function patched(stored: JsonObject, sent: JsonObject): JsonObject {
  const members = { ...stored, ...sent };
  return Object.fromEntries(
    Object.entries(members).filter(([name, value]) => value !== null || !Object.hasOwn(sent, name)),
  );
}

function route(method: Method, summary: string): Omit<Route, 'handle'> {
  const content = { [ADMIN_MEDIA_TYPE]: { schema: SettingsSchema } };
  return {
    ...ADMIN_ROUTE,
    method,
    path: '/{client}/target/clients/settings',
    describe: {
      tags: ['Access'],
      summary,
      description:
        'Members that Quiver does not know are stored and returned. A name that looks like a misspelt setting is named in the header `X-Quiver-Warning`.',
      security: [{ bearer: [] }],
      request: {
        params: ClientParam,
        ...(method !== 'GET' && { body: { content: { 'application/json': { schema: SettingsSchema } } } }),
      },
      responses: {
        200: { description: 'The settings as they are now', content },
        400: AdminRefusal('A member breaks a rule'),
        401: AdminRefusal('Not the admin'),
      },
    },
  };
}

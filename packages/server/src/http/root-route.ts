/** `/`: where a person, and a program, begin. */

import { z } from '@hono/zod-openapi';
import { jsonReply, Reply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';

const RootReply = z
  .object({
    name: z.literal('quiver'),
    version: z.string(),
    console: z.string(),
    docs: z.string(),
    openapi: z.string(),
    ready: z.string(),
  })
  .openapi('Root', {
    example: {
      name: 'quiver',
      version: '0.1.0',
      console: '/console/',
      docs: '/docs',
      openapi: '/openapi.json',
      ready: '/readyz',
    },
  });

/** The route; browsers, which ask for HTML, are led to the console, and programs get the addresses of the rest. */
export function rootRoute(version: string): Route {
  const places = { console: '/console/', docs: '/docs', openapi: '/openapi.json', ready: '/readyz' };
  return {
    method: 'GET',
    path: '/',
    guard: 'open',
    style: 'json',
    cors: 'none',
    scope: 'server',
    describe: {
      tags: ['Running it'],
      summary: 'What this is, and where the rest is',
      responses: {
        200: { description: 'For programs', content: { 'application/json': { schema: RootReply } } },
        302: { description: 'A browser, which asks for HTML, is led to `/console/`' },
      },
    },
    handle({ request }) {
      const isBrowser = /\btext\/html\b/.test(request.headers.get('accept') ?? '');
      if (isBrowser) return new Reply(null, 302, { location: places.console, vary: 'Accept' });
      return jsonReply({ name: 'quiver', version, ...places }, 200, { vary: 'Accept' });
    },
  };
}

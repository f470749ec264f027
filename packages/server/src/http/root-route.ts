/** `/`: the entry point for people and programs. */

import { jsonReply, Reply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';
import { z } from '../wire/schema.ts';

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

/**
 * The route of `/`: browsers, which ask for HTML, are redirected to the console; programs get the
 * addresses of the other routes.
 */
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
      summary: 'What this server is, and the paths of its pages',
      responses: {
        200: { description: 'For programs', content: { 'application/json': { schema: RootReply } } },
        302: { description: 'A browser, which asks for HTML, is redirected to `/console/`' },
      },
    },
    handle({ request }) {
      if (prefersHtml(request.headers.get('accept') ?? ''))
        return new Reply(null, 302, { location: places.console, vary: 'Accept' });
      return jsonReply({ name: 'quiver', version, ...places }, 200, { vary: 'Accept' });
    },
  };
}

/** Whether `Accept` names HTML and prefers it to JSON (RFC 9110 section 12.5.1). */
export function prefersHtml(accept: string): boolean {
  const ranges = new Map(
    accept.split(',').map((range) => {
      const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
      const quality = parameters.find((parameter) => /^q=/.test(parameter));
      return [type, quality === undefined ? 1 : Number(quality.slice(2)) || 0];
    }),
  );
  const html = ranges.get('text/html') ?? 0;
  const json = ranges.get('application/json') ?? ranges.get('application/*') ?? ranges.get('*/*') ?? 0;
  return html > json;
}

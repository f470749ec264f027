/** `/openapi.json`: OpenAPI 3.1, generated from the table of routes. */

import { OpenAPIRegistry, OpenApiGeneratorV31 } from '@asteasolutions/zod-to-openapi';
import { JSON_HEADERS, Reply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';
import { z } from '../wire/schema.ts';

export type OpenApiDocument = ReturnType<OpenApiGeneratorV31['generateDocument']>;

/**
 * Generates the description of all routes. It only describes; handlers validate their own input.
 */
export function openApiDocument(routes: readonly Route[], version: string): OpenApiDocument {
  const registry = new OpenAPIRegistry();
  registry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description: 'The admin token of the server, or a profile token of the client.',
  });
  for (const { method, path, describe } of routes) {
    registry.registerPath({ method: method.toLowerCase() as Lowercase<typeof method>, path, ...describe });
  }
  return new OpenApiGeneratorV31(registry.definitions).generateDocument({
    openapi: '3.1.0',
    info: {
      title: 'Quiver',
      version,
      description:
        'A visitor-profile server, compatible with the profile APIs of Adobe Target. Not affiliated with Adobe.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    servers: [{ url: '/' }],
    tags: [
      { name: 'Delivery', description: 'Visits of pages and apps' },
      { name: 'Batches', description: 'Many profiles in a file' },
      { name: 'Privacy', description: 'Access to, erasure and suppression of persons' },
      { name: 'Profiles', description: 'Fetch, update and remove' },
      { name: 'Change feed', description: 'The changes of profiles, in order, and webhooks' },
      { name: 'Access', description: 'Profile tokens and the settings of a client' },
      { name: 'Scripts', description: 'JavaScript that runs with every visit and sets attributes' },
      { name: 'Usage', description: 'Counted calls' },
      { name: 'Console', description: 'Signing in to the console' },
      { name: 'Sandbox', description: 'Controls of a sandbox, for tests' },
      { name: 'Running it', description: 'Probes, metrics, and this description' },
    ],
  });
}

/** The route of the document; `document` is called once, at the first request. */
export function openApiRoute(document: () => OpenApiDocument): Route {
  let text: string | undefined;
  return {
    method: 'GET',
    path: '/openapi.json',
    guard: 'open',
    style: 'json',
    cors: 'everybody',
    scope: 'server',
    describe: {
      tags: ['Running it'],
      summary: 'This description',
      responses: {
        200: { description: 'OpenAPI 3.1', content: { 'application/json': { schema: z.looseObject({}) } } },
      },
    },
    handle() {
      text ??= JSON.stringify(document());
      return new Reply(text, 200, JSON_HEADERS);
    },
  };
}

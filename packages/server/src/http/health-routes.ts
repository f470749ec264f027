/** The routes for probes and scrapers (contract section 11). */

import type { Registry } from 'prom-client';
import type { Stores } from '../storage/stores.ts';
import { plainReply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';
import { z } from '../wire/schema.ts';

export interface HealthParts {
  readonly stores: Stores;
  readonly isDraining: () => boolean;
  readonly metrics: { readonly registry: Registry; collectAll(): Promise<string> };
}

/**
 * `/healthz`: the process is up. `/readyz`: it can serve requests. `/metrics`: metrics for
 * Prometheus.
 */
export function healthRoutes({ stores, isDraining, metrics }: HealthParts): Route[] {
  const shared = { method: 'GET', guard: 'open', style: 'plain', cors: 'none', scope: 'server' } as const;
  return [
    {
      ...shared,
      path: '/healthz',
      describe: describe('Whether the process is up', { 200: 'ok\n' }),
      handle: () => plainReply('ok\n'),
    },
    {
      ...shared,
      path: '/readyz',
      describe: describe('Whether requests can be served, including writes', {
        200: 'ready\n',
        503: 'not ready: draining\n',
      }),
      async handle() {
        if (isDraining()) return plainReply('not ready: draining\n', 503);
        try {
          await stores.check();
          return plainReply('ready\n');
        } catch (error) {
          return plainReply(
            `not ready: ${error instanceof Error ? error.message : 'the store fails'}\n`,
            503,
          );
        }
      },
    },
    {
      ...shared,
      path: '/metrics',
      describe: describe('Metrics in the text format of Prometheus', {
        200: '# HELP http_requests_total Requests answered.\n',
      }),
      async handle() {
        const text = await metrics.collectAll();
        return plainReply(text, 200, { 'content-type': metrics.registry.contentType });
      },
    },
  ];
}

function describe(summary: string, texts: Readonly<Record<number, string>>) {
  const responses = Object.fromEntries(
    Object.entries(texts).map(([status, example]) => [
      status,
      { description: example.trim(), content: { 'text/plain': { schema: z.string(), example } } },
    ]),
  );
  return { tags: ['Running it'], summary, responses };
}

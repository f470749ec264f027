/**
 * Probes, metrics, unexpected errors, the description of the API and its page (contract section
 * 11).
 */

import { OpenAPIRegistry, OpenApiGeneratorV31 } from '@asteasolutions/zod-to-openapi';
import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { QuiverError } from '../src/errors.ts';
import type { Route } from '../src/wire/route.ts';
import { ADMIN_TOKEN, type InProcess, type Json, openInProcess } from './in-process.ts';

let quiver: InProcess;
beforeAll(async () => {
  quiver = await openInProcess();
});
afterAll(() => quiver.close());

/** Lets one method of the store fail for a while. */
async function failing<Result>(
  method: 'find' | 'check',
  error: Error,
  run: () => Promise<Result>,
): Promise<Result> {
  const store = method === 'check' ? quiver.stores : quiver.store;
  const kept = Object.getOwnPropertyDescriptor(store, method);
  Object.defineProperty(store, method, { configurable: true, value: () => Promise.reject(error) });
  try {
    return await run();
  } finally {
    if (kept) Object.defineProperty(store, method, kept);
    else Reflect.deleteProperty(store, method);
  }
}

describe('the probes', () => {
  test('report up, ready and draining', async () => {
    expect((await quiver.ask('GET', '/healthz')).status).toBe(200);
    expect((await quiver.ask('GET', '/readyz')).status).toBe(200);
    quiver.draining = true;
    expect((await quiver.ask('GET', '/readyz')).status).toBe(503);
    expect((await quiver.ask('GET', '/healthz')).status).toBe(200);
    quiver.draining = false;
  });
});

describe('the metrics', () => {
  test('count requests by method, pattern and status, never by the requested id', async () => {
    await quiver.ask('GET', '/rest/v1/profiles/never-in-a-label');
    await quiver.ask('GET', '/never-in-a-label');
    const { text, headers } = await quiver.ask('GET', '/metrics');
    expect(headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(text).toMatch(
      /http_requests_total\{method="GET",route="\/rest\/v1\/profiles\/\{tntId\}",status="404"\} 1/,
    );
    expect(text).toMatch(/http_requests_total\{method="other",route="unknown",status="404"\} 1/);
    expect(text).toMatch(
      /http_request_duration_seconds_count\{method="GET",route="\/healthz",status="200"\} \d/,
    );
    expect(text).not.toContain('never-in-a-label');
  });
});

describe('the API description', () => {
  const key = ({ method, path }: Pick<Route, 'method' | 'path'>) => `${method} ${path}`;

  test('has every served route and no other', async () => {
    const { json } = await quiver.ask('GET', '/openapi.json');
    expect(json.openapi).toMatch(/^3\.1\./);
    const described = Object.entries<object>(json.paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(described.sort()).toEqual(quiver.app.routes.map(key).sort());
  });

  test('is a valid OpenAPI 3.1 document', async () => {
    const { json } = await quiver.ask('GET', '/openapi.json');
    const verdict = await new Validator().validate(structuredClone(json));
    expect(verdict.errors ?? []).toEqual([]);
    expect(verdict.valid).toBe(true);
    // The validator notices it: a response needs a description.
    delete json.paths['/healthz'].get.responses['200'].description;
    expect((await new Validator().validate(json)).valid).toBe(false);
  });

  test('describes every path parameter, every route and every guard that asks for a token', () => {
    for (const route of quiver.app.routes) {
      const { params } = (route.describe.request ?? {}) as { params?: { shape: object } };
      const inPath = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      expect(Object.keys(params?.shape ?? {}).sort(), key(route)).toEqual(inPath.sort());
      expect(route.describe.summary, key(route)).toBeTruthy();
      expect(route.describe.security !== undefined, key(route)).toBe(/admin/i.test(route.guard));
    }
  });

  test('has an example for each body and reply, and each fits its schema', () => {
    let examples = 0;
    for (const route of quiver.app.routes) {
      const bodies: Json[] = [route.describe.request?.body, ...Object.values(route.describe.responses)];
      for (const { content } of bodies.filter((body) => body?.content)) {
        for (const [type, { schema, example }] of Object.entries<Json>(content)) {
          const shown = example ?? exampleOf(schema);
          if (['/openapi.json', '/docs'].includes(route.path)) continue;
          expect(shown, `${key(route)} ${type}`).toBeDefined();
          expect(schema.safeParse(shown).error, `${key(route)} ${type}`).toBeUndefined();
          examples += 1;
        }
      }
    }
    expect(examples).toBeGreaterThan(20);
  });

  test('has true examples: a described request gets the described reply', async () => {
    const sent = new Map<string, Json>();
    for (const route of quiver.app.routes) {
      const content = route.describe.request?.body?.content as Json;
      const json = content?.['application/json'];
      if (json) sent.set(key(route), json.example ?? exampleOf(json.schema));
    }
    const delivery = await quiver.ask('POST', '/rest/v1/delivery?client=demo&sessionId=a3f1c2', {
      body: sent.get('POST /rest/v1/delivery'),
    });
    expect(delivery.status).toBe(200);
    expect(
      (await quiver.ask('POST', '/rest/v1/mbox/a3f1c2', { body: sent.get('POST /rest/v1/mbox/{sessionId}') }))
        .status,
    ).toBe(200);
    const update = await quiver.ask('POST', '/m2/demo/profile/update', {
      headers: { 'content-type': 'application/json' },
      body: sent.get('POST /m2/{client}/profile/update'),
    });
    expect(update.text).toContain('<success>true</success>');
    const fetched = await quiver.ask('GET', `/rest/v1/profiles/${delivery.json.id.tntId}`);
    const schema = quiver.app.routes.find((route) => key(route) === 'GET /rest/v1/profiles/{tntId}')!.describe
      .responses[200] as Json;
    expect(schema.content['application/json'].schema.safeParse(fetched.json).error).toBeUndefined();
  });

  test('is shown by a built viewer that makes no call elsewhere', async () => {
    const { status, text, headers } = await quiver.ask('GET', '/docs');
    expect(status).toBe(200);
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self'/);
    expect(text).not.toMatch(/<script>|(?:src|href)="https?:|style="/);
    const [, script] = /src="(\/console\/assets\/docs-[^"]+\.js)"/.exec(text)!;
    const packed = await quiver.ask('GET', script!, { headers: { 'accept-encoding': 'gzip, br' } });
    expect(packed.headers.get('content-encoding')).toBe('br');
    const plain = await quiver.ask('GET', script!);
    expect(plain.headers.get('content-encoding')).toBeNull();
    expect(plain.text).toContain('/openapi.json');
  });
});

/** The example of a schema itself. */
function exampleOf(schema: Json): unknown {
  const registry = new OpenAPIRegistry();
  registry.registerPath({
    method: 'get',
    path: '/x',
    responses: { 200: { description: '', content: { x: { schema } } } },
  });
  const document: Json = new OpenApiGeneratorV31(registry.definitions).generateDocument({
    openapi: '3.1.0',
    info: { title: '', version: '' },
  });
  const shown = document.paths['/x'].get.responses[200].content.x.schema;
  const name = shown.$ref?.split('/').at(-1);
  return name === undefined ? shown.example : document.components.schemas[name].example;
}

describe('a store failure', () => {
  test('becomes the reply, with Retry-After', async () => {
    const error = new QuiverError('unavailable', 'The store cannot be read');
    const answer = await failing('find', error, () => quiver.ask('GET', '/rest/v1/profiles/x'));
    expect([answer.status, answer.json]).toEqual([503, { status: 503, message: 'The store cannot be read' }]);
    expect(answer.headers.get('retry-after')).toBe('1');
  });

  test('that is unexpected is a bare 500, and the log has the details under its id', async () => {
    quiver.logged.length = 0;
    const error = new Error('secret of the engine');
    const answer = await failing('find', error, () => quiver.ask('GET', '/rest/v1/profiles/x'));
    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain('secret');
    const [, instance] = /^Internal error ([0-9a-f-]{36})$/.exec(answer.json.message) ?? [];
    expect(quiver.logged).toHaveLength(1);
    expect(quiver.logged[0]).toMatchObject({ instance, err: { message: 'secret of the engine' } });
    expect(JSON.stringify(quiver.logged)).not.toContain(ADMIN_TOKEN);
  });

  test('makes the server not ready when reads or writes fail', async () => {
    for (const code of ['unavailable', 'insufficient-storage'] as const) {
      const answer = await failing('check', new QuiverError(code, 'no space'), () =>
        quiver.ask('GET', '/readyz'),
      );
      expect([answer.status, answer.text]).toEqual([503, 'not ready: no space\n']);
    }
  });
});

/**
 * `/docs`: the description of the API as a page.
 *
 * Written here as plain HTML without a script, instead of with one of the known viewers: the most
 * widely used one reports its installations to a third party through a dependency, and the others
 * need inline styles or external fonts, which the policy below forbids. To try requests, load
 * `/openapi.json` into any viewer.
 */

import { createHash } from 'node:crypto';
import { Reply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';
import { z } from '../wire/schema.ts';
import { escapeXml } from '../wire/xml.ts';
import type { OpenApiDocument } from './openapi.ts';

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 56rem; margin: 0 auto; padding: 1.5rem; }
code, pre { font: 0.875rem/1.5 ui-monospace, monospace; }
pre { overflow-x: auto; padding: 0.75rem; border: 1px solid color-mix(in srgb, currentColor 25%, transparent); border-radius: 4px; }
details { border-top: 1px solid color-mix(in srgb, currentColor 25%, transparent); padding: 0.5rem 0; }
summary { cursor: pointer; overflow-wrap: anywhere; }
summary b { display: inline-block; min-width: 4.5rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 0.25rem 0.75rem 0.25rem 0; }
`;

const HEADERS = {
  'content-type': 'text/html;charset=UTF-8',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'content-security-policy':
    `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; ` +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
};

/** The route of the page; `document` is called once, at the first request. */
export function docsRoutes(document: () => OpenApiDocument): Route[] {
  let page: string | undefined;
  return [
    {
      method: 'GET',
      path: '/docs',
      guard: 'open',
      style: 'plain',
      cors: 'none',
      scope: 'server',
      describe: {
        tags: ['Running it'],
        summary: 'The description of the API as a page',
        responses: { 200: { description: 'HTML', content: { 'text/html': { schema: z.string() } } } },
      },
      handle() {
        page ??= docsPage(document());
        return new Reply(page, 200, HEADERS);
      },
    },
  ];
}

/**
 * The parts of an operation that the page shows. The document's own types allow references
 * everywhere; these routes use none.
 */
interface Operation {
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly description?: string;
  readonly security?: readonly unknown[];
  readonly parameters?: readonly {
    name: string;
    in: string;
    required?: boolean;
    schema?: Schema;
    description?: string;
  }[];
  readonly requestBody?: { readonly description?: string; readonly content: Contents };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Contents }>>;
}
type Contents = Readonly<Record<string, { readonly schema?: Schema; readonly example?: unknown }>>;
interface Schema {
  readonly $ref?: string;
  readonly description?: string;
  readonly example?: unknown;
}

function docsPage(document: OpenApiDocument): string {
  const schemas = (document.components?.schemas ?? {}) as Readonly<Record<string, Schema>>;
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    Object.entries(item as Readonly<Record<string, Operation>>).map(([method, operation]) => ({
      path,
      method: method.toUpperCase(),
      operation,
    })),
  );
  const groups = (document.tags ?? []).map(({ name, description }) => {
    const ofTag = operations.filter(({ operation }) => operation.tags?.includes(name));
    return `<h2>${escapeXml(name)}</h2><p>${escapeXml(description ?? '')}</p>${ofTag
      .map(({ path, method, operation }) => operationHtml(path, method, operation, schemas))
      .join('')}`;
  });
  const named = Object.entries(schemas).map(
    ([name, schema]) =>
      `<details id="${escapeXml(name)}"><summary><code>${escapeXml(name)}</code></summary>${jsonHtml(schema)}</details>`,
  );
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Quiver API</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>${STYLE}</style></head><body><main>
<h1>Quiver ${escapeXml(document.info.version)}</h1><p>${escapeXml(document.info.description ?? '')}
The same for programs: <a href="/openapi.json">openapi.json</a>.</p>
${groups.join('\n')}<h2>Schemas</h2>${named.join('')}</main></body></html>`;
}

function operationHtml(
  path: string,
  method: string,
  operation: Operation,
  schemas: Readonly<Record<string, Schema>>,
): string {
  const rows = (operation.parameters ?? []).map(
    ({ name, in: place, required, schema, description }) =>
      `<tr><td><code>${escapeXml(name)}</code></td><td>${place}${required ? ', required' : ''}</td><td>${escapeXml(
        description ?? schema?.description ?? '',
      )}</td></tr>`,
  );
  const body = operation.requestBody;
  return `<details><summary><b>${method}</b> <code>${escapeXml(path)}</code> ${escapeXml(operation.summary ?? '')}</summary>
<p>${escapeXml(operation.description ?? '')}</p>${operation.security ? '<p>Needs a bearer token.</p>' : ''}${
    rows.length === 0
      ? ''
      : `<table><thead><tr><th>Parameter</th><th>In</th><th></th></tr></thead><tbody>${rows.join('')}</tbody></table>`
  }${body ? `<h3>Body</h3><p>${escapeXml(body.description ?? '')}</p>${contentsHtml(body.content, schemas)}` : ''}<h3>Replies</h3>${Object.entries(
    operation.responses,
  )
    .map(
      ([status, { description, content }]) =>
        `<p><b>${escapeXml(status)}</b> ${escapeXml(description)}</p>${contentsHtml(content ?? {}, schemas)}`,
    )
    .join('')}</details>`;
}

function contentsHtml(contents: Contents, schemas: Readonly<Record<string, Schema>>): string {
  return Object.entries(contents)
    .map(([type, { schema, example }]) => {
      const name = schema?.$ref?.split('/').at(-1);
      const shown = example ?? schema?.example ?? (name === undefined ? undefined : schemas[name]?.example);
      const link = name === undefined ? '' : ` <a href="#${escapeXml(name)}">${escapeXml(name)}</a>`;
      return `<p><code>${escapeXml(type)}</code>${link}</p>${shown === undefined ? '' : jsonHtml(shown)}`;
    })
    .join('');
}

function jsonHtml(value: unknown): string {
  return `<pre>${escapeXml(typeof value === 'string' ? value : JSON.stringify(value, undefined, 2))}</pre>`;
}

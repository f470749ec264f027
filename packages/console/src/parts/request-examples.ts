/** One call of the journal as code: a command, a test, a call of `quiver-client`. */

import type { JournalCall } from 'quiver-client';
import { quoted } from './copy.tsx';

const NEEDS_ADMIN: readonly string[] = ['token', 'settings', 'admin'];
/** Headers of a call that matter to Quiver; clients add the others themselves. */
const SENT_HEADERS = ['content-type', 'content-encoding', 'origin', 'x-forwarded-for', 'x-forwarded-proto'];
const NOT_KEPT = 'The server keeps no bodies: add the one that was sent.';

/** Whether a body was sent that the journal did not keep. */
function lacksBody({ body, headers }: JournalCall): boolean {
  return body === '' && Number(headers['content-length'] ?? 0) > 0;
}

function targetOf({ path, query }: JournalCall): string {
  return query === '' ? path : `${path}?${query}`;
}

function sentHeaders({ headers }: JournalCall): [string, string][] {
  return SENT_HEADERS.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]]));
}

function needsAdmin({ route = '' }: JournalCall): boolean {
  return NEEDS_ADMIN.includes(route);
}

/** A command that sends the call again. @param origin of the server */
export function asCurl(call: JournalCall, origin: string): string {
  const lines = [
    `curl -s ${call.method === 'GET' ? '' : `-X ${call.method} `}${quoted(origin + targetOf(call))}`,
    ...(needsAdmin(call) ? ['-H "Authorization: Bearer $QUIVER_TOKEN"'] : []),
    ...sentHeaders(call).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`),
    ...(call.body === '' ? [] : [`--data-binary ${quoted(call.body)}`]),
  ];
  return (lacksBody(call) ? `# ${NOT_KEPT}\n` : '') + lines.join(' \\\n  ');
}

/** A test for vitest that sends the call to a sandbox and expects the same result. */
export function asTest(call: JournalCall): string {
  const { method, status, client, route } = call;
  const headers = sentHeaders(call);
  const init = [
    ...(method === 'GET' ? [] : [`method: ${js(method)},`]),
    ...(headers.length > 0 || needsAdmin(call)
      ? [
          `headers: {${[
            ...headers.map(([name, value]) => ` ${js(name)}: ${js(value)}`),
            // biome-ignore lint/suspicious/noTemplateCurlyInString: the template is the test's
            ...(needsAdmin(call) ? [' authorization: `Bearer ${quiver.adminToken}`'] : []),
          ].join(',')} },`,
        ]
      : []),
    ...(call.body === '' ? [] : [`body: ${js(call.body)},`]),
  ];
  const filter = { ...(route !== undefined && { route }), status, ...idFilter(call) };
  return `import { startSandbox } from 'quiver-server/sandbox';
import { expect, onTestFinished, test } from 'vitest';

test(${js(`${method} ${call.path}`)}, async () => {
  const quiver = await startSandbox({
    clients: [${js(client || 'demo')}],
    seed: ${js(seedOf(call))},
  });
  onTestFinished(() => quiver.close());
${lacksBody(call) ? `  // ${NOT_KEPT}\n` : ''}  const answer = await fetch(\`\${quiver.url}${template(targetOf(call))}\`${
    init.length === 0 ? '' : `, {\n    ${init.join('\n    ')}\n  }`
  });
  expect(answer.status).toBe(${status});
  await quiver.requests.expect(${js(filter)}, { times: 1 });
});
`;
}

/** The call as a program with `quiver-client` makes it. @param origin of the server */
export function asClientCode(call: JournalCall, origin: string): string {
  const token = needsAdmin(call) ? ', token: process.env.QUIVER_TOKEN' : '';
  return `import { QuiverClient } from 'quiver-client';

const quiver = new QuiverClient({ url: ${js(origin)}, client: ${js(call.client || 'demo')}${token} });
${lacksBody(call) ? `// ${NOT_KEPT}\n` : ''}${statementOf(call)}
`;
}

function statementOf(call: JournalCall): string {
  const id = firstId(call);
  if (call.route === 'fetch' && id) return `const profile = await quiver.fetchProfile(${js(id)});`;
  const json = jsonObject(call.body);
  if (call.route === 'visit' && json && call.path.startsWith('/rest/v1/delivery')) {
    const sessionId = new URLSearchParams(call.query).get('sessionId');
    return `const visit = await quiver.visit(${js({ ...(sessionId && { sessionId }), ...json })});`;
  }
  if (call.route === 'update' && id && !json && !lacksBody(call)) {
    const attributes = Object.fromEntries(
      [...new URLSearchParams(call.query), ...new URLSearchParams(call.body)]
        .filter(([name]) => name.startsWith('profile.'))
        .map(([name, value]) => [name.slice('profile.'.length), value]),
    );
    return `const isKnown = await quiver.updateProfile(${js(id)}, ${js(attributes)});`;
  }
  const query = Object.fromEntries(new URLSearchParams(call.query));
  const request = {
    ...(call.method !== 'GET' && { method: call.method }),
    path: call.path,
    ...(Object.keys(query).length > 0 && { query }),
    ...(sentHeaders(call).length > 0 && { headers: Object.fromEntries(sentHeaders(call)) }),
    ...(call.body !== '' && { body: call.body }),
  };
  return `const reply = await quiver.request(${js(request)});`;
}

/** The first id, in the form that `quiver-client` accepts. */
function firstId({ ids }: JournalCall): Record<string, string> | undefined {
  const found = ids.find(({ kind }) => kind !== 'customerId');
  if (!found) return undefined;
  return { [found.kind === 'ecid' ? 'marketingCloudVisitorId' : found.kind]: found.value };
}

/**
 * An id by which the journal of the test finds the call; not one that a sandbox would generate
 * differently.
 */
function idFilter({ ids, route }: JournalCall): Record<string, string> {
  const found = ids.find(({ kind }) => kind !== 'tntId') ?? (route === 'visit' ? undefined : ids[0]);
  return found ? { [found.kind]: found.value } : {};
}

/** The seed that the call needs to get the same reply. */
function seedOf({ route, status, ids, reply, reason }: JournalCall): object[] {
  const [id] = ids;
  if (!id || id.kind === 'customerId' || reason !== undefined || status !== 200) return [];
  if (route === 'update') return [{ [id.kind]: id.value }];
  if (route !== 'fetch') return [];
  const profile = jsonObject(reply) as { profileAttributes?: Record<string, { value: string }> } | undefined;
  const attributes = Object.entries(profile?.profileAttributes ?? {}).map(([name, { value }]) => [
    name,
    value,
  ]);
  return [{ [id.kind]: id.value, attributes: Object.fromEntries(attributes) }];
}

function jsonObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function js(value: unknown): string {
  return JSON.stringify(value).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
}

function template(text: string): string {
  return text.replaceAll(/[\\`$]/g, '\\$&');
}

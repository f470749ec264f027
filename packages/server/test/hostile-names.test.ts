/**
 * Hostile names and values are stored and returned exactly, as plain data, through every channel.
 */

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type InProcess, openInProcess } from './in-process.ts';

const HOSTILE = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'prototype',
  '1',
  '0',
  '-1',
  '😀',
  'é',
  'e\u0301',
  '"',
  "'",
  '\\',
  '\\"',
  '\\u0000',
  '\0',
  '\n\r\t\b\f\v',
  '\u001f\u007f\u0080',
  '\u2028\u2029',
  '\uFEFF',
  '\uFFFE\uFFFF',
  ' ',
  'a b',
  'a+b',
  'a&b=c;d',
  '%',
  '%00',
  '%2F',
  '</message>',
  ']]>',
  '{"a":{"value":"x"}}',
  '../..',
  'value',
  'modifiedAt',
  'profile',
  'n'.repeat(128),
  '😀'.repeat(128),
];

let quiver: InProcess;
let visitors = 0;
beforeAll(async () => {
  quiver = await openInProcess();
});
afterAll(() => quiver.close());

/** An object with one member, which may be `__proto__`. */
function one(name: string, value: string): object {
  return JSON.parse(`{${JSON.stringify(name)}:${JSON.stringify(value)}}`);
}

/** Name and value as they are in the text of a fetch, parsed without an object. */
async function storedPairs(tntId: string): Promise<[string, string][]> {
  const { text } = await quiver.ask('GET', `/rest/v1/profiles/${tntId}`);
  const pairs = text.matchAll(/("(?:[^"\\]|\\.)*"):\{"value":("(?:[^"\\]|\\.)*"),"modifiedAt":/g);
  return [...pairs]
    .map(([, name, value]): [string, string] => [JSON.parse(name!), JSON.parse(value!)])
    .filter(([name]) => name !== 'firstSessionStart');
}

type Way = (tntId: string, name: string, value: string) => Promise<number>;
const context = { channel: 'web' };
const deliver = async (tntId: string, parts: object) =>
  (await quiver.ask('POST', '/rest/v1/delivery?sessionId=s', { body: { id: { tntId }, context, ...parts } }))
    .status;
const update = async (method: string, query: string, body?: unknown, type?: string) =>
  (
    await quiver.ask(method, `/m2/demo/profile/update${query}`, {
      ...(body !== undefined && { body }),
      ...(type !== undefined && { headers: { 'content-type': type } }),
    })
  ).status;
const pair = (name: string, value: string) =>
  `profile.${encodeURIComponent(name)}=${encodeURIComponent(value)}`;

const WAYS: Record<string, Way> = {
  'delivery, execute.pageLoad': (tntId, name, value) =>
    deliver(tntId, { execute: { pageLoad: { profileParameters: one(name, value) } } }),
  'delivery, execute.mboxes': (tntId, name, value) =>
    deliver(tntId, { execute: { mboxes: [{ index: 0, name: 'm', profileParameters: one(name, value) }] } }),
  'delivery, prefetch.mboxes': (tntId, name, value) =>
    deliver(tntId, { prefetch: { mboxes: [{ index: 0, name: 'm', profileParameters: one(name, value) }] } }),
  'delivery, prefetch.views': (tntId, name, value) =>
    deliver(tntId, { prefetch: { views: [{ profileParameters: one(name, value) }] } }),
  'delivery, prefetch.pageLoad': (tntId, name, value) =>
    deliver(tntId, { prefetch: { pageLoad: { profileParameters: one(name, value) } } }),
  'delivery, notifications': (tntId, name, value) =>
    deliver(tntId, { notifications: [{ profileParameters: one(name, value) }] }),
  mbox: async (tntId, name, value) => {
    const body = { tntId, profileParameters: one(name, value) };
    return (await quiver.ask('POST', '/rest/v1/mbox/s', { body })).status;
  },
  'update, GET': (tntId, name, value) => update('GET', `?mboxPC=${tntId}&${pair(name, value)}`),
  'update, POST in the query': (tntId, name, value) =>
    update('POST', `?mboxPC=${tntId}&${pair(name, value)}`),
  'update, POST form': (tntId, name, value) =>
    update('POST', '', `mboxPC=${tntId}&${pair(name, value)}`, 'application/x-www-form-urlencoded'),
  'update, POST JSON': (tntId, name, value) =>
    update('POST', '', { mboxPC: tntId, ...one(`profile.${name}`, value) }, 'application/json'),
};

describe.each(Object.entries(WAYS))('a hostile name in %s', (_, send) => {
  test.each(HOSTILE)('comes back unchanged: %j', async (name) => {
    visitors += 1;
    const tntId = `hostile${visitors}`;
    await quiver.visit({ tntId });
    const value = `${name.slice(0, 100)}!`;
    expect(await send(tntId, name, value)).toBe(200);
    expect(await storedPairs(tntId)).toEqual([[name, value]]);
    expect(({} as Record<string, unknown>)[name] === value).toBe(false);
  });
});

test('what is written in any way is fetched unchanged', async () => {
  const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...Object.entries(WAYS)), text, text, async ([, send], name, value) => {
      fc.pre(!/^(profile|user)\./.test(name) && name !== 'firstSessionStart');
      visitors += 1;
      const tntId = `any${visitors}`;
      await quiver.visit({ tntId });
      expect(await send(tntId, name, value)).toBe(200);
      expect(await storedPairs(tntId)).toEqual([[name, value]]);
    }),
    { numRuns: 300 },
  );
});

test('only the named attribute is removed', async () => {
  const headers = { authorization: 'Bearer test-admin-token' };
  await quiver.visit({ tntId: 'removing' }, one('__proto__', '1'));
  await quiver.visit({ tntId: 'removing' }, one('a/b %', '2'));
  for (const [name, rest] of [
    ['__proto__', [['a/b %', '2']]],
    ['a/b %', []],
  ] as const) {
    const target = `/rest/v1/profiles/removing/attributes/${encodeURIComponent(name)}`;
    expect((await quiver.ask('DELETE', target, { headers })).status).toBe(204);
    expect(await storedPairs('removing')).toEqual(rest);
  }
});

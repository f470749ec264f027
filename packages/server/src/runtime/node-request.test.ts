import type { IncomingMessage } from 'node:http';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NodeRequest } from './node-request.ts';

/** A request as the parser leaves it, its Host first and its headers as they were sent. */
function requestOf(target: string, host: string | undefined, headers: readonly string[] = []) {
  const rawHeaders = host === undefined ? [...headers] : ['Host', host, ...headers];
  const incoming = { method: 'GET', url: target, headers: { host }, rawHeaders };
  return NodeRequest.of(incoming as unknown as IncomingMessage);
}

describe('the target', () => {
  test.each([
    ['/a/b?c=d', '/a/b?c=d'],
    ['/a%2Fb/%C3%A4', '/a%2Fb/%C3%A4'],
    ['/a/../b', '/b'],
    ['/a/%2E%2e/b', '/b'],
    ['/a/.', '/a/'],
    ['/a/.b', '/a/.b'],
    ['/a?', '/a?'],
    ['/a"b?"', '/a%22b?%22'],
    ['//a/b', '//a/b'],
    ['/a?u=\\', '/a?u=\\'],
    ['/a\\b', undefined],
    ['http://acme.localhost/a?b', '/a?b'],
    ['HTTP://acme.localhost', '/'],
    ['http://acme.localhost?b', '/?b'],
    ['*', undefined],
    ['a', undefined],
  ])('%s is read as %s', (target, url) => {
    expect(requestOf(target, 'localhost')?.url).toBe(url);
  });

  test('is what a URL makes of it, but for a quote, which stays', () => {
    const target = fc.string({ unit: fc.constantFrom(...'/.%2eE?#[]{}^|`"<> \\+:;@a\u00e4') });
    fc.assert(
      fc.property(target, (text) => {
        const sent = `/${text}`;
        fc.pre(!sent.split('?', 1)[0]!.includes('\\'));
        const { href, origin } = new URL(`http://localhost${sent}`);
        expect(requestOf(sent, 'localhost')?.url).toBe(href.slice(origin.length));
      }),
    );
  });
});

test.each([
  ['demo.localhost', true],
  ['DEMO.localhost:80', true],
  ['localhost:8680', true],
  ['[::1]:8680', true],
  [undefined, true],
  ['', true],
  ['user@localhost', false],
  ['a b', false],
  ['a/b', false],
  ['a?b', false],
  ['a#b', false],
  ['a\\b', false],
  ['localhost:', false],
  ['localhost:99999', false],
  ['localhost:port', false],
])('the Host %j is one: %s', (host, isOne) => {
  expect(requestOf('/a', host) !== undefined).toBe(isOne);
});

test('headers read as those of the Fetch standard', () => {
  const name = fc.constantFrom('Authorization', 'authorization', 'X-A', 'x-b', 'Cookie', 'constructor');
  const sent = fc.array(fc.tuple(name, fc.stringMatching(/^[!-~]+$/)));
  fc.assert(
    fc.property(sent, (pairs) => {
      const { headers } = requestOf('/', 'localhost', pairs.flat())!;
      const standard = new Headers(pairs);
      for (const asked of ['authorization', 'Authorization', 'x-a', 'constructor', 'toString', 'x-c']) {
        expect(headers.get(asked)).toBe(standard.get(asked));
        expect(headers.has(asked)).toBe(standard.has(asked));
      }
      const cookies = pairs.filter(([key]) => key === 'Cookie').map(([, value]) => value);
      expect(headers.get('cookie')).toBe(cookies.length === 0 ? null : cookies.join('; '));
    }),
  );
});

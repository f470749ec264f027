import { expect, test } from 'vitest';
import { Call } from './call.ts';
import { reachedFinder } from './origin.ts';
import { PathParameters } from './path-parameters.ts';
import type { Caller } from './request.ts';

const PROXY = '10.0.0.1';

function call(headers: Record<string, string>, caller: Caller): Call {
  const request = new Request('http://in-process/', { headers: { host: 'inner:8680', ...headers } });
  return new Call(request, caller, '/', new PathParameters('/'), [], '');
}

test.each<[Record<string, string>, string, string]>([
  [{}, 'http://inner:8680', ''],
  [{ proto: 'https', host: 'a.example' }, 'https://a.example', ''],
  [{ proto: 'https', host: 'a.example', port: '443' }, 'https://a.example', ''],
  [{ proto: 'https', host: 'a.example', port: '8443' }, 'https://a.example:8443', ''],
  [{ proto: 'http', host: 'a.example:1', port: '8080' }, 'http://a.example:8080', ''],
  [{ host: 'a.example', port: '80' }, 'http://a.example', ''],
  [{ port: '9000' }, 'http://inner:9000', ''],
  [{ host: '[::1]:1', port: '9000' }, 'http://[::1]:9000', ''],
  [{ host: 'a.example, b.example', port: '9000, 1' }, 'http://a.example:9000', ''],
  [{ host: 'a.example', port: '9e3' }, 'http://a.example', ''],
  [{ host: 'a b' }, 'http://inner:8680', ''],
  [{ port: '0' }, 'http://inner:8680', ''],
  [{ port: '65536' }, 'http://inner:8680', ''],
  [{ prefix: '/../x' }, 'http://inner:8680', ''],
  [{ prefix: '/x/.' }, 'http://inner:8680', ''],
  [{ prefix: `/${'x'.repeat(100)}` }, 'http://inner:8680', ''],
  [{ prefix: '/quiver' }, 'http://inner:8680', '/quiver'],
  [{ prefix: '/a/b/' }, 'http://inner:8680', '/a/b'],
  [{ prefix: '/, /b' }, 'http://inner:8680', ''],
  [{ prefix: 'quiver' }, 'http://inner:8680', ''],
  [{ prefix: '/a?b' }, 'http://inner:8680', ''],
  [{ prefix: '/<b>' }, 'http://inner:8680', ''],
  [{ proto: 'ftp' }, 'http://inner:8680', ''],
])('the origin follows from what a trusted proxy says: %j', (said, origin, prefix) => {
  const headers = Object.fromEntries(
    Object.entries(said).map(([name, value]) => [`x-forwarded-${name}`, value]),
  );
  const find = reachedFinder(['10.0.0.0/8']);
  expect(find(call(headers, { address: PROXY, secure: false }))).toEqual({ origin, prefix });
  // The same headers from any other address are ignored.
  expect(find(call(headers, { address: '192.0.2.1', secure: true }))).toEqual({
    origin: 'https://inner:8680',
    prefix: '',
  });
});

import { expect, test } from 'vitest';
import { ignoreProxies, isOfThisMachine, proxyFor } from './proxies.ts';

test('no proxy variable of the environment is kept, whatever the case of its name', () => {
  const names = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'all_proxy'];
  const env = { ...Object.fromEntries(names.map((name) => [name, 'a'])), NO_PROXY: 'b', PATH: 'c' };
  ignoreProxies(env);
  expect(env).toEqual({ NO_PROXY: 'b', PATH: 'c' });
});

test.each([
  ['http://a.example/', { HTTP_PROXY: 'http://user:pass@p.example:3128' }, 'p.example:3128 of HTTP_PROXY'],
  [
    'http://a.example/',
    { HTTP_PROXY: 'http://upper:1', http_proxy: 'http://lower:1' },
    'lower:1 of http_proxy',
  ],
  ['https://a.example/', { https_proxy: 'http://p:1' }, 'p:1 of https_proxy'],
  ['https://a.example/', { http_proxy: 'http://p:1' }, undefined],
  ['http://a.example/', { http_proxy: 'http://p:1', NO_PROXY: 'b.example, .a.example' }, undefined],
  ['http://x.a.example/', { http_proxy: 'http://p:1', no_proxy: 'a.example' }, undefined],
  ['http://a.example/', { http_proxy: 'http://p:1', no_proxy: '*' }, undefined],
  ['http://a.example/', {}, undefined],
])('the proxy for %s follows from %j', (url, env, expected) => {
  const proxy = proxyFor(url, { NODE_USE_ENV_PROXY: '1', ...env });
  expect(proxy && `${proxy.url} of ${proxy.variable}`).toBe(expected);
});

test.each([
  ['http://127.0.0.1:8680', true],
  ['http://localhost', true],
  ['http://demo.localhost:1', true],
  ['http://[::1]:8680', true],
  ['http://quiver.example', false],
  ['http://10.0.0.1', false],
])('the address %s is on this machine: %s', (url, expected) => {
  expect(isOfThisMachine(url)).toBe(expected);
});

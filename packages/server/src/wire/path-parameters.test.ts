import { expect, test } from 'vitest';
import { PathParameters } from './path-parameters.ts';

test.each([
  ['/rest/v1/profiles/{tntId}', '/rest/v1/profiles/abc.28_20', { tntId: 'abc.28_20' }],
  ['/rest/v1/profiles/{tntId}', '/rest/v1/profiles/a%2Fb', { tntId: 'a%2Fb' }],
  ['/rest/v1/profiles/{id}/attributes/{name}', '/rest/v1/profiles/a/attributes/b', { id: 'a', name: 'b' }],
  ['/m2/{client}/profile/update', '/m2/demo/profile/update', { client: 'demo' }],
  ['/m2/{client}/profile/update', '/m2/m2/profile/update', { client: 'm2' }],
  ['/{client}/target/batches/{id}', '/target/target/batches/7', { client: 'target', id: '7' }],
  ['/console/{path*}', '/console/assets/a.js', { path: 'assets/a.js' }],
  ['/console/{path*}', '/console/', { path: '' }],
])('the route %s reads its parameters from %s', (route, path, expected) => {
  const parameters = new PathParameters(route);
  for (const [name, sent] of Object.entries(expected)) {
    expect(parameters.has(name)).toBe(true);
    expect(parameters.sent(path, name)).toBe(sent);
    expect(parameters.value(path, name)).toBe(decodeURIComponent(sent));
  }
});

test('asking for a parameter that the route does not have is a programming error', () => {
  const parameters = new PathParameters('/rest/v1/profiles/{tntId}');
  for (const name of ['id', 'rest', '__proto__', '']) {
    expect(parameters.has(name)).toBe(false);
    expect(() => parameters.sent('/rest/v1/profiles/a', name)).toThrow(RangeError);
  }
});

test('a bad escape is refused with the name of the parameter', () => {
  const parameters = new PathParameters('/rest/v1/profiles/{tntId}');
  expect(() => parameters.value('/rest/v1/profiles/%ff', 'tntId')).toThrow(
    'tntId: must be percent-encoded UTF-8',
  );
});

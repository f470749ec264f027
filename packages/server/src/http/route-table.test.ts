import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RouteTable } from './route-table.ts';

const PATHS = [
  '/',
  '/docs',
  '/m2/{client}/profile/update',
  '/m2/{client}/v2/profile/batchUpdate',
  '/rest/v1/profiles/{tntId}',
  '/rest/v1/profiles/{tntId}/attributes/{name}',
  '/rest/v1/profiles/thirdPartyId/{thirdPartyId}',
  '/rest/v1/profiles/thirdPartyId/{thirdPartyId}/attributes/{name}',
  '/{client}/target/batches',
  '/{client}/target/batches/{id}',
  '/console/{page*}',
  '/console/session',
];

function tableOf(paths: readonly string[]): RouteTable<string> {
  const table = new RouteTable<string>();
  for (const path of paths) table.add(path, path);
  return table;
}

test.each([
  ['/', '/'],
  ['/docs', '/docs'],
  ['/docs/', undefined],
  ['/Docs', undefined],
  ['/%64ocs', undefined],
  ['/m2/demo/profile/update', '/m2/{client}/profile/update'],
  ['/m2/v2/profile/update', '/m2/{client}/profile/update'],
  ['/m2//profile/update', undefined],
  ['/m2/demo/profile/update/', undefined],
  ['//m2/demo/profile/update', undefined],
  ['/rest/v1/profiles/abc.28_20', '/rest/v1/profiles/{tntId}'],
  ['/rest/v1/profiles/thirdPartyId', '/rest/v1/profiles/{tntId}'],
  ['/rest/v1/profiles/', undefined],
  ['/rest/v1/profiles/thirdPartyId/', undefined],
  ['/rest/v1/profiles/thirdPartyId/a%2Fb', '/rest/v1/profiles/thirdPartyId/{thirdPartyId}'],
  // Where the literal leads to no route, the parameter does.
  ['/rest/v1/profiles/thirdPartyId/attributes/x', '/rest/v1/profiles/{tntId}/attributes/{name}'],
  ['/rest/v1/profiles/abc/attributes/x', '/rest/v1/profiles/{tntId}/attributes/{name}'],
  ['/rest/v1/profiles/abc/other/x', undefined],
  ['/rest/v1/profiles/__proto__', '/rest/v1/profiles/{tntId}'],
  ['/__proto__', undefined],
  ['/constructor/target/batches', '/{client}/target/batches'],
  ['/docs/target/batches/7', '/{client}/target/batches/{id}'],
  ['/console/session', '/console/session'],
  ['/console/', '/console/{page*}'],
  ['/console/profiles/a/b', '/console/{page*}'],
  ['/console', undefined],
  ['', undefined],
])('the path %s leads to %s', (path, route) => {
  expect(tableOf(PATHS).find(path)).toBe(route);
});

test('two routes with paths of one shape are refused', () => {
  expect(() => tableOf(['/profiles/{id}', '/profiles/{name}'])).toThrow(RangeError);
});

test('the table finds what one regular expression per path finds, in whatever order routes were added', () => {
  const segment = fc.constantFrom('a', 'b', '{x}', '{y}');
  const path = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join('/')}`);
  const sent = fc
    .array(fc.constantFrom('a', 'b', 'c', ''), { minLength: 1, maxLength: 4 })
    .map((parts) => `/${parts.join('/')}`);
  const shapeOf = (route: string) => route.replace(/\{\w+\}/g, '{}');
  fc.assert(
    fc.property(fc.uniqueArray(path, { selector: shapeOf }), sent, (paths, target) => {
      const matching = paths.filter((one) =>
        new RegExp(`^${one.replace(/\{\w+\}/g, '[^/]+')}$`).test(target),
      );
      // The better match is the one that has a literal at the first segment where they differ.
      const best = matching.sort((one, other) => (rankOf(one) < rankOf(other) ? -1 : 1))[0];
      expect(tableOf(paths).find(target)).toBe(best);
    }),
  );
});

/** Sorts literals before parameters, segment by segment. */
function rankOf(path: string): string {
  return path
    .split('/')
    .map((segment) => (segment.startsWith('{') ? '1' : '0'))
    .join('');
}

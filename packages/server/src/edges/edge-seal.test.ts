import { describe, expect, test } from 'vitest';
import { bodyDigest, EdgeSeal } from './edge-seal.ts';

const T0 = Date.UTC(2026, 10, 24);
const PATH = '/edge/v1/find';
const KEY = Buffer.alloc(32, 1);

function sealOf(cluster: number, now = T0, key = KEY) {
  return new EdgeSeal({ key, cluster, peers: [1, 2].filter((one) => one !== cluster), now: () => now });
}

describe('a call between edge clusters', () => {
  const { authorization } = sealOf(1).seal(2, PATH, '{}');

  test('is accepted with its body, and its answer is recognised', () => {
    const seal = sealOf(2);
    const { from, nonce, digest } = seal.open(authorization, 'POST', PATH);
    expect(from).toBe(1);
    expect(digest).toBe(bodyDigest('{}'));
    const signature = seal.signAnswer(nonce, 'answer');
    expect(sealOf(1).isAnswer(nonce, 'answer', signature)).toBe(true);
    expect(sealOf(1).isAnswer(nonce, 'another', signature)).toBe(false);
    expect(sealOf(1).isAnswer('another', 'answer', signature)).toBe(false);
    expect(sealOf(1).isAnswer(nonce, 'answer', null)).toBe(false);
  });

  const fields = authorization.slice('Quiver-Edge '.length).split('.');
  const changed = (place: number, value: string) => `Quiver-Edge ${fields.with(place, value).join('.')}`;
  test.each<[string, string | null, EdgeSeal, string]>([
    ['without a seal', null, sealOf(2), 'Forbidden'],
    ['with another credential', 'Bearer token', sealOf(2), 'Forbidden'],
    ['cut short', authorization.slice(0, -2), sealOf(2), 'Forbidden'],
    ['under another secret', authorization, sealOf(2, T0, Buffer.alloc(32, 2)), 'Forbidden'],
    ['from another than it says', changed(0, '3'), sealOf(2), 'Forbidden'],
    ['at another time than it says', changed(2, String(T0 + 1)), sealOf(2), 'Forbidden'],
    ['with another body', changed(4, bodyDigest('{"a":1}')), sealOf(2), 'Forbidden'],
    ['meant for another cluster', authorization, sealOf(3), 'meant for cluster 2, this is 3'],
    ['too late', authorization, sealOf(2, T0 + 5001), 'clocks differ by 5001 ms'],
    ['too early', authorization, sealOf(2, T0 - 5001), 'clocks differ by -5001 ms'],
  ])('is refused %s', (_, given, seal, why) => {
    expect(() => seal.open(given, 'POST', PATH)).toThrow(why);
  });

  test('is refused at another path or with another method', () => {
    expect(() => sealOf(2).open(authorization, 'POST', '/edge/v1/remove')).toThrow('Forbidden');
    expect(() => sealOf(2).open(authorization, 'GET', PATH)).toThrow('Forbidden');
  });

  test('from a cluster that is no peer is refused', () => {
    const { authorization: stranger } = sealOf(7).seal(2, PATH, '{}');
    expect(() => sealOf(2).open(stranger, 'POST', PATH)).toThrow('cluster 7 is no --peer of 2');
  });
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Attribute, listAttributes, packAttributes, packSettings } from '../attributes.ts';
import { overlayAttributes } from './overlay-attributes.ts';

const T0 = 1_700_000_000_000;

/**
 * Names with a common beginning, names that need escapes, long names, and names that look like the
 * bytes between entries.
 */
const name = fc.oneof(
  fc.constantFrom('a', 'b', 'ab', 'a"', 'a\\', '"', '\\"', '\n', '\u0000', '\u0001', 'é', '😀', '__proto__'),
  fc.constantFrom('n'.repeat(127), 'n'.repeat(128), '"'.repeat(128)),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 4 }).filter((text) => text.isWellFormed()),
);
const value = fc.oneof(name, fc.constantFrom('', 'v'.repeat(127), 'v'.repeat(128), 'v'.repeat(20_000)));
const settings = fc
  .array(fc.tuple(name, value), { minLength: 1, maxLength: 8 })
  .map((pairs): ReadonlyMap<string, string> => new Map(pairs));
/** Attributes after some changes, several of which may have the same time. */
const attributes = fc
  .array(fc.tuple(name, value, fc.integer({ min: 0, max: 1 })), { maxLength: 8 })
  .map((all): Attribute[] => {
    let modifiedAt = T0;
    return [...new Map(all.map((one) => [one[0], one])).values()].map(([name, value, elapsed]) => {
      modifiedAt += elapsed;
      return { name, value, modifiedAt };
    });
  });

function overlaid(old: readonly Attribute[], change: ReadonlyMap<string, string>, at: number): Buffer {
  // As in a store's buffer: preceded and followed by other valid bytes, so that reading too far is
  // noticed.
  const within = (packed: Buffer) => Buffer.concat([Buffer.from([0, 1, 1, 1]), packed, Buffer.from([1, 97])]);
  const before = packAttributes(old);
  const added = packSettings(change, at);
  const target = Buffer.alloc(before.length + added.length + 3, '!');
  const end = overlayAttributes(
    target,
    3,
    { bytes: within(before), start: 4, end: 4 + before.length },
    { bytes: within(added), start: 4, end: 4 + added.length },
  );
  return target.subarray(3, end);
}

/** The same change, made in the simplest way. */
function expected(old: readonly Attribute[], change: ReadonlyMap<string, string>, at: number): Attribute[] {
  const set = Array.from(change, ([name, value]) => ({ name, value, modifiedAt: at }));
  return [...old.filter(({ name }) => !change.has(name)), ...set];
}

test('an overlay sets what is given, keeps the others, and gives the bytes that packing the result gives', () => {
  fc.assert(
    fc.property(
      attributes,
      settings,
      fc.integer({ min: 0, max: 2 }),
      fc.boolean(),
      (old, change, later, same) => {
        const names = same && old.length > 0 ? new Map(old.map((one) => [one.name, 'new'])) : change;
        const at = (old.at(-1)?.modifiedAt ?? T0) + later;
        const after = overlaid(old, names, at);
        expect(listAttributes(after)).toEqual(expected(old, names, at));
        expect(after.equals(packAttributes(expected(old, names, at)))).toBe(true);
      },
    ),
    { numRuns: 2000 },
  );
});

test('an overlay can set a great many names', () => {
  const many = new Map(Array.from({ length: 500 }, (_, n) => [`name${n}`, `${n}`]));
  const old = Array.from(many, ([name, value]) => ({ name, value, modifiedAt: T0 })).reverse();
  expect(listAttributes(overlaid(old, many, T0 + 1))).toEqual(expected(old, many, T0 + 1));
  const half = new Map([...many].filter((_, n) => n % 2 === 0));
  expect(listAttributes(overlaid(old, half, T0 + 1))).toEqual(expected(old, half, T0 + 1));
});

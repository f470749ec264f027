import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NO_ATTRIBUTES, setAttributes } from './attributes.ts';
import { overlayAttributes } from './overlay-attributes.ts';

const T0 = 1_700_000_000_000;

/** Names that begin like one another, need escapes, or look like the text between them. */
const name = fc.oneof(
  fc.constantFrom(
    'a',
    'b',
    'ab',
    'a"',
    'a\\',
    '"',
    '\\"',
    '\n',
    '\u0001',
    'é',
    '😀',
    '__proto__',
    '}',
    ':{"value":"',
  ),
  fc.string({ unit: 'grapheme', maxLength: 4 }).filter((text) => text.isWellFormed()),
);
const settings = fc
  .array(fc.tuple(name, name), { maxLength: 8 })
  .map((pairs): ReadonlyMap<string, string> => new Map(pairs));

function overlaid(old: Buffer, added: Buffer): string {
  // As in a store's buffers: other bytes before and behind, which mean something to who reads on.
  const within = (text: Buffer) => Buffer.concat([Buffer.from('"x":{'), text, Buffer.from('"a":{"value":"')]);
  const target = Buffer.alloc(old.length + added.length + 3, '!');
  const end = overlayAttributes(
    target,
    3,
    within(old),
    5,
    5 + old.length,
    within(added),
    5,
    5 + added.length,
  );
  return target.toString('utf8', 3, end);
}

test('sets as setAttributes does, whatever the names and values are', () => {
  fc.assert(
    fc.property(settings, settings, fc.boolean(), (before, change, sameNames) => {
      const after = sameNames ? new Map([...before.keys()].map((key) => [key, 'new'])) : change;
      const old = setAttributes(NO_ATTRIBUTES, before, T0);
      const added = setAttributes(NO_ATTRIBUTES, after, T0 + 1);
      fc.pre(after.size > 0);
      expect(overlaid(old, added)).toBe(setAttributes(old, after, T0 + 1).toString());
    }),
    { numRuns: 2000 },
  );
});

test('a great many names', () => {
  const many = new Map(Array.from({ length: 500 }, (_, n) => [`name${n}`, `${n}`]));
  const old = setAttributes(NO_ATTRIBUTES, new Map([...many].reverse()), T0);
  const added = setAttributes(NO_ATTRIBUTES, many, T0 + 1);
  expect(overlaid(old, added)).toBe(added.toString());
  const half = new Map([...many].filter((_, n) => n % 2 === 0));
  const halfAdded = setAttributes(NO_ATTRIBUTES, half, T0 + 1);
  expect(overlaid(old, halfAdded)).toBe(setAttributes(old, half, T0 + 1).toString());
});

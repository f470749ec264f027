import { expect, test } from 'vitest';
import { quoted, visibleText } from './visible-text.ts';

test.each<[what: string, text: string, shown: string]>([
  ['plain text', 'Côme 😀, "x" \\ a b', 'Côme 😀, "x" \\ a b'],
  ['a byte-order mark', '\ufeffcrm-1', '\\ufeffcrm-1'],
  ['zero-width characters', 'a\u200bb\u200dc\u2060', 'a\\u200bb\\u200dc\\u2060'],
  ['blanks that are no space', 'a\u00a0b\u3000c\u2009', 'a\\u00a0b\\u3000c\\u2009'],
  ['a soft hyphen', 'a\u00adb', 'a\\u00adb'],
  ['fillers', '\u3164\uffa0\u2800', '\\u3164\\uffa0\\u2800'],
  ['marks that reorder text', '\u202etxt\u2066', '\\u202etxt\\u2066'],
  ['line separators and controls', '\u2028\0\t\x7f\x9b', '\\u2028\\u0000\\u0009\\u007f\\u009b'],
  ['half a surrogate pair', 'x\ud83d', 'x\\ud83d'],
  ['tags beyond 16 bits', '\u{e0041}', '\\udb40\\udc41'],
])('shows this text visibly: %s', (_, text, shown) => {
  expect(visibleText(text)).toBe(shown);
});

test('a quoted text is written as JSON, with every character visible', () => {
  expect(quoted('a"\n\ufeff')).toBe('"a\\"\\n\\ufeff"');
  expect(JSON.parse(quoted('\ufeff\u00a0\u{e0041}\n'))).toBe('\ufeff\u00a0\u{e0041}\n');
});

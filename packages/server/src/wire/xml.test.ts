import fc from 'fast-check';
import { expect, test } from 'vitest';
import { escapeXml, xmlResponse } from './xml.ts';

test.each([
  ['plain é 😀', 'plain é 😀'],
  [`<a href="x">'&'</a>`, '&lt;a href=&quot;x&quot;&gt;&apos;&amp;&apos;&lt;/a&gt;'],
  [']]>', ']]&gt;'],
  ['&amp;', '&amp;amp;'],
  ['\t\n\r', '\t\n&#13;'],
  ['\0\b\u001f\uFFFE\uFFFF', '\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD'],
  ['\ud800', '\uFFFD'],
])('the text %j is escaped', (text, escaped) => {
  expect(escapeXml(text)).toBe(escaped);
});

test('no text can end its element or contain a character that XML forbids', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const inner = /^<response><message>(.*)<\/message><\/response>$/s.exec(
        xmlResponse([['message', text]]),
      )![1]!;
      expect(inner).toMatch(/^[\t\n\x20-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]*$/u);
      expect(inner).not.toMatch(/[<>"']|&(?!amp;|lt;|gt;|quot;|apos;|#13;)/);
    }),
  );
});

import { expect, test } from 'vitest';
import { prefersHtml } from './root-route.ts';

test.each<[accept: string, isHtml: boolean]>([
  ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', true],
  ['text/html', true],
  ['application/json, text/html;q=0.5', false],
  ['application/json;q=0.1, Text/HTML; q=0.5', true],
  ['application/json, text/html', false],
  ['text/html;q=0', false],
  ['text/html;q=0, */*', false],
  ['text/html;level=1;q=0.3, */*;q=0.2', true],
  ['*/*', false],
  ['', false],
  ['text/htmlx', false],
])('the Accept header %s decides between console and text', (accept, isHtml) => {
  expect(prefersHtml(accept)).toBe(isHtml);
});

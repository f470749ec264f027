/** Debian's Chromium for tests. */

import { existsSync } from 'node:fs';
import axe, { type AxeResults } from 'axe-core';
import { type Browser, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';

const CHROMIUM = '/usr/bin/chromium';
/** What a container needs, and nothing that would make the browser contact its maker's hosts. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const WCAG = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

/** Whether there is a browser; a suite that needs one says when it is missing, and is skipped. */
export function hasBrowser(suite: string): boolean {
  const isThere = existsSync(CHROMIUM);
  if (!isThere) process.stdout.write(`${suite} is skipped: there is no ${CHROMIUM}\n`);
  return isThere;
}

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
}

/**
 * Expects no violation of WCAG 2.2 AA, in light and dark mode, and nothing wider than the window.
 */
export async function lookAt(page: Page, what: string): Promise<void> {
  const given = await page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches");
  for (const colorScheme of given ? (['light', 'dark'] as const) : (['dark', 'light'] as const)) {
    await page.emulateMedia({ colorScheme });
    // During a transition, a colour is neither the old nor the new one. Waiting for its end could
    // take forever in a window that is not drawn.
    await page.evaluate('document.getAnimations().forEach((animation) => animation.finish())');
    await page.evaluate(axe.source);
    const { violations }: AxeResults = await page.evaluate(
      `axe.run(document, { runOnly: ${JSON.stringify(WCAG)} })`,
    );
    const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
    expect(told, `${what}, ${colorScheme}`).toEqual([]);
  }
  const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
  expect(overflow, `${what} is too wide`).toBeLessThanOrEqual(0);
  const folder = process.env.QUIVER_SCREENSHOTS;
  if (folder) {
    const { width } = page.viewportSize()!;
    await page.screenshot({ path: `${folder}/${what.replaceAll(' ', '-')}-${width}.png` });
  }
}

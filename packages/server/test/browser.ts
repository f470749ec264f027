/** Debian's Chromium for tests. */

import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const CHROMIUM = '/usr/bin/chromium';
/** Beside what a container needs: nothing that would make the browser look for hosts of its maker. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Whether there is a browser; a suite that needs one and finds none says so and is skipped. */
export function hasBrowser(suite: string): boolean {
  const isThere = existsSync(CHROMIUM);
  if (!isThere) process.stdout.write(`${suite} is skipped: there is no ${CHROMIUM}\n`);
  return isThere;
}

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
}

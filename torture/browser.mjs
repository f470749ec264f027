/**
 * A web page attacks a server on this machine, in a real Chromium: a page whose name is made to
 * resolve to 127.0.0.1 (DNS rebinding), and a page of another site that sends forms, images and
 * no-cors requests.
 *
 * A flag makes the browser resolve the attacker's name to this machine, where a small server
 * delivers the page.
 */

import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { attributesOf, visit } from './lanes.mjs';
import { makeFolder, packageOfServer, RUNTIMES, startQuiver } from './quiver-process.mjs';

const CHROMIUM = '/usr/bin/chromium';
const ATTACKER = 'attacker.example';
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  `--host-resolver-rules=MAP *.${ATTACKER} 127.0.0.1, MAP ${ATTACKER} 127.0.0.1`,
];
const PROFILE = '/rest/v1/profiles/thirdPartyId/victim?client=demo';
const UPDATE = '/m2/demo/profile/update?mbox3rdPartyId=victim';
const SETTLED_MS = 20_000;

export default {
  name: 'browser',
  bar: 'a page of another name or origin reads no profile and writes none; visits from any page go on',
  sizes: { short: {}, long: {} },
  sabotages: { 'any-host-any-page': {} },

  async run(_, { say, sabotage }) {
    if (!existsSync(CHROMIUM)) return { skipped: `there is no ${CHROMIUM}` };
    const { chromium } = packageOfServer('playwright-core');
    const seen = { attempts: 0, read: 0, written: 0, visits: 0 };
    const problems = [];
    for (const runtime of RUNTIMES) {
      const dataDir = await makeFolder('browser');
      const server = await startQuiver({ runtime, dataDir, flags: ['--workers', '1'], sabotage });
      const pages = await servePages();
      const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
      try {
        await visit(server.url, { thirdPartyId: 'victim' }, { secret: 'kept' });
        const page = await browser.newPage();
        const found = [
          ...(await rebind(page, server.url, seen)),
          ...(await writeAcross(page, server.url, pages.port, seen)),
        ];
        problems.push(...found.map((problem) => `${runtime}: ${problem}`));
        say(`${runtime}: ${seen.attempts} attempts, ${found.length} got through`);
      } finally {
        await browser.close();
        pages.close();
        await server.stop();
      }
    }
    const isMet = problems.length === 0 && seen.visits === RUNTIMES.length && seen.attempts > 0;
    return { seen, problems, isMet };
  },
};

/** The page's own name leads to the server, so its requests are same-origin. */
async function rebind(page, url, seen) {
  const problems = [];
  const { port } = new URL(url);
  const answer = await page.goto(`http://${ATTACKER}:${port}/healthz`);
  seen.attempts += 1;
  if (answer.status() !== 421) problems.push(`${ATTACKER} was answered with ${answer.status()}`);
  else if (!(await answer.text()).includes('--allow-host'))
    problems.push('the refusal does not name the flag');
  // The page is whatever was answered; its scripts belong to that origin.
  const tried = await page.evaluate(
    async ({ profile, update }) => {
      const ask = async (path, init) => {
        const response = await fetch(path, init);
        return { status: response.status, text: await response.text() };
      };
      return [
        await ask(profile),
        await ask(`${update}&profile.stolen=1`, { method: 'POST' }),
        await ask('/metrics'),
      ];
    },
    { profile: PROFILE, update: UPDATE },
  );
  seen.attempts += tried.length;
  for (const { status, text } of tried) {
    if (text.includes('kept')) seen.read += 1;
    if (status !== 421) problems.push(`a request of the page was answered with ${status}`);
  }
  const after = await attributesOf(url, 'thirdPartyId/victim');
  if (after.stolen !== undefined) {
    seen.written += 1;
    problems.push('a rebound page has written');
  }
  return problems;
}

/**
 * A page of another site sends requests that need no permission: forms, an image, requests whose
 * reply it cannot read.
 */
async function writeAcross(page, url, port, seen) {
  const problems = [];
  await page.goto(`http://pages.${ATTACKER}:${port}/`);
  const batch = 'batch=thirdPartyId,uploaded\nvictim,1\n';
  const sent = await page.evaluate(
    async ({ server, profile, update, batch }) => {
      const form = (action, fields, enctype) =>
        new Promise((resolve) => {
          const frame = document.createElement('iframe');
          frame.name = `frame${document.querySelectorAll('iframe').length}`;
          const made = document.createElement('form');
          Object.assign(made, { action, method: 'post', target: frame.name, enctype });
          for (const [name, value] of fields) {
            const input = document.createElement('textarea');
            Object.assign(input, { name, value });
            made.append(input);
          }
          document.body.append(frame, made);
          frame.onload = () => resolve('sent');
          made.submit();
        });
      const image = (src) =>
        new Promise((resolve) => {
          const made = new Image();
          made.onload = made.onerror = () => resolve('sent');
          made.src = src;
          document.body.append(made);
        });
      const quietly = (path, init) =>
        fetch(server + path, { mode: 'no-cors', ...init }).then(
          () => 'sent',
          (error) => `${error}`,
        );
      const readable = await fetch(server + profile).then(
        (response) => response.text(),
        () => 'blocked',
      );
      const done = [
        await form(`${server}${update}`, [['profile.form', '1']], 'application/x-www-form-urlencoded'),
        // As text/plain, a form sends `name=value`, which is how the first line of a batch looks.
        await form(
          `${server}/m2/demo/v2/profile/batchUpdate`,
          [batch.split(/=(.*)/s).slice(0, 2)],
          'text/plain',
        ),
        await image(`${server}${update}&profile.image=1`),
        await quietly(`${update}&profile.quiet=1`, { method: 'POST' }),
        await quietly('/m2/demo/v2/profile/batchUpdate', { method: 'POST', body: batch }),
        await quietly(`${update}&profile.get=1`),
      ];
      const visited = await fetch(`${server}/rest/v1/delivery?client=demo&sessionId=s`, {
        method: 'POST',
        body: JSON.stringify({ context: { channel: 'web' } }),
      }).then(
        (response) => response.status,
        (error) => `${error}`,
      );
      return { readable, done, visited };
    },
    { server: url, profile: PROFILE, update: UPDATE, batch },
  );
  seen.attempts += sent.done.length + 1;
  if (sent.readable !== 'blocked') {
    seen.read += 1;
    problems.push('a page of another site has read a profile');
  }
  if (sent.visited === 200) seen.visits += 1;
  else problems.push(`a visit from another site was answered with ${sent.visited}`);
  const written = await writtenIn(url);
  seen.written += written.length;
  for (const name of written) problems.push(`a page of another site has written ${name}`);
  return problems;
}

/**
 * What was written although it must not be. A batch is applied after a while, so one of our own is
 * queued behind it.
 */
async function writtenIn(url) {
  const last = 'batch=thirdPartyId,x\nmarker,1\n';
  const accepted = await fetch(`${url}/m2/demo/v2/profile/batchUpdate`, { method: 'POST', body: last });
  if (accepted.status !== 200) throw new Error(`our own batch was answered with ${accepted.status}`);
  const end = performance.now() + SETTLED_MS;
  while ((await attributesOf(url, 'thirdPartyId/marker')) === undefined) {
    if (performance.now() > end) throw new Error('our own batch was not applied');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const attributes = await attributesOf(url, 'thirdPartyId/victim');
  return ['form', 'image', 'quiet', 'get', 'uploaded'].filter((name) => attributes[name] !== undefined);
}

/** The attacker's own web server. */
async function servePages() {
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><title>harmless</title><body></body>');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: server.address().port,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

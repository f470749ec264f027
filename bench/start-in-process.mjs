/**
 * What a test waits for, in a process of its own: prints milliseconds as JSON.
 *
 *   start-in-process.mjs quiver   a sandbox until it serves; then going back to a seed of 1,000
 *                                 profiles, and seeding them
 *   start-in-process.mjs msw      setupServer of MSW until it intercepts
 */

import { createRequire } from 'node:module';

const PROFILES = 1000;
const RESETS = 20;
const timed = async (work) => {
  const started = performance.now();
  const result = await work();
  return [performance.now() - started, result];
};

const times = process.argv[2] === 'msw' ? await ofMsw() : await ofQuiver();
process.stdout.write(`${JSON.stringify(times)}\n`);
process.exit();

async function ofQuiver() {
  const built = new URL('../packages/server/dist/sandbox.js', import.meta.url);
  const { startSandbox } = await import(built.href);
  const [ready, sandbox] = await timed(() => startSandbox());
  const answer = await fetch(`${sandbox.url}/rest/v1/profiles/nobody`);
  if (answer.status !== 404) throw new Error(`the sandbox answered ${answer.status}`);
  const seed = Array.from({ length: PROFILES }, (_, n) => ({
    thirdPartyId: `person-${n}`,
    attributes: { plan: 'gold', country: 'france', score: String(n) },
  }));
  const [seeded] = await timed(() => sandbox.seed(seed));
  const resets = [];
  for (let n = 0; n < RESETS; n += 1) {
    const update = `${sandbox.url}/m2/demo/profile/update?mbox3rdPartyId=person-${n}&profile.plan=silver`;
    const { status } = await fetch(update);
    if (status !== 200) throw new Error(`the update was answered with ${status}`);
    const [ms] = await timed(() => sandbox.reset());
    resets.push(ms);
  }
  await sandbox.close();
  return { ready, seeded, resets };
}

async function ofMsw() {
  // The server's tests use it, so it is installed there.
  const packageOfServer = createRequire(new URL('../packages/server/package.json', import.meta.url));
  const { setupServer } = packageOfServer('msw-2/node');
  const { http, HttpResponse } = packageOfServer('msw-2');
  const [ready] = await timed(async () => {
    const server = setupServer(http.get('https://demo.tt.omtrdc.net/*', () => HttpResponse.json({})));
    server.listen();
    await (await fetch('https://demo.tt.omtrdc.net/rest/v1/profiles/nobody')).json();
  });
  return { ready };
}

/**
 * A small disk and twenty large profiles: visits that change nothing, then updates that rewrite
 * most of a profile, continuously, enough to fill the disk many times over. The store must stay
 * small, accept every visit, and lose nothing. Then the disk is filled with new profiles until they
 * are refused; once some are removed, the store must accept writes again by itself.
 */

import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ask, until, visit } from './lanes.mjs';
import { makeFolder, startQuiver } from './quiver-process.mjs';

const DISK_MIB = 96;
const MIB = 1024 ** 2;
const PROFILES = 20;
const LANES = 16;
const LARGE = 'x'.repeat(50_000);
const TAKEN_WITHIN_MS = 60_000;

export default {
  name: 'small-disk',
  bar: 'no visit refused and the file under half of the disk; full, it takes writes again when something was removed; nothing lost',
  sizes: { short: { visits: 4000, updates: 1000 }, long: { visits: 200_000, updates: 20_000 } },
  sabotages: { 'whole-records': { visits: 4000, updates: 0 }, 'no-cleaning': { visits: 0, updates: 4000 } },
  async run(size, { say, sabotage }) {
    const folder = await makeFolder('small');
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'tmpfs', folder], { stdio: 'ignore' });
    } catch {
      return { skipped: 'needs the right to mount a small tmpfs' };
    }
    const seen = {
      visits: 0,
      updates: 0,
      refused: 0,
      largestMiB: 0,
      lost: 0,
      createdUntilFull: 0,
      backMs: 0,
    };
    const problems = [];
    const dataDir = join(folder, 'data');
    const quiver = await startQuiver({ runtime: 'bun', dataDir, flags: ['--workers', '2'], sabotage });
    try {
      const { url } = quiver;
      const note = () => {
        const mib = Math.round(statSync(join(dataDir, 'store', 'data.mdb')).size / MIB);
        seen.largestMiB = Math.max(seen.largestMiB, mib);
      };
      for (let n = 0; n < PROFILES; n += 1) await enlarge(url, `big-${n}`);
      let sent = 0;
      await inLanes(size.visits, async (n) => {
        const { status } = await visit(url, { tntId: `big-${n % PROFILES}` }, {});
        if (status === 200) seen.visits += 1;
        else seen.refused += 1;
        sent += 1;
        if (sent % 500 === 0) note();
      });
      note();
      if (seen.refused > 0) problems.push(`${seen.refused} visits were refused`);
      say(`${seen.visits} visits, the file has ${seen.largestMiB} MiB`);
      if (seen.largestMiB > DISK_MIB / 2) problems.push('visits that change nothing filled half of the disk');
      let updatesRefused = 0;
      await inLanes(size.updates, async (n) => {
        if ((await enlarge(url, `big-${n % PROFILES}`)) === 200) seen.updates += 1;
        else updatesRefused += 1;
      });
      note();
      say(`${seen.updates} updates, ${updatesRefused} refused, the file has ${seen.largestMiB} MiB`);
      if (seen.updates < size.updates / 2) problems.push('most updates were refused');
      const token = readFileSync(join(dataDir, 'admin-token'), 'utf8').trim();
      await fillAndRecover(url, token, seen, problems);
      for (let n = 0; n < PROFILES; n += 1) {
        if ((await ask(`${url}/rest/v1/profiles/big-${n}?client=demo`)).status !== 200) seen.lost += 1;
      }
      if (seen.lost > 0) problems.push(`${seen.lost} profiles are lost`);
    } finally {
      await quiver.kill();
      execFileSync('umount', ['-l', folder]);
    }
    return { seen, problems, isMet: problems.length === 0 };
  },
};

async function enlarge(url, tntId) {
  const big = `${Math.random()}${LARGE}`;
  const body = new URLSearchParams({ 'profile.big': big.slice(0, 50_000) }).toString();
  const update = () =>
    ask(`${url}/m2/demo/profile/update?mboxPC=${tntId}`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body,
    });
  const { status, text } = await update();
  if (status !== 200 || text.includes('<success>true')) return status;
  await visit(url, { tntId }, {});
  return (await update()).status;
}

/**
 * Creates profiles until they are refused, removes some, and waits until another one is accepted.
 */
async function fillAndRecover(url, token, seen, problems) {
  let refused = 0;
  for (let n = 0; refused < 20 && n < 200_000; ) {
    const statuses = await Promise.all(
      Array.from({ length: LANES }, async () => {
        n += 1;
        const large = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`a${at}`, 'y'.repeat(250)]));
        return (await visit(url, { tntId: `fill-${n}` }, large)).status;
      }),
    );
    refused += statuses.filter((status) => status === 507).length;
    seen.createdUntilFull += statuses.filter((status) => status === 200).length;
    if (statuses.some((status) => status !== 200 && status !== 507 && status !== 503)) {
      problems.push(`a visit was answered with ${statuses}`);
      return;
    }
  }
  if (refused === 0) problems.push('the disk never became full');
  const headers = { authorization: `Bearer ${token}` };
  for (let n = 1; n <= seen.createdUntilFull / 2; n += 1) {
    const { status } = await ask(`${url}/rest/v1/profiles/fill-${n}?client=demo`, {
      method: 'DELETE',
      headers,
    });
    if (status >= 500) problems.push(`a removal was answered with ${status}`);
    if (problems.length > 5) return;
  }
  const started = performance.now();
  const isTaken = async () => (await visit(url, { tntId: 'back' }, { a: '1' })).status === 200;
  await until(isTaken, TAKEN_WITHIN_MS, 'a write after something was removed').catch((error) =>
    problems.push(error.message),
  );
  seen.backMs = Math.round(performance.now() - started);
}

async function inLanes(count, work) {
  let next = 0;
  await Promise.all(
    Array.from({ length: LANES }, async () => {
      for (let n = next++; n < count; n = next++) await work(n);
    }),
  );
}

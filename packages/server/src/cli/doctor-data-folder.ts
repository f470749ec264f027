/** The doctor's checks of the data folder. */

import { access, constants, readdir, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { grouped } from '../batches/batch-format.ts';
import type { ServeConfig } from '../config/config.ts';
import { storePlace } from '../config/store-location.ts';
import { type EmbeddedStoreFacts, hasEmbeddedStore, hasLostStore, openStores } from '../server.ts';
import { BATCH_FILE_END, BATCHES_FOLDER, SECRET_FILES, STORE_FOLDER } from './data-folder-names.ts';
import type { Finding } from './doctor-finding.ts';
import { inspectApart } from './inspect-store.ts';

const MiB = 1024 ** 2;
/**
 * Below the first limit (or a tenth of a small disk) the store refuses writes; below the second the
 * doctor warns.
 */
const RESERVED = 64 * MiB;
const RESERVED_SHARE = 0.1;
const SCARCE = 1024 * MiB;
/** Less free space than this within the file is not reported. */
const MUCH_FREE = 256 * MiB;
/** A clock that is this far behind the latest stored time is wrong, in milliseconds. */
const CLOCK_TOLERANCE = 60_000;
/**
 * File systems where memory-mapped locks do not work, or files do not survive a restart, by their
 * magic number.
 */
const UNFIT = new Map([
  [0x6969, 'NFS'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB'],
  [0x01021994, 'tmpfs'],
]);

export async function checkFolder({ dataDir, store }: ServeConfig): Promise<Finding[]> {
  const name = 'data folder';
  const found = await stat(dataDir).catch(() => undefined);
  if (!found) {
    await access(await nearestFolder(dataDir), constants.W_OK);
    return [{ name, state: 'ok', text: `${dataDir} does not exist yet and can be created` }];
  }
  if (!found.isDirectory()) return [{ name, state: 'problem', text: `${dataDir} is not a folder` }];
  await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
  const open = found.mode & 0o077;
  const findings: Finding[] = [
    open === 0
      ? { name, state: 'ok', text: `${dataDir}, its owner's alone` }
      : { name, state: 'warning', text: `${dataDir} is accessible to other users; chmod 700 ${dataDir}` },
  ];
  for (const secret of SECRET_FILES) {
    const file = await stat(join(dataDir, secret)).catch(() => undefined);
    if (file && (file.mode & 0o077) !== 0) {
      const text = `${join(dataDir, secret)} is readable by other users; chmod 600 ${join(dataDir, secret)}, then replace it`;
      findings.push({ name: secret, state: 'problem', text });
    }
  }
  const unfit = store.kind === 'lmdb' ? UNFIT.get((await statfs(dataDir)).type) : undefined;
  if (unfit !== undefined) {
    const text = `${dataDir} is on ${unfit}; the embedded store needs a disk of this machine`;
    findings.push({ name: 'file system', state: unfit === 'tmpfs' ? 'warning' : 'problem', text });
  }
  return findings;
}

export async function checkSpace({ dataDir }: ServeConfig): Promise<Finding> {
  const { bavail, blocks, bsize, ffree, files } = await statfs(await nearestFolder(dataDir));
  const free = bavail * bsize;
  const text = `${grouped(Math.floor(free / MiB))} MiB free`;
  const name = 'free space';
  if (free < Math.min(RESERVED, blocks * bsize * RESERVED_SHARE)) {
    return { name, state: 'problem', text: `${text}: writes are refused with 507 until there is more space` };
  }
  if (files > 0 && ffree < 1000)
    return { name, state: 'warning', text: `${text}, but only ${ffree} more files` };
  if (free < SCARCE)
    return { name, state: 'warning', text: `${text}; stop the server and run quiver compact` };
  return { name, state: 'ok', text };
}

export async function checkStore(config: ServeConfig): Promise<Finding[]> {
  const name = 'store';
  const path = join(config.dataDir, STORE_FOLDER);
  if (config.store.kind !== 'lmdb') return [await checkCluster(config)];
  if (hasLostStore(config.dataDir)) {
    return [{ name, state: 'problem', text: `${path} had a store that is now missing; restore a backup` }];
  }
  if (!hasEmbeddedStore(path)) return [{ name, state: 'ok', text: 'none yet; created at the first start' }];
  const { profiles, bytes, freeBytes, processes, unfinished } = await inspectApart(path);
  const use = processes.length === 0 ? 'not in use' : `in use by process ${processes.join(', ')}`;
  const text = `every record could be read; ${grouped(profiles)} profiles, ${grouped(Math.ceil(bytes / MiB))} MiB, ${use}`;
  const isSparse = freeBytes >= MUCH_FREE && freeBytes > bytes / 2;
  const more = isSparse
    ? `; ${grouped(Math.floor(freeBytes / MiB))} MiB of it free, which quiver compact releases`
    : '';
  return [{ name, state: 'ok', text: text + more }, ...(await batchFindings(config, unfinished))];
}

async function checkCluster(config: ServeConfig): Promise<Finding> {
  const stores = await openStores(config);
  try {
    await stores.check();
    const { profiles, bytes } = await stores.figures();
    const text = `${storePlace(config.store)} accepts writes; ${grouped(profiles)} profiles, ${grouped(Math.ceil(bytes / MiB))} MiB in all masters`;
    return { name: 'store', state: 'ok', text };
  } finally {
    await stores.close();
  }
}

async function batchFindings(
  { dataDir, clients }: ServeConfig,
  unfinished: EmbeddedStoreFacts['unfinished'],
): Promise<Finding[]> {
  const name = 'batches';
  const files = new Set(await readdir(join(dataDir, BATCHES_FOLDER)).catch(() => []));
  const findings: Finding[] = [];
  for (const { client, id, state, reason } of unfinished) {
    if (!files.has(`${id}${BATCH_FILE_END}`)) {
      findings.push({ name, state: 'problem', text: `${id} is queued, but its file is missing` });
    } else if (state === 'stuck') {
      findings.push({ name, state: 'warning', text: `${id} is stuck (${reason}); quiver batch retry ${id}` });
    } else if (!clients.includes(client)) {
      findings.push({ name, state: 'warning', text: `${id} waits, but ${client} is not served` });
    }
  }
  if (findings.length > 0) return findings;
  const text = unfinished.length === 0 ? 'none waiting' : `${unfinished.length} in progress`;
  return [{ name, state: 'ok', text }];
}

/**
 * The clock must not be behind times that it has stamped before: attribute times never go back, and
 * profiles would live longer.
 */
export async function checkClock({ dataDir }: ServeConfig): Promise<Finding> {
  const name = 'clock';
  const now = Date.now();
  const written = await stat(join(dataDir, STORE_FOLDER, 'data.mdb')).catch(() => undefined);
  const behind = (written?.mtimeMs ?? 0) - now;
  if (behind > CLOCK_TOLERANCE) {
    const text = `${new Date(now).toISOString()} is ${Math.ceil(behind / 1000)} s before the last write to the store`;
    return { name, state: 'problem', text: `${text}; correct it before you start the server` };
  }
  return { name, state: 'ok', text: new Date(now).toISOString() };
}

async function nearestFolder(path: string): Promise<string> {
  for (let folder = path; ; folder = dirname(folder)) {
    const found = await stat(folder).catch(() => undefined);
    if (found || folder === dirname(folder)) return folder;
  }
}

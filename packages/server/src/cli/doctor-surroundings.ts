/**
 * The doctor's checks outside of the data folder: the program, its limits, the engine's settings,
 * who can reach it.
 */

import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import type { ServeConfig } from '../config/config.ts';
import { isLoopback } from '../config/loopback.ts';
import { embeddedStoreSettings } from '../server.ts';
import { quiverVersion, runtimeVersion } from '../version.ts';
import type { Finding } from './doctor-finding.ts';

/** Every connection needs one file, so fewer than this are soon used up. */
const FEW_FILES = 4096;
const OLDEST_NODE = [20, 19] as const;

export async function checkProgram({ workers }: ServeConfig): Promise<Finding> {
  const { bun, node } = process.versions;
  const [major = 0, minor = 0] = node.split('.').map(Number);
  const text = `Quiver ${quiverVersion()} on ${runtimeVersion()}, ${process.platform} ${process.arch}`;
  const isOld = major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1]);
  if (bun === undefined && isOld) {
    return {
      name: 'program',
      state: 'problem',
      text: `${text}; Node ${OLDEST_NODE.join('.')} is the oldest supported version`,
    };
  }
  const cores = availableParallelism();
  if (workers > 2 * cores) {
    return { name: 'program', state: 'warning', text: `${text}; ${workers} workers on ${cores} cores` };
  }
  return { name: 'program', state: 'ok', text };
}

export async function checkLimits(): Promise<Finding | Finding[]> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => undefined);
  if (limits === undefined) return [];
  const files = softLimit(limits, 'Max open files');
  const memory = softLimit(limits, 'Max address space');
  const findings: Finding[] = [
    files < FEW_FILES
      ? {
          name: 'open files',
          state: 'warning',
          text: `at most ${files}, and every connection needs one; ulimit -n ${FEW_FILES} or LimitNOFILE=`,
        }
      : { name: 'open files', state: 'ok', text: `at most ${files}` },
  ];
  if (Number.isFinite(memory)) {
    const text = `at most ${memory} bytes of addresses, and the embedded store maps its whole file; ulimit -v unlimited`;
    findings.push({ name: 'address space', state: 'warning', text });
  }
  return findings;
}

function softLimit(limits: string, name: string): number {
  const value = limits
    .split('\n')
    .find((line) => line.startsWith(name))
    ?.slice(name.length)
    .trim()
    .split(/\s+/)[0];
  return value === undefined || value === 'unlimited' ? Number.POSITIVE_INFINITY : Number(value);
}

export async function checkEngine({ store }: ServeConfig): Promise<Finding> {
  if (store.kind !== 'lmdb') {
    return {
      name: 'engine',
      state: 'ok',
      text: 'Redis; its settings are checked at every start of a server',
    };
  }
  return { name: 'engine', state: 'ok', text: `lmdb: ${embeddedStoreSettings()}` };
}

/** Whether other machines can reach the port, and whether they would send data unencrypted. */
export async function checkReach({ host, port, tls, tlsDev }: ServeConfig): Promise<Finding> {
  const where = `${host}:${port}`;
  if (isLoopback(host)) return { name: 'reach', state: 'ok', text: `${where}, only this machine` };
  if (tls === undefined && !tlsDev) {
    const text = `${where} can be reached from other machines unencrypted; use --tls-cert, or a proxy in front of it`;
    return { name: 'reach', state: 'warning', text };
  }
  return { name: 'reach', state: 'ok', text: `${where}, https` };
}

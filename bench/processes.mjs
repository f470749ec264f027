/**
 * The programs that a benchmark starts: on loopback, in a folder of the run, stopped at its end.
 */

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';

/** The folder of this run. */
export const folder = mkdtempSync(join(tmpdir(), 'quiver-bench-'));
const children = new Set();

/** Starts a program and remembers it. */
export function start(command, args, options = {}) {
  const child = spawn(command, args, { stdio: 'ignore', ...options });
  children.add(child);
  child.once('exit', () => children.delete(child));
  child.once('error', () => children.delete(child));
  return child;
}

/** Starts a program and waits for a line of its output from which `pattern` takes something. */
export async function startAndRead(command, args, pattern, options = {}) {
  const child = start(command, args, { ...options, stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: child.stdout })) {
    const match = pattern.exec(line)?.[1];
    if (match === undefined) continue;
    child.stdout.on('error', () => {}).resume();
    return { child, match };
  }
  throw new Error(`${command} ${args.join(' ')} did not start`);
}

/** Stops a program; returns when it has ended. */
export async function stop(child, signal = 'SIGTERM') {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await ended;
}

/** Stops all programs and deletes their files. */
export async function cleanUp() {
  await Promise.all(
    [...children].map((child) => stop(child, child.spawnfile === 'postgres' ? 'SIGINT' : 'SIGTERM')),
  );
  rmSync(folder, { recursive: true, force: true });
}

/** Waits until `isSo` returns true, half a minute at most. */
export async function until(isSo, what, seconds = 30) {
  const deadline = performance.now() + seconds * 1000;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`waited too long: ${what}`);
    await setTimeout(2);
  }
}

/** Whether a URL answers 200. */
export function answers(url) {
  return fetch(url).then(
    ({ status }) => status === 200,
    () => false,
  );
}

/** Whether a program is installed. */
export function has(program) {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined;
}

/** A free port on loopback. */
export function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** A process and all its descendants. */
export function family(pid) {
  const list = readOrEmpty(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);
  return [pid, ...list.flatMap(family)];
}

/** The processor time that processes have used so far, in seconds. */
export function processorTime(pids) {
  return pids.reduce((sum, pid) => {
    const fields = readOrEmpty(`/proc/${pid}/stat`).split(') ')[1]?.split(' ');
    return fields ? sum + (Number(fields[11]) + Number(fields[12])) / 100 : sum;
  }, 0);
}

/**
 * The bytes that processes have written to files so far; on Bun, what is sent to sockets is not
 * included.
 */
export function bytesWritten(pids) {
  return pids.reduce(
    (sum, pid) => sum + Number(/^wchar: (\d+)/m.exec(readOrEmpty(`/proc/${pid}/io`))?.[1] ?? 0),
    0,
  );
}

/** The memory of processes in bytes, without pages of files, which the system can drop. */
export function ownMemory(pids) {
  return pids.reduce((sum, pid) => {
    const status = readOrEmpty(`/proc/${pid}/status`);
    const kilobytes = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
    return sum + (kilobytes('RssAnon') + kilobytes('RssShmem')) * 1024;
  }, 0);
}

export function say(text) {
  process.stdout.write(`${text}\n`);
}

function readOrEmpty(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

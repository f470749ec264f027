import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryFolderProblem } from './temporary-folder.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'quiver-temporary-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

test('a folder in which programs can run is left unchanged', () => {
  expect(temporaryFolderProblem(folder)).toBeUndefined();
  expect(readdirSync(folder)).toEqual([]);
});

test('a missing folder, or a path that is no folder, gives one line', () => {
  const missing = join(folder, 'missing');
  const advice = 'set TMPDIR to a folder where this user may write and run programs';
  expect(temporaryFolderProblem(missing)).toBe(`TMPDIR: cannot write to ${missing} (ENOENT); ${advice}`);
  const file = join(folder, 'file');
  writeFileSync(file, '');
  expect(temporaryFolderProblem(file)).toBe(`TMPDIR: ${file} is not a folder; ${advice}`);
});

const NOEXEC = '/dev/shm';
const isNoexec =
  process.platform === 'linux' &&
  readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .some((line) => line.split(' ')[1] === NOEXEC && /\bnoexec\b/.test(line));
// Only root can mount such a file system; most systems have this one.
test.skipIf(!isNoexec)('a folder mounted noexec gives one line', () => {
  expect(temporaryFolderProblem(NOEXEC)).toMatch(/does not allow programs \(noexec\)/);
});

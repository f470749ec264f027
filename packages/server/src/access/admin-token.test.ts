import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ADMIN_TOKEN_FILE, ensureAdminToken } from './admin-token.ts';
import { digestOf, isSameSecret } from './same-secret.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quiver-token-'));
});
afterEach(() => rm(folder, { recursive: true }));

test('the token is made at the first start, readable by its owner only, and stays the same', async () => {
  const first = await ensureAdminToken(folder, undefined);
  expect(first.created).toBe(true);
  expect(Buffer.from(first.token, 'base64url')).toHaveLength(32);
  expect((await stat(join(folder, ADMIN_TOKEN_FILE))).mode & 0o777).toBe(0o600);
  expect(await ensureAdminToken(folder, undefined)).toEqual({ token: first.token, created: false });
  expect(await readdir(folder)).toEqual([ADMIN_TOKEN_FILE]);
});

test('when many processes start at once, one makes the token and all use it', async () => {
  const tokens = await Promise.all(Array.from({ length: 20 }, () => ensureAdminToken(folder, undefined)));
  expect(new Set(tokens.map(({ token }) => token)).size).toBe(1);
  expect(tokens.filter(({ created }) => created)).toHaveLength(1);
  expect(await readdir(folder)).toEqual([ADMIN_TOKEN_FILE]);
});

test('the variable takes precedence, and no file is touched', async () => {
  expect(await ensureAdminToken(folder, 'given')).toEqual({ token: 'given', created: false });
  expect(await readdir(folder)).toEqual([]);
});

test('an empty file is an error, not an empty token', async () => {
  await writeFile(join(folder, ADMIN_TOKEN_FILE), '\n');
  await expect(ensureAdminToken(folder, undefined)).rejects.toThrow('is empty');
  expect(await readFile(join(folder, ADMIN_TOKEN_FILE), 'utf8')).toBe('\n');
});

test('only the secret itself is accepted', () => {
  const digest = digestOf('right');
  expect(isSameSecret('right', digest)).toBe(true);
  for (const wrong of ['', 'righ', 'right ', 'Right', 'rightright'])
    expect(isSameSecret(wrong, digest), wrong).toBe(false);
});

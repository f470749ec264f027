import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Quiver, type RuntimeName, runQuiver, startQuiver } from './start-quiver.ts';

describe.each<RuntimeName>(['bun', 'node'])(
  'the client commands on %s, against a started server',
  (runtime) => {
    let server: Quiver;
    let folder: string;
    beforeAll(async () => {
      server = await startQuiver({ runtime, flags: ['--workers', '1'] });
      folder = await mkdtemp(join(tmpdir(), 'quiver-import-e2e-'));
    });
    afterAll(async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    });

    const quiver = (...args: string[]) =>
      runQuiver(args, { runtime, env: { QUIVER_URL: server.url, QUIVER_TOKEN: server.adminToken } });

    test('a file is imported, and its failed rows are corrected and sent again', async () => {
      const path = join(folder, 'people.batch');
      await writeFile(
        path,
        'batch=thirdPartyId,plan,city\r\nana,gold,Rome\r\nbo,x%,Oslo\r\n\r\ncy,,C%C3%B4me\r\n',
      );
      const sent = await quiver('import', path);
      expect(sent.stdout).toMatch(
        /^rows +3\nsuccessful +2\nfailed +1\nline 3 {2}bo {2}the value of "plan" has a %/m,
      );
      expect(sent.code).toBe(3);

      const id = /demo-\d+-\d{8}/.exec(sent.stdout)![0];
      const failed = join(folder, 'failed.batch');
      expect((await quiver('batch', 'failures', id, '--file', failed)).code).toBe(0);
      const rows = await readFile(failed, 'utf8');
      expect(rows).toBe('batch=thirdPartyId,plan,city\nbo,x%,Oslo\r\n');
      await writeFile(failed, rows.replace('x%', '5%25'));
      expect((await quiver('import', failed)).code).toBe(0);
      expect((await quiver('get', 'bo')).stdout).toMatch(/^plan {2}5% /m);
      expect((await quiver('get', 'cy')).stdout).toMatch(/^city {2}Côme /m);
      expect((await quiver('batch', 'status', id)).stdout).toMatch(/^state +complete$/m);
    });

    test('a table is read from stdin, and no file is left behind', async () => {
      const before = (await readdir(tmpdir())).filter((name) => /^quiver-import-\w{6}$/.test(name));
      const bin = runtime === 'bun' ? ['src/main.ts'] : ['dist/main.js'];
      const command = runtime === 'bun' ? join('..', '..', 'node_modules', '.bin', 'bun') : process.execPath;
      const args = [
        ...bin,
        'import',
        '-',
        '--csv',
        '--key',
        'crm id',
        '--as',
        'thirdPartyId',
        '--url',
        server.url,
      ];
      const child = spawn(command, args, {
        cwd: join(import.meta.dirname, '..'),
        stdio: ['pipe', 'ignore', 'ignore'],
      });
      child.stdin.end('crm id,motto\ndi,"one, ""two""\nthree"\n');
      expect(await new Promise((resolve) => child.once('close', resolve))).toBe(0);
      expect((await quiver('get', 'di', '--json')).stdout).toContain('"value":"one, \\"two\\"\\nthree"');
      expect((await readdir(tmpdir())).filter((name) => /^quiver-import-\w{6}$/.test(name))).toEqual(before);
    });

    test('set changes a profile, and version 1 creates none', async () => {
      const path = join(folder, 'v1.batch');
      await writeFile(path, 'batch=pcId,plan\nnobody,gold');
      const sent = await quiver('import', path, '--v1');
      expect([sent.code, sent.stdout]).toEqual([0, expect.stringMatching(/^not found +1$/m)]);
      expect(await quiver('get', 'nobody')).toMatchObject({ code: 1, stdout: '' });
      expect(await quiver('set', 'nobody', 'a=b')).toMatchObject({ code: 1, stdout: '' });
    });

    test('the exit code is 4 when no server listens', async () => {
      const path = join(folder, 'one.batch');
      await writeFile(path, 'batch=pcId,plan\n1,gold');
      const sent = await runQuiver(['import', path, '--url', 'http://127.0.0.1:9'], { runtime });
      expect([sent.code, sent.stdout]).toEqual([4, '']);
      expect(sent.stderr).toMatch(/^quiver: cannot reach http:\/\/127\.0\.0\.1:9: /m);
    });
  },
);

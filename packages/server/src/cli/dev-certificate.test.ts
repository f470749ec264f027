import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadConfig } from '../config/load-config.ts';
import { ensureDevCertificate } from './dev-certificate.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quiver-tls-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const configFor = (...clients: string[]) =>
  loadConfig({ flags: { data: folder, client: clients, 'tls-dev': 'yes' }, env: {}, file: undefined }).config;
const read = (name: string) => readFile(join(folder, 'tls', name), 'utf8');

test('a second start uses the files of the first', async () => {
  await ensureDevCertificate(configFor('demo'));
  const before = await Promise.all(['authority.pem', 'certificate.pem'].map(read));
  await ensureDevCertificate(configFor('demo'));
  expect(await Promise.all(['authority.pem', 'certificate.pem'].map(read))).toEqual(before);
});

test('other names get another certificate of the same authority', async () => {
  await ensureDevCertificate(configFor('demo'));
  const authority = await read('authority.pem');
  await ensureDevCertificate(configFor('demo', 'shop'));
  expect(await read('authority.pem')).toBe(authority);
  const certificate = new X509Certificate(await read('certificate.pem'));
  expect(certificate.verify(new X509Certificate(authority).publicKey)).toBe(true);
  for (const name of ['localhost', 'shop.localhost', 'demo.tt.omtrdc.net', 'mboxedge28.tt.omtrdc.net']) {
    expect(certificate.checkHost(name), name).toBeDefined();
  }
  expect(certificate.checkIP('127.0.0.1')).toBeDefined();
  expect(certificate.checkHost('example.com')).toBeUndefined();
});

test('only the owner can read the keys', async () => {
  await ensureDevCertificate(configFor('demo'));
  for (const name of ['authority-key.pem', 'certificate-key.pem']) {
    expect((await stat(join(folder, 'tls', name))).mode & 0o777).toBe(0o600);
  }
});

test.each([
  ['damaged', (file: string) => writeFile(file, 'no certificate')],
  ['gone', (file: string) => unlink(file)],
])('an authority whose file is %s is never replaced silently', async (_, spoil) => {
  await ensureDevCertificate(configFor('demo'));
  await spoil(join(folder, 'tls', 'authority-key.pem'));
  const authority = await read('authority.pem');
  await expect(ensureDevCertificate(configFor('demo'))).rejects.toThrow(
    'has an authority that cannot be used',
  );
  expect(await read('authority.pem')).toBe(authority);
});

test('a damaged certificate is made again', async () => {
  const { certFile, authorityFile } = await ensureDevCertificate(configFor('demo'));
  await writeFile(certFile, 'no certificate');
  await ensureDevCertificate(configFor('demo'));
  const authority = new X509Certificate(await readFile(authorityFile, 'utf8'));
  expect(new X509Certificate(await readFile(certFile, 'utf8')).verify(authority.publicKey)).toBe(true);
});

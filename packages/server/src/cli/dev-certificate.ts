/**
 * The certificate of `--tls-dev` (contract section 11): pages and phones want https, also from a server on
 * somebody's desk.
 *
 * An authority of this data folder signs the certificate, so that trusting the authority once is
 * enough: a certificate for other names, or a new one after it has run out, is signed by the same.
 * All files are in `tls/` of the data folder, the keys readable by their owner alone.
 */

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import type { ServeConfig } from '../config/config.ts';

const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3650;
/** The most that browsers and Apple's systems accept. */
const CERTIFICATE_DAYS = 397;
/** A certificate that runs out sooner is replaced at the start. */
const RENEW_DAYS = 30;

interface Pair {
  readonly cert: string;
  readonly key: string;
}

export interface DevCertificate {
  readonly certFile: string;
  readonly keyFile: string;
  /** What a browser, a phone or a program must be told to trust. */
  readonly authorityFile: string;
}

/**
 * The certificate for the names under which a configuration is reached, made or renewed where it must be.
 *
 * @throws Error when the files cannot be read or written, or when an authority is there that cannot be
 *   used: what was told to trust it would not trust another
 */
export async function ensureDevCertificate(config: ServeConfig): Promise<DevCertificate> {
  const folder = join(config.dataDir, 'tls');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const names = devNames(config);
  const kept = await readPair(folder, 'authority');
  if (kept === 'broken') {
    throw new Error(
      `${folder} has an authority that cannot be used: delete the folder, and trust the new one`,
    );
  }
  const authority = kept === 'none' || !isFresh(kept) ? await makeAuthority() : kept;
  if (authority !== kept) await writePair(folder, 'authority', authority);
  const before = await readPair(folder, 'certificate');
  if (
    before === 'none' ||
    before === 'broken' ||
    !isFresh(before) ||
    !isFor(before, names) ||
    !isSignedBy(before, authority)
  ) {
    await writePair(folder, 'certificate', await makeCertificate(names, authority));
  }
  return {
    certFile: join(folder, 'certificate.pem'),
    keyFile: join(folder, 'certificate-key.pem'),
    authorityFile: join(folder, 'authority.pem'),
  };
}

/** The host names and addresses that the certificate is for. */
function devNames({ clients, serverDomain, host }: ServeConfig): string[] {
  const names = [
    'localhost',
    '127.0.0.1',
    '::1',
    ...(isWildcardAddress(host) ? [] : [host]),
    // Browsers take no wildcard right under a top-level name.
    ...clients.map((client) => `${client}.localhost`),
    serverDomain,
    `*.${serverDomain}`,
  ];
  return [...new Set(names)];
}

function isWildcardAddress(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

async function makeAuthority(): Promise<Pair> {
  const made = await generate([{ name: 'commonName', value: 'Quiver development authority' }], {
    ...SHARED,
    ...validFor(AUTHORITY_DAYS),
    extensions: [
      { name: 'basicConstraints', cA: true, pathLenConstraint: 0, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return { cert: made.cert, key: made.private };
}

async function makeCertificate(names: readonly string[], authority: Pair): Promise<Pair> {
  const made = await generate([{ name: 'commonName', value: 'Quiver on this machine' }], {
    ...SHARED,
    ...validFor(CERTIFICATE_DAYS),
    ca: authority,
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: names.map(altName) },
    ],
  });
  // Servers send the chain; the authority itself need not be in it.
  return { cert: made.cert, key: made.private };
}

const SHARED = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const;

function altName(name: string) {
  return isAddress(name) ? { type: 7 as const, ip: name } : { type: 2 as const, value: name };
}

function isAddress(name: string): boolean {
  return /^[0-9.]+$/.test(name) || name.includes(':');
}

function validFor(days: number) {
  const now = Date.now();
  // A clock that is a little behind must not find it not yet valid.
  return { notBeforeDate: new Date(now - DAY_MS), notAfterDate: new Date(now + (days - 1) * DAY_MS) };
}

function isFresh({ cert }: Pair): boolean {
  return new Date(new X509Certificate(cert).validTo).getTime() > Date.now() + RENEW_DAYS * DAY_MS;
}

function isFor({ cert }: Pair, names: readonly string[]): boolean {
  const x509 = new X509Certificate(cert);
  return names.every((name) =>
    isAddress(name)
      ? x509.checkIP(name) !== undefined
      : x509.checkHost(name.replace('*', 'any')) !== undefined,
  );
}

function isSignedBy({ cert }: Pair, authority: Pair): boolean {
  return new X509Certificate(cert).verify(new X509Certificate(authority.cert).publicKey);
}

/** A certificate and its key; `none` when neither is there, `broken` when they do not make a pair. */
async function readPair(folder: string, name: string): Promise<Pair | 'none' | 'broken'> {
  const cert = await readIfThere(join(folder, `${name}.pem`));
  const key = await readIfThere(join(folder, `${name}-key.pem`));
  if (cert === undefined && key === undefined) return 'none';
  if (cert === undefined || key === undefined) return 'broken';
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)) ? { cert, key } : 'broken';
  } catch {
    return 'broken';
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function writePair(folder: string, name: string, { cert, key }: Pair): Promise<void> {
  await replaceFile(join(folder, `${name}-key.pem`), key, 0o600);
  await replaceFile(join(folder, `${name}.pem`), cert, 0o644);
}

async function replaceFile(file: string, text: string, mode: number): Promise<void> {
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, text, { mode, flag: 'wx' });
  await rename(draft, file);
}

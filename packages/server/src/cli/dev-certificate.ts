/**
 * The certificate of `--tls-dev` (contract section 11): pages and phones require https even from a
 * server on a developer's machine.
 *
 * A certificate authority in this data folder signs the certificate. It needs to be trusted only
 * once, because it also signs certificates for other names and replacements of expired ones. All
 * files are in `tls/` of the data folder; only the owner can read the keys.
 */

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import type { ServeConfig } from '../config/config.ts';

const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3650;
/** The longest lifetime that browsers and Apple's systems accept. */
const CERTIFICATE_DAYS = 397;
/** A certificate that expires within this many days is replaced at the start. */
const RENEW_DAYS = 30;

interface Pair {
  readonly cert: string;
  readonly key: string;
}

export interface DevCertificate {
  readonly certFile: string;
  readonly keyFile: string;
  /** The certificate that a browser, a phone or a program must trust. */
  readonly authorityFile: string;
}

/**
 * The certificate for the names of a configuration; created or renewed if necessary.
 *
 * @throws Error when the files cannot be read or written, or when an existing authority cannot be
 *   used: clients that trust it would not trust a new one
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
    // Browsers accept no wildcard directly under a top-level name.
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
  // Servers send the chain; the authority itself need not be part of it.
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
  // The certificate must already be valid on a device whose clock is a little behind.
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

/** A certificate and its key; `none` when neither exists, `broken` when they do not match. */
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

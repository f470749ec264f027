/**
 * Mutated HTTP requests, read by a connection of Quiver and by llhttp in `node:http`. Both must see
 * the same requests, byte for byte. Quiver is stricter on purpose; {@link refusalFor} contains
 * those rules, and any other difference is a failure. On Bun the same inputs must get exactly the
 * same replies as on Node.
 */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { bunPath } from '../scripts/setup.mjs';
import { makeInput, random } from './http-inputs.mjs';

const AT_ONCE = 100;
/** DEL in a quoted chunk extension. */
const OBSCURE_EXTENSION = /;[^\r\n]*"[^"\r\n]*\x7f/;
const MOST_PROBLEMS = 10;
const HOST = /^(?:[\w.-]+|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?$/;

export default {
  name: 'http-differential',
  bar: '10,000,000 mutated requests read as llhttp in node:http reads them, but for the rules that are stricter on purpose; Bun answers as Node',
  sizes: {
    short: { inputs: 20_000, onBoth: 2000 },
    long: { inputs: Number(process.env.TORTURE_HTTP_INPUTS ?? 10_000_000), onBoth: 100_000 },
  },
  sabotages: { 'lenient-http': { inputs: 10_000, onBoth: 0 } },
  async run({ inputs, onBoth }, { say, sabotage }) {
    // The module with the sabotage must be loaded before the parser.
    if (sabotage) await import(`./sabotage/${sabotage}.mjs`);
    const { nodeReader, readWithQuiver } = await import('./http-readers.mjs');
    const seed = Number(process.env.TORTURE_SEED ?? Date.now() % 2 ** 31);
    const next = random(seed);
    const readWithNode = nodeReader();
    const seen = { seed, inputs: 0, requests: 0, refused: 0, stricter: 0 };
    const problems = [];
    while (seen.inputs < inputs && problems.length < MOST_PROBLEMS) {
      const batch = Array.from({ length: AT_ONCE }, () => makeInput(next));
      const ours = await Promise.all(batch.map(readWithQuiver));
      const theirs = await Promise.all(batch.map(readWithNode));
      for (const [at, pieces] of batch.entries()) {
        seen.requests += ours[at].requests.length;
        seen.refused += ours[at].refused.length;
        const expected = expectedOf(theirs[at], Buffer.concat(pieces));
        if (expected.rule) seen.stricter += 1;
        const problem = differenceBetween(ours[at], expected);
        if (problem)
          problems.push(`${problem}: ${JSON.stringify(pieces.map((piece) => piece.toString('latin1')))}`);
      }
      seen.inputs += AT_ONCE;
      if (seen.inputs % 1_000_000 === 0) say(`${seen.inputs} inputs, ${problems.length} problems`);
    }
    if (onBoth > 0 && bunPath()) {
      const [bun, node] = [bunPath(), process.execPath].map((runtime) => answersOn(runtime, seed, onBoth));
      seen.sameOnBoth = bun === node ? onBoth : 0;
      if (bun !== node) problems.push(`Bun and Node do not answer alike, seed ${seed}`);
    }
    return { seen, problems, isMet: problems.length === 0 };
  },
};

/**
 * What Quiver must make of the requests that Node saw: those before the first that it refuses, or
 * after which it must close.
 */
function expectedOf(theirs, bytes) {
  const requests = [];
  for (const request of theirs) {
    const rule = refusalFor(request);
    if (rule) return { requests, rule };
    requests.push({ ...request, target: originForm(request.target) });
    if (isLast(request)) break;
    // Node drops what follows such a request in the same piece.
    if (optionsOf(request.raw).includes('upgrade')) return { requests, isBlind: true };
    // It takes a trailer for a header, which a trailer never is (RFC 9110 section 6.5.1).
    if (optionsOf(request.trailers).length > 0) return { requests, isBlind: true };
  }
  // The llhttp of undici accepts it, against RFC 9110 section 5.6.4. It ends nothing there, and
  // extensions are not used.
  return { requests, isBlind: OBSCURE_EXTENSION.test(bytes.toString('latin1')) };
}

/** The rule by which Quiver refuses a request that llhttp accepts; undefined if there is none. */
function refusalFor({ method, target, raw, version }) {
  const all = (name) => raw.filter((_, at) => at % 2 === 1 && raw[at - 1].toLowerCase() === name);
  const hosts = all('host');
  const [host] = hosts;
  if (version !== '1.1' && version !== '1.0') return 'version';
  if (method === 'CONNECT') return 'CONNECT';
  if (hosts.length > 1 || (host === undefined && version === '1.1')) return 'one Host';
  if (host && !HOST.test(host)) return 'a host name';
  const codings = all('transfer-encoding');
  if (codings.length > 0 && version === '1.0') return 'no chunks in HTTP/1.0';
  if (codings.some((coding) => coding.toLowerCase() !== 'chunked')) return 'chunked alone';
  const expects = all('expect');
  if (version === '1.1' && expects.length > 0 && expects.join(', ').toLowerCase() !== '100-continue')
    return 'Expect';
  if (target === '*') return method === 'OPTIONS' ? undefined : 'an asterisk without OPTIONS';
  const authority = /^https?:\/\/([^/?#]*)/i.exec(target)?.[1];
  if (authority !== undefined && authority.toLowerCase() !== host?.toLowerCase())
    return 'the host of the target';
  const own = originForm(target);
  if (!own.startsWith('/')) return 'a path';
  if (own.includes('#')) return 'no fragment';
  if (own.split('?')[0].includes('\\')) return 'no backslash in a path';
  return undefined;
}

function originForm(target) {
  const authority = /^https?:\/\/[^/?#]*/i.exec(target)?.[0];
  if (authority === undefined) return target;
  const rest = target.slice(authority.length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** Whether the connection ends with a request (RFC 9112 section 9.3). */
function isLast(request) {
  const options = optionsOf(request.raw);
  return options.includes('close') || (request.version === '1.0' && !options.includes('keep-alive'));
}

function optionsOf(raw) {
  return raw
    .filter((_, at) => at % 2 === 1 && raw[at - 1].toLowerCase() === 'connection')
    .flatMap((value) =>
      value
        .toLowerCase()
        .split(',')
        .map((option) => option.trim()),
    );
}

function differenceBetween({ requests, refused }, expected) {
  const wanted = expected.requests;
  for (let at = 0; at < Math.max(requests.length, wanted.length); at += 1) {
    const [ours, theirs] = [requests[at], wanted[at]];
    // Node may have seen only its head, and Quiver the error after that.
    if (!ours && !theirs.isWhole) return undefined;
    if (!ours) return `request ${at} was not read (refused: ${refused})`;
    if (!theirs && expected.isBlind) return undefined;
    if (!theirs) return `request ${at} was read by Quiver alone${expected.rule ? ` (${expected.rule})` : ''}`;
    if (ours.method !== theirs.method || ours.target !== theirs.target)
      return `request ${at}: ${ours.method} ${ours.target}`;
    if (ours.raw.join('\n') !== theirs.raw.join('\n'))
      return `request ${at}: headers ${JSON.stringify(ours.raw)}`;
    const body = /^(?:GET|HEAD)$/.test(ours.method) ? '' : theirs.body;
    if (theirs.isBodyKnown && ours.body !== body) return `request ${at}: body ${JSON.stringify(ours.body)}`;
  }
  return expected.rule && refused.length === 0 ? `was not refused (${expected.rule})` : undefined;
}

/** A digest of all replies to so many inputs on a runtime. */
function answersOn(runtime, seed, inputs) {
  const args = [fileURLToPath(import.meta.url), String(seed), String(inputs)];
  return execFileSync(runtime, args, { encoding: 'utf8' }).trim();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { readWithQuiver } = await import('./http-readers.mjs');
  const [seed, inputs] = process.argv.slice(2).map(Number);
  const next = random(seed);
  const digest = createHash('sha256');
  for (let count = 0; count < inputs; count += 1) {
    const { requests, refused, sent } = await readWithQuiver(makeInput(next));
    digest.update(JSON.stringify([requests, refused, sent]));
  }
  process.stdout.write(`${digest.digest('hex')}\n`);
}

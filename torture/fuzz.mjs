/**
 * Mutated inputs for every parser that receives data from the network. An input with a new outcome
 * joins the corpus, from which further inputs are made. The corpus is kept in `torture/corpus/`,
 * one file per parser, one input per line in base64.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { PIECES, SEEDS } from './fuzz-seeds.mjs';
import { TARGETS } from './fuzz-targets.mjs';

const CORPUS = join(dirname(fileURLToPath(import.meta.url)), 'corpus');
const MOST_MS = 100;
const MOST_KEPT = 250;
const MOST_KEPT_BYTES = 2048;
const MOST_WRITTEN = 120;
/**
 * Other work of the machine makes single runs slow, so an input is slow only if it is slow every
 * time.
 */
const TRIES_WHEN_SLOW = 5;

const SABOTAGES = {
  /** A parser that crashes on a zero byte. */
  crash: (parse) => (bytes) => {
    if (bytes.includes(0)) throw new TypeError('sabotaged');
    return parse(bytes);
  },
  /** A parser that is slow for two consecutive per cent signs. */
  slow: (parse) => (bytes) => {
    const end = performance.now() + (bytes.includes('%%') ? 2 * MOST_MS : 0);
    while (performance.now() < end);
    return parse(bytes);
  },
};

export default {
  name: 'fuzz',
  bar: '10 minutes each of ids, query, JSON, batch and gzip: 0 crashes, none over 100 ms',
  sizes: { short: { seconds: 2, keep: false }, long: { seconds: 600, keep: true } },
  sabotages: {
    crash: { seconds: 3, keep: false, targets: ['query'] },
    slow: { seconds: 3, keep: false, targets: ['ids'] },
  },
  async run(size, { say, sabotage }) {
    const seen = {};
    const problems = [];
    const { TORTURE_FUZZ_TARGETS } = process.env;
    for (const name of size.targets ?? TORTURE_FUZZ_TARGETS?.split(',') ?? Object.keys(TARGETS)) {
      const seconds = Number(process.env.TORTURE_FUZZ_SECONDS ?? size.seconds);
      const sound = await TARGETS[name]();
      const parse = sabotage ? SABOTAGES[sabotage](sound) : sound;
      const result = await fuzz(name, parse, seconds);
      say(
        `${name}: ${result.inputs} inputs in ${seconds} s, ${result.corpus.length} kinds, slowest ${result.slowestMs} ms`,
      );
      seen[name] =
        `${result.inputs} inputs in ${seconds} s (${result.corpus.length} kinds, slowest ${result.slowestMs} ms)`;
      problems.push(...result.problems);
      if (size.keep) keepCorpus(name, result.corpus);
    }
    return { seen, problems, isMet: problems.length === 0 };
  },
};

async function fuzz(name, parse, seconds) {
  const corpus = [];
  const kinds = new Set();
  const problems = [];
  let inputs = 0;
  let slowestMs = 0;
  const feed = async (bytes) => {
    inputs += 1;
    let outcome;
    let ms = Number.POSITIVE_INFINITY;
    for (let tries = 0; tries < TRIES_WHEN_SLOW && ms > MOST_MS; tries += 1) {
      const started = performance.now();
      const processor = process.cpuUsage();
      try {
        outcome = await parse(bytes);
      } catch (error) {
        problems.push(`${name}: ${error?.message} with ${bytes.toString('base64').slice(0, 400)}`);
        return;
      }
      const { user, system } = process.cpuUsage(processor);
      // On a busy machine a parser waits for its turn, so the shorter of elapsed and processor time
      // counts.
      ms = Math.min(ms, performance.now() - started, (user + system) / 1000);
    }
    slowestMs = Math.max(slowestMs, Math.ceil(ms));
    if (ms > MOST_MS)
      problems.push(`${name}: ${Math.round(ms)} ms with ${bytes.toString('base64').slice(0, 400)}`);
    if (!kinds.has(outcome) && bytes.length <= MOST_KEPT_BYTES && corpus.length < MOST_KEPT) {
      kinds.add(outcome);
      corpus.push(bytes);
    }
  };
  for (const seed of [...SEEDS[name], ...keptCorpus(name)]) await feed(seed);
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end && problems.length < 10) {
    for (let n = 0; n < 50; n += 1) await feed(mutated(name, pick(corpus), corpus));
  }
  return { inputs, corpus, slowestMs, problems };
}

/** One to six small changes; compressed bytes are changed as they are, or unpacked first. */
function mutated(name, from, corpus) {
  if (name === 'gzip' && Math.random() < 0.5) {
    try {
      const unpacked = gunzipSync(from, { maxOutputLength: 1_000_000 });
      return gzipSync(changed('batch', unpacked, corpus), { level: 1 + Math.floor(Math.random() * 9) });
    } catch {
      // It is not valid gzip any more, so its bytes are changed.
    }
  }
  return changed(name, from, corpus);
}

function changed(name, from, corpus) {
  let bytes = from;
  for (let changes = 1 + Math.floor(Math.random() * 6); changes > 0; changes -= 1) {
    const at = Math.floor(Math.random() * (bytes.length + 1));
    const length = Math.floor(Math.random() * Math.min(16, bytes.length - at + 1));
    const before = bytes.subarray(0, at);
    const piece = bytes.subarray(at, at + length);
    const after = bytes.subarray(at + length);
    bytes = pick([
      () => Buffer.concat([before, pick(PIECES[name]), bytes.subarray(at)]),
      () => Buffer.concat([before, after]),
      () => Buffer.concat([before, Buffer.from([Math.floor(Math.random() * 256)]), after]),
      () => Buffer.concat([before, piece, piece, after]),
      () => Buffer.concat([before, pick(corpus).subarray(at)]),
      () => Buffer.concat([before, ...Array(1 + Math.floor(Math.random() * 200)).fill(piece), after]),
      () => flipped(bytes, at),
    ])();
  }
  return bytes.subarray(0, 1_000_000);
}

function flipped(bytes, at) {
  const copy = Buffer.from(bytes);
  if (at < copy.length) copy[at] ^= 1 << Math.floor(Math.random() * 8);
  return copy;
}

function keptCorpus(name) {
  try {
    const lines = readFileSync(join(CORPUS, `${name}.base64`), 'utf8')
      .split('\n')
      .filter(Boolean);
    return lines.map((line) => Buffer.from(line, 'base64'));
  } catch {
    return [];
  }
}

function keepCorpus(name, corpus) {
  const shortest = [...corpus].sort((a, b) => a.length - b.length).slice(0, MOST_WRITTEN);
  const lines = shortest.map((bytes) => bytes.toString('base64')).sort();
  writeFileSync(join(CORPUS, `${name}.base64`), `${lines.join('\n')}\n`);
}

function pick(list) {
  return list[Math.floor(Math.random() * list.length)];
}

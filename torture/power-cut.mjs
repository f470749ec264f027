/**
 * A power cut, simulated: a process writes to an embedded store with small segments and does the
 * upkeep, on Bun and Node in turn, while every write and sync of the file is recorded. At random
 * moments the file is put together as a disk may hold it then: everything that a completed sync
 * covers, and of anything later any sectors, or none. The store in it must open, be sound, and have
 * all that was acknowledged before that moment.
 *
 * This is a model of a disk that keeps what it has confirmed. It knows nothing of file systems.
 */

import { spawnSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bunPath } from '../scripts/setup.mjs';
import { makeFolder, RUNTIMES, sabotageEnv } from './quiver-process.mjs';
import { lookInto } from './store-look.mjs';
import { readTrace, traceTo } from './traced-writes.mjs';

const WRITER = fileURLToPath(new URL('./upkeep-writer.mjs', import.meta.url));
const SECTOR_BYTES = 512;
const MOST_LINES_LATER = 4;
/** A disk that confirms writes and loses them: a sabotage of the disk, not of the server. */
const LYING_DISK = 'lying-disk';

export default {
  name: 'power-cut',
  bar: '2,000 simulated power cuts while the store writes, merges, cleans and folds: 0 acknowledged lost, 0 torn, the store sound every time',
  sizes: {
    short: { lives: 2, writes: 1500, cuts: 30 },
    long: { lives: 20, writes: 2000, cuts: 100 },
  },
  sabotages: {
    'write-behind': { lives: 1, writes: 1500, cuts: 40 },
    [LYING_DISK]: { lives: 1, writes: 1500, cuts: 40 },
  },
  async run(size, { say, sabotage }) {
    if (spawnSync('strace', ['-o', '/dev/null', 'true']).status !== 0) {
      return { skipped: 'strace is missing, or may not trace here' };
    }
    const seen = {
      lives: 0,
      cuts: 0,
      duringWrites: 0,
      acknowledged: 0,
      syncs: 0,
      lost: 0,
      torn: 0,
      damaged: 0,
    };
    const problems = [];
    for (; seen.lives < size.lives; seen.lives += 1) {
      const folder = await makeFolder('power');
      const trace = await traced(folder, RUNTIMES[seen.lives % 2], size.writes, sabotage);
      seen.syncs += trace.syncs.length;
      const disk = new Disk(trace);
      // Before the first reply there may be no store yet, which the next start refuses.
      const first = trace.printed.find(({ text }) => /^life/.test(text)).begin;
      const during = trace.writes.filter(({ begin }) => begin > first);
      // Half at any moment, half between a write and its confirmation.
      const moments = Array.from({ length: size.cuts }, (_, nth) => {
        const write = nth % 2 === 0 ? undefined : during[Math.floor(Math.random() * during.length)];
        const [from, lines] = write ? [write.begin, MOST_LINES_LATER] : [first, trace.lines - first];
        return Math.min(trace.lines, from + Math.floor(Math.random() * lines));
      });
      for (const moment of moments.sort((a, b) => a - b)) {
        const before = { ...seen };
        const last = acknowledgedBy(trace, moment);
        seen.acknowledged += last.size;
        const cut = join(folder, 'cut');
        await mkdir(cut);
        await writeFile(join(cut, 'data.mdb'), disk.at(moment));
        if (disk.hasUnconfirmed) seen.duringWrites += 1;
        await lookInto(cut, last, seen).catch((error) => {
          seen.damaged += 1;
          problems.push(`life ${seen.lives}, line ${moment}: ${error.message}`);
        });
        await rm(cut, { recursive: true });
        seen.cuts += 1;
        if (seen.lost > before.lost || seen.torn > before.torn || seen.damaged > before.damaged) {
          problems.push(`life ${seen.lives}, line ${moment} of ${trace.lines}: not as acknowledged`);
        }
        // One miss is enough for a proof.
        if (sabotage && problems.length > 0) break;
      }
      say(`${seen.cuts} cuts, ${seen.lost} lost, ${seen.torn} torn, ${seen.damaged} damaged`);
    }
    return { seen, problems, isMet: problems.length === 0 };
  },
};

/** Lets a process write to a new store, and reads the record of what it did. */
async function traced(folder, runtime, writes, sabotage) {
  const store = join(folder, 'store');
  const log = join(folder, 'trace');
  const lies = sabotage === LYING_DISK ? ['-e', 'inject=fdatasync:retval=0'] : [];
  const { status, stderr } = spawnSync(
    'strace',
    [
      ...traceTo(log),
      ...lies,
      ...[runtime === 'bun' ? bunPath() : process.execPath, WRITER, store, 'life', String(writes)],
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 1024 ** 3,
      encoding: 'utf8',
      env: { ...process.env, ...sabotageEnv(sabotage === LYING_DISK ? undefined : sabotage) },
    },
  );
  if (status !== 0) throw new Error(`the writer ended with ${status}: ${stderr.slice(-1000)}`);
  const trace = await readTrace(log, join(store, 'data.mdb'));
  await rm(log);
  await rm(store, { recursive: true });
  return trace;
}

/** The last value of each id that was acknowledged before a line of the record. */
function acknowledgedBy({ printed }, moment) {
  const last = new Map();
  for (const { text, begin } of printed) {
    if (begin > moment) break;
    for (const [, id, n] of text.matchAll(/^(life\S+) (\d+)$/gm)) last.set(id, Number(n));
  }
  return last;
}

/** What a disk holds; asked for ascending moments. */
class Disk {
  #trace;
  #kept = Buffer.alloc(0);
  /** Writes that the disk has not confirmed, in the order in which they began. */
  #pending = [];
  #next = 0;

  constructor(trace) {
    this.#trace = { ...trace, writes: trace.writes.toSorted((a, b) => a.begin - b.begin) };
  }

  /** Whether something was written at that moment that the disk had not confirmed. */
  get hasUnconfirmed() {
    return this.#pending.length > 0;
  }

  /** The file after a power cut at this line. */
  at(moment) {
    const { writes, syncs } = this.#trace;
    while (this.#next < writes.length && writes[this.#next].begin <= moment) {
      this.#pending.push(writes[this.#next]);
      this.#next += 1;
    }
    const done = syncs.filter(({ end }) => end <= moment);
    const covered = done.reduce((latest, { begin }) => Math.max(latest, begin), 0);
    const isKept = ({ end, isSynced }) => end < covered || (isSynced && end <= moment);
    for (const { place, bytes } of this.#pending.filter(isKept))
      this.#kept = written(this.#kept, place, bytes);
    this.#pending = this.#pending.filter((write) => !isKept(write));
    let file = Buffer.from(this.#kept);
    const share = Math.random();
    for (const { place, bytes } of this.#pending) {
      for (let at = 0; at < bytes.length; at += SECTOR_BYTES) {
        if (Math.random() < share) file = written(file, place + at, bytes.subarray(at, at + SECTOR_BYTES));
      }
    }
    return file;
  }
}

/** The file with bytes written to it. */
function written(file, place, bytes) {
  let grown = file;
  if (place + bytes.length > file.length) {
    grown = Buffer.alloc(place + bytes.length);
    file.copy(grown);
  }
  bytes.copy(grown, place);
  return grown;
}

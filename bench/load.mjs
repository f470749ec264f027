/** Loads servers with wrk in turns, and computes the results of the rounds. */

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bytesWritten, folder, processorTime } from './processes.mjs';

let scripts = 0;
/**
 * By itself wrk prints neither the 99.9th percentile nor the slowest reply; it has both in
 * microseconds.
 */
const TELL_TAIL =
  'done = function(_, latency) io.write(string.format("p999 %f\\nslowest %f\\n", latency:percentile(99.9), latency.max)) end\n';
/**
 * A server of one or two processes that uses less processor time than this within so many
 * milliseconds has finished its work; each further process is allowed as much as an idle one uses.
 */
const QUIET = { milliseconds: 1000, seconds: 0.02, perProcess: 0.01 };
/** After so many checks the round ends in any case. */
const MOST_LOOKS = 60;

/**
 * Loads one server for a round. The round ends when the server has finished the work that the load
 * left behind, so that this counts as its own time and does not affect the next round.
 *
 * @param contender `url`, `pids()` and `lua`, the body of wrk's `request`; also `meanwhile()`,
 *   which starts other work during the load and returns a function that ends it, and `server()`,
 *   the processes without those of the database
 * @returns requests per second; the 99th and 99.9th percentile and the slowest, in milliseconds;
 *   processor time per request in microseconds; bytes written to files per request
 */
function round({ url, pids, server = pids, lua, meanwhile }, { seconds, connections }) {
  scripts += 1;
  const script = join(folder, `${scripts}.lua`);
  writeFileSync(script, `math.randomseed(${scripts})\nrequest = function()\n${lua}\nend\n${TELL_TAIL}`);
  const end = meanwhile?.();
  const measured = pids();
  const before = processorTime(measured);
  const serverBefore = processorTime(server());
  const bytesBefore = bytesWritten(measured);
  const args = [
    '-t1',
    `-c${connections}`,
    `-d${seconds}s`,
    '--timeout',
    '10s',
    '--latency',
    '-s',
    script,
    url,
  ];
  const { stdout } = spawnSync('wrk', args, { encoding: 'utf8' });
  end?.();
  if (/Non-2xx/.test(stdout) || !/requests in/.test(stdout)) throw new Error(`${url}: ${stdout}`);
  const requests = Number(/(\d+) requests in/.exec(stdout)[1]);
  const [, p99, unit] = /99%\s+([\d.]+)(us|ms|s)/.exec(stdout);
  untilQuiet(measured);
  return {
    rate: Number(/Requests\/sec: +([\d.]+)/.exec(stdout)[1]),
    p99: Number(p99) * { us: 0.001, ms: 1, s: 1000 }[unit],
    p999: Number(/p999 ([\d.]+)/.exec(stdout)[1]) / 1000,
    slowest: Number(/slowest ([\d.]+)/.exec(stdout)[1]) / 1000,
    bytes: (bytesWritten(measured) - bytesBefore) / requests,
    micros: ((processorTime(measured) - before) / requests) * 1e6,
    serverMicros: ((processorTime(server()) - serverBefore) / requests) * 1e6,
  };
}

function untilQuiet(pids) {
  const clock = new Int32Array(new SharedArrayBuffer(4));
  const most = QUIET.seconds + QUIET.perProcess * Math.max(0, pids.length - 2);
  for (let look = 0, before = Number.NEGATIVE_INFINITY; look < MOST_LOOKS; look += 1) {
    const now = processorTime(pids);
    if (now - before <= most) return;
    before = now;
    Atomics.wait(clock, 0, 0, QUIET.milliseconds);
  }
}

/**
 * Loads the contenders in turns, `rounds` times, after one round to warm up unless `warmUp` is
 * false.
 */
export function turnAbout(contenders, options) {
  const results = new Map(contenders.map(({ name }) => [name, []]));
  for (let count = options.warmUp === false ? 1 : 0; count <= options.rounds; count += 1) {
    for (const contender of contenders) {
      const measured = round(contender, options);
      if (count > 0) results.get(contender.name).push(measured);
    }
  }
  return results;
}

/** Median and spread. */
export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: sorted[Math.floor(sorted.length / 2)], low: sorted[0], high: sorted.at(-1) };
}

/** Median and spread of the ratio of each round. */
export function ratioOf(ours, theirs) {
  return spread(ours.map((one, at) => one / theirs[at]));
}

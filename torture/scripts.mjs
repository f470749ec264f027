/**
 * Hostile profile scripts: scripts of one client that loop, fill memory, recurse or block in a
 * single call. Each is sent visits until Quiver has disabled it, while a calm client sends its own.
 * The same calls are made again with a harmless script in its place, and the times of both passes
 * are compared.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { ask, until } from './lanes.mjs';
import { childrenOf, makeFolder, RUNTIMES, startQuiver } from './quiver-process.mjs';

const TOKEN = 'torture-admin-token';
const MOST_MS = 50;
/** By how many milliseconds the calm client's visits may take longer: nobody notices them. */
const NOTICEABLE_MS = 5;
/** The fewest and the most visits to a script before it must be disabled. */
const FEWEST = 12;
const MOST = 600;
const MOST_MORE_MB = 100;
const HARMLESS = 'return 0;';

/** Source, and whether it blocks its thread in one call, so that only ending the thread helps. */
const HOSTILE = {
  'endless loop': ['for (;;);', false],
  'deep recursion': ['return (function f() { return 1 + f(); })();', false],
  'regular expression': ["return /^(a+)+$/.test('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!');", false],
  'filling memory': ["var a = []; for (;;) a.push(new Array(100000).join('x') + a.length);", true],
  'large split': ["return 'x'.repeat(5000000).split('').length;", true],
  'nested JSON': ["return String(JSON.parse('['.repeat(100000)));", false],
  'large sort': [
    'var a = []; a.length = 1000000; a.fill(1); a.sort(function (x, y) { return y - x; }); return 1;',
    true,
  ],
};
const REASON = /instructions|took|memory|overflow|call stack/;
const GOOD = { name: "return 'of ' + mbox.name;", double: "return 2 * mbox.param('n');" };

export default {
  name: 'scripts',
  bar: `hostile scripts delay their own visits by at most ${MOST_MS} ms and those of another client not at all; each is disabled with its reason, and no thread or memory of it stays`,
  sizes: {
    // Times are judged only in the long form, because a test shares the machine with other work.
    short: { rounds: 1, judgesTimes: false },
    long: { rounds: 12, judgesTimes: true },
  },
  sabotages: {
    'endless-scripts': { rounds: 1, judgesTimes: false, runtimes: ['node'], kinds: ['large split'] },
    'patient-visits': { rounds: 3, judgesTimes: true, runtimes: ['node'], kinds: ['filling memory'] },
  },
  async run({ rounds, judgesTimes, runtimes = RUNTIMES, kinds = Object.keys(HOSTILE) }, { say, sabotage }) {
    const seen = { visits: 0, calmVisits: 0, disabled: 0, threadsEnded: 0 };
    const problems = [];
    for (const runtime of runtimes) {
      const dataDir = await makeFolder('scripts');
      const clients = ['--client', 'hostile', '--client', 'calm'];
      const flags = [...clients, '--workers', '1', '--log-level', 'warn'];
      const env = { QUIVER_ADMIN_TOKEN: TOKEN };
      const quiver = await startQuiver({ runtime, dataDir, flags, env, sabotage });
      const fail = (problem) => problems.push(`${runtime}: ${problem}`);
      try {
        const times = await onServer({ quiver, kinds, seen, fail, say }, rounds);
        if (judgesTimes) for (const problem of judged(times, runtime, seen)) fail(problem);
      } finally {
        await quiver.stop();
      }
    }
    return { seen, problems, isMet: problems.length === 0 };
  },
};

/** @returns by kind of script, for each round the times of both passes */
async function onServer({ quiver, kinds, seen, fail, say }, rounds) {
  const worker = childrenOf(quiver.pid)[0];
  const agent = new Agent({ keepAlive: true });
  const server = { quiver, agent, worker, number: 0, seen, fail };
  for (const client of ['calm', 'hostile']) {
    for (const [name, source] of Object.entries(GOOD)) await setScript(server, client, name, source);
  }
  await pass(server, HARMLESS, FEWEST);
  await settled(server);
  const before = { threads: threadsOf(worker), megabytes: memoryOf(worker) };
  const times = Object.fromEntries(kinds.map((kind) => [kind, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const kind of kinds) {
      const hostile = await attack(server, kind);
      const calm = await pass(server, HARMLESS, hostile.own.length);
      times[kind].push({ hostile, calm });
    }
    say(`${quiver.runtime}: round ${round + 1}`);
  }
  await settled(server);
  const isBack = () =>
    threadsOf(worker) <= before.threads && memoryOf(worker) <= before.megabytes + MOST_MORE_MB;
  await until(isBack, 30_000, 'the end of its threads').catch(() => {
    fail(
      `it had ${before.threads} threads, ${before.megabytes} MB; it has ${threadsOf(worker)}, ${memoryOf(worker)} MB`,
    );
  });
  seen[`${quiver.runtime}MoreMb`] = Math.round(memoryOf(worker) - before.megabytes);
  agent.destroy();
  return times;
}

/** A pass with a hostile script, and all that must be so after it. */
async function attack(server, kind) {
  const [source, blocks] = HOSTILE[kind];
  const { seen, fail, quiver } = server;
  const ended = endedThreads(quiver);
  const times = await pass(server, source, MOST);
  const { state, reason } = await scriptOf(server);
  if (state !== 'disabled') fail(`${kind}: it is ${state} after ${times.own.length} visits`);
  else if (REASON.test(reason)) seen.disabled += 1;
  else fail(`${kind}: its reason is ${reason}`);
  const more = endedThreads(quiver) - ended;
  seen.threadsEnded += more;
  if (blocks && more === 0) fail(`${kind}: no thread was ended`);
  await until(() => runsWell(server), 30_000, `after ${kind}: the other scripts of its client`).catch(
    ({ message }) => fail(message),
  );
  await settled(server).catch(({ message }) => fail(`${kind}: ${message}`));
  return times;
}

/**
 * Sets the script, and sends visits to it, one after another, until it is disabled, or `most`; the
 * calm client sends its own meanwhile.
 *
 * @returns the milliseconds of each visit: `own`, and `calm`
 */
async function pass(server, source, most) {
  await setScript(server, 'hostile', 'hostile', source);
  let isOver = false;
  const calm = (async () => {
    const visits = [];
    while (!isOver) {
      visits.push(await visit(server, 'calm'));
      await pause(3);
    }
    return visits;
  })();
  const own = [];
  while (own.length < most) {
    own.push((await visit(server, 'hostile')).ms);
    if (own.length >= FEWEST && most === MOST && (await scriptOf(server)).state === 'disabled') break;
    await pause(20);
  }
  isOver = true;
  const visits = await calm;
  for (const one of visits) {
    if (!(await isRight(server, 'calm', one)))
      server.fail(`visit ${one.n} of the calm client lacks its values`);
  }
  server.seen.visits += own.length;
  server.seen.calmVisits += visits.length;
  return { own, calm: visits.map(({ ms }) => ms) };
}

/** One visit of a new visitor; its milliseconds are without those of `waited`. */
async function visit({ quiver, worker, agent, fail }, client) {
  visitors += 1;
  const n = visitors;
  const body = JSON.stringify({
    id: { tntId: `${client}-${n}` },
    context: { channel: 'web' },
    execute: { mboxes: [{ index: 0, name: 'home', parameters: { n: String(n) } }] },
  });
  const headers = { 'content-type': 'application/json' };
  const url = `${quiver.url}/rest/v1/delivery?client=${client}&sessionId=s`;
  const before = performance.now() - waited(worker);
  const { status, text } = await ask(url, { method: 'POST', body, headers, agent });
  const ms = performance.now() - waited(worker) - before;
  if (status !== 200) fail(`a visit of the ${client} client was answered with ${status}: ${text}`);
  return { n, ms };
}
let visitors = 0;

/** Whether the good scripts of a visit have stored what they return. */
async function isRight({ quiver, agent }, client, { n }) {
  const { text } = await ask(`${quiver.url}/rest/v1/profiles/${client}-${n}?client=${client}`, { agent });
  const { profileAttributes: found = {} } = JSON.parse(text);
  return found['user.name']?.value === 'of home' && found['user.double']?.value === `${2 * n}.0`;
}

async function runsWell(server) {
  return isRight(server, 'hostile', await visit(server, 'hostile'));
}

async function admin({ quiver, agent }, method, client, name, body) {
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
  const url = `${quiver.url}/${client}/target/scripts/${name}`;
  const { status, text } = await ask(url, { method, headers, body, agent });
  if (status !== 200) throw new Error(`${method} ${url} was answered with ${status}: ${text}`);
  return JSON.parse(text);
}

function setScript(server, client, name, script) {
  return admin(server, 'PUT', client, name, JSON.stringify({ script, enabled: true }));
}

function scriptOf(server) {
  return admin(server, 'GET', 'hostile', 'hostile');
}

/** How many threads the log says that scripts have ended. */
function endedThreads({ printed }) {
  const lines = (printed.stdout + printed.stderr).split('\n');
  return lines.filter((line) => /a profile script (hung|ended the thread)/.test(line)).length;
}

/** Waits until the process rests: a script that was forgotten would keep a core busy. */
async function settled({ worker }) {
  const rests = async () => {
    const before = ticksOf(worker);
    await pause(300);
    // Ticks are hundredths of a second.
    return ticksOf(worker) - before <= 6;
  };
  await until(rests, 30_000, 'rest of the process');
}

/**
 * How many milliseconds the main threads of this process and of the server have been ready to run
 * without a processor. Their waits for each other are not part of it.
 */
function waited(worker) {
  const of = (pid) => Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6;
  return of(process.pid) + of(worker);
}

/** The processor time of a process, in hundredths of a second. */
function ticksOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

function threadsOf(pid) {
  return readdirSync(`/proc/${pid}/task`).length;
}

function memoryOf(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Notes how much longer visits took beside a hostile script, and says what took too long. The
 * median of the rounds is judged, because other work may take the processor from any of them. For
 * the hostile client, a round counts with how much longer its slowest visit took than its median
 * visit in the calm pass; for the calm client, with the difference of the 99th percentiles. That
 * must not exceed what nobody notices, or by how much they differ among calm passes.
 */
function judged(times, runtime, seen) {
  const problems = [];
  const alone = Object.values(times).flatMap((rounds) => rounds.map(({ calm }) => at(calm.calm, 0.99)));
  const noise = Math.max(NOTICEABLE_MS, at(alone, 0.75) - at(alone, 0.25));
  const most = { own: 0, others: 0 };
  for (const [kind, rounds] of Object.entries(times)) {
    const differences = rounds.map(({ hostile, calm }) => ({
      own: at(hostile.own, 1) - at(calm.own, 0.5),
      others: at(hostile.calm, 0.99) - at(calm.calm, 0.99),
    }));
    const [own, others] = ['own', 'others'].map((whose) => {
      const sizes = differences.map((one) => one[whose]);
      const ms = Math.round(at(sizes, 0.5));
      most[whose] = Math.max(most[whose], ms);
      return ms;
    });
    if (own > MOST_MS) problems.push(`${kind} delayed its own visit by ${own} ms`);
    if (others > noise) problems.push(`${kind} delayed others by ${others} ms`);
  }
  seen[`${runtime}OwnMs`] = most.own;
  seen[`${runtime}OthersMs`] = most.others;
  seen[`${runtime}NoiseMs`] = Math.round(noise);
  return problems;
}

/** The value below which so much of the values is. */
function at(values, share) {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

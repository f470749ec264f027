/**
 * `npm run bench:flame -- <fetch|update|visit>`: draws the processor time of one kind of request as
 * a flame graph in docs/images.
 *
 * One worker on Bun with 100,000 profiles, loaded by wrk with 64 connections. The samples come from
 * the runtime's own profiler, so they show functions but not the kernel. Time in which the worker
 * waits is left out.
 */

import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { bunPath, ROOT, SERVER } from '../scripts/setup.mjs';
import { fillQuiver } from './contenders.mjs';
import { answers, cleanUp, folder, freePort, start, stop, until } from './processes.mjs';
import { luaId } from './profiles.mjs';

const PROFILES = 100_000;
const SECONDS = 5;
/** The size of the drawing and of a row, in pixels. */
const WIDTH = 1200;
const ROW = 17;
const visited =
  '{"id":{"tntId":"\'..id..\'"},"context":{"channel":"web"},"execute":{"pageLoad":{"profileParameters":{"country":"france","tier":"gold"}}}}';
/** By kind, the body of wrk's request function. */
const KINDS = {
  fetch: 'return wrk.format("GET", "/rest/v1/profiles/"..id.."?client=demo")',
  update:
    'return wrk.format("GET", "/m2/demo/profile/update?mboxPC="..id.."&profile.country=france&profile.tier=gold")',
  visit: `return wrk.format("POST", "/rest/v1/delivery?client=demo&sessionId=s", { ["content-type"] = "application/json" }, '${visited}')`,
};

const kind = process.argv[2] ?? 'update';
if (!(kind in KINDS)) {
  process.stderr.write(`bench:flame: there is no ${kind}; there are ${Object.keys(KINDS).join(', ')}\n`);
  process.exit(2);
}

try {
  const profile = await sample();
  const file = join(ROOT, 'docs', 'images', `flame-${kind}.svg`);
  writeFileSync(file, drawn(frames(profile), kind));
  process.stdout.write(`${file}\n`);
} finally {
  await cleanUp();
}

/** Loads a server, stops it, and reads its profile. */
async function sample() {
  const samples = join(folder, 'samples');
  mkdirSync(samples);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const flags = ['--port', port, '--workers', 1, '--data', join(folder, 'flame'), '--log-level', 'error'];
  const env = { ...process.env, BUN_OPTIONS: `--cpu-prof --cpu-prof-dir=${samples}` };
  const child = start(bunPath(), [join(SERVER, 'src/main.ts'), 'serve', ...flags.map(String)], { env });
  await until(() => answers(`${url}/readyz`), 'Quiver to be ready');
  await fillQuiver(url, PROFILES);
  await setTimeout(500);
  const script = join(folder, 'flame.lua');
  const id = luaId(`math.random(0, ${PROFILES - 1})`);
  writeFileSync(script, `math.randomseed(1)\nrequest = function()\nlocal id = ${id}\n${KINDS[kind]}\nend\n`);
  const { stdout } = spawnSync('wrk', ['-t1', '-c64', `-d${SECONDS}s`, '-s', script, url], {
    encoding: 'utf8',
  });
  if (/Non-2xx/.test(stdout) || !/requests in/.test(stdout)) throw new Error(stdout);
  await stop(child);
  // Of the server's processes, the one that served has the most functions.
  const profiles = readdirSync(samples).map((name) => JSON.parse(readFileSync(join(samples, name), 'utf8')));
  return profiles.sort((one, other) => other.nodes.length - one.nodes.length)[0];
}

/** The samples as a tree: name, microseconds, children by name. */
function frames({ nodes, samples, timeDeltas }) {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const root = { name: 'all', time: 0, children: new Map() };
  const [usual] = [...timeDeltas].sort((one, other) => one - other).slice(Math.floor(timeDeltas.length / 2));
  for (const [index, id] of samples.entries()) {
    const stack = [];
    for (let at = id; at !== undefined; at = parents.get(at)) {
      const { functionName, url } = byId.get(at).callFrame;
      if (functionName !== '(root)') stack.unshift(nameOf(functionName, url));
    }
    if (stack.length === 0 || stack[0].startsWith('(')) continue;
    // A sample after a pause includes the whole pause.
    const time = Math.min(timeDeltas[index], 2 * usual);
    let frame = root;
    frame.time += time;
    for (const name of stack) {
      const next = frame.children.get(name) ?? { name, time: 0, children: new Map() };
      frame.children.set(name, next);
      next.time += time;
      frame = next;
    }
  }
  return root;
}

function nameOf(functionName, url) {
  const file = url.split('/').slice(-2).join('/');
  return `${functionName || '(unnamed)'}${file ? ` ${file}` : ''}`;
}

function drawn(root, title) {
  const boxes = [];
  let deepest = 0;
  const place = (frame, depth, x) => {
    const width = (frame.time / root.time) * WIDTH;
    if (width < 1) return;
    deepest = Math.max(deepest, depth);
    boxes.push({ frame, depth, x, width });
    let at = x;
    for (const child of [...frame.children.values()].sort((one, other) => other.time - one.time)) {
      place(child, depth + 1, at);
      at += (child.time / root.time) * WIDTH;
    }
  };
  place(root, 0, 0);
  const height = (deepest + 1) * ROW + 30;
  const rects = boxes.map(({ frame, depth, x, width }) => {
    const share = `${((100 * frame.time) / root.time).toFixed(1)} %`;
    const y = height - (depth + 1) * ROW;
    const text = escaped(frame.name.slice(0, Math.floor(width / 6.6)));
    const label = width > 30 ? `<text x="${(x + 3).toFixed(1)}" y="${y + 12}">${text}</text>` : '';
    const fill = `hsl(${20 + (hash(frame.name) % 30)} 80% ${62 + (hash(frame.name) % 14)}%)`;
    const box = `<rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 1}" fill="${fill}"/>`;
    return `<g><title>${escaped(frame.name)}, ${share}</title>${box}${label}</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="monospace" font-size="11">
<title>Processor time of a ${title}, by function</title>
<rect width="${WIDTH}" height="${height}" fill="#fff"/>
<text x="6" y="18" font-size="14">Processor time of a ${title} by function, Bun, one worker, 64 connections</text>
${rects.join('\n')}
</svg>
`;
}

function hash(text) {
  let sum = 0;
  for (const character of text) sum = (sum * 31 + character.codePointAt(0)) % 997;
  return sum;
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

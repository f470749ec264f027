/**
 * Creates the table, `docs/benchmarks.md`, its chart and the figures in the capacity guide from the
 * results. Nothing in them is typed by hand.
 *
 *   node bench/report.mjs bench/results/latest.json     writes the pages again
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../scripts/setup.mjs';
import { wrapMarkdown } from '../scripts/wrap-markdown.mjs';
import { LIMITS } from './limits.mjs';

/** Whether the median meets the target; undefined without a target. */
function isMet({ quiver, ratio, atLeast, atMost, limit }) {
  if (limit !== undefined) return quiver.median <= limit;
  if (atLeast !== undefined) return ratio.median >= atLeast;
  return atMost === undefined ? undefined : ratio.median <= atMost;
}

/** The table of some comparisons as text. */
export function tableOf(comparisons) {
  return [HEAD, ...comparisons.map(cellsOf)]
    .map((cells) =>
      cells.map((cell, at) => (at < 2 ? cell.padEnd(WIDTHS[at]) : cell.padStart(WIDTHS[at]))).join('  '),
    )
    .join('\n');
}

const HEAD = ['what', 'against', 'Quiver', 'other', 'ratio', 'spread', 'processor', 'wanted', ''];
const WIDTHS = [34, 38, 16, 16, 6, 14, 9, 7, 7];

function cellsOf(comparison) {
  const { what, against, unit, quiver, other, ratio, processorRatio } = comparison;
  const met = isMet(comparison);
  return [
    what,
    against,
    `${figure(quiver.median)} ${unit === 'requests/s' ? '/s' : unit}`,
    `${figure(other.median)} ${unit === 'requests/s' ? '/s' : unit}`,
    ratio.median.toFixed(2),
    `${ratio.low.toFixed(2)} to ${ratio.high.toFixed(2)}`,
    processorRatio ? processorRatio.median.toFixed(2) : '',
    wanted(comparison),
    met === undefined ? '' : met ? 'met' : 'not met',
  ];
}

function wanted({ unit, atLeast, atMost, limit }) {
  if (limit !== undefined) return `≤ ${limit} ${unit}`;
  if (atLeast !== undefined) return `≥ ${atLeast}`;
  return atMost === undefined ? '' : `≤ ${atMost}`;
}

function figure(value) {
  return value >= 100 ? String(Math.round(value)) : value.toPrecision(3);
}

/** Writes the pages and the chart. `source` is the path of the results from the root. */
export function writeReport(results, source) {
  mkdirSync(join(ROOT, 'docs/images'), { recursive: true });
  writeFileSync(join(ROOT, 'docs/images/benchmarks.svg'), chartOf(comparisonsOf(results)));
  writeFileSync(join(ROOT, 'docs/benchmarks.md'), pageOf(results, source));
  const page = readFileSync(CAPACITY, 'utf8');
  const [before, after] = [page.indexOf(FIGURES), page.indexOf(END_OF_FIGURES)];
  if (before === -1 || after === -1) throw new Error(`${CAPACITY} has no place for figures`);
  const figures = `${FIGURES}\n${capacityOf(results)}\n`;
  writeFileSync(CAPACITY, page.slice(0, before) + figures + page.slice(after));
}

const CAPACITY = join(ROOT, 'docs/guide/capacity.md');
const FIGURES = '<!-- figures, written by npm run bench -->';
const END_OF_FIGURES = '<!-- end of figures -->';

/**
 * The rows shown in the capacity guide: the reader's question, the step, the beginning of the row's
 * name.
 */
const CAPACITY_ROWS = [
  ['fetches a second, one process on Bun', 'fetch', 'fetch, Bun'],
  ['fetches a second, one process on Node', 'node', 'fetch, Node'],
  ['fetches a second, two workers', 'workers', 'fetch, 2 workers'],
  ['updates a second', 'writes', 'update, durable'],
  ['visits a second, half of them new visitors', 'writes', 'visit, half'],
  ['updates a second, two workers', 'workers', 'update, 2 workers'],
  ['mixed load while a batch is applied', 'mixed', '90 % fetch'],
  ['a batch of 500,000 new profiles', 'bulk', 'bulk, 500000 rows created'],
  ['loading ten million profiles', 'large', 'loading'],
  ['disk for a profile of ten attributes', 'space', 'bytes a profile on disk'],
  ['memory of the process with a million profiles', 'growth', 'resident with'],
  ['a page of the 100 profiles written last', 'list', 'a page of 100 profiles: what'],
  ['export of a million profiles', 'export', 'export of'],
  ['fetches a second on a Redis Cluster', 'cluster', 'Redis Cluster: fetch'],
  ['updates a second on a Redis Cluster', 'cluster', 'Redis Cluster: update'],
  ['visits a second on a Redis Cluster', 'cluster', 'Redis Cluster: visit'],
];

function capacityOf({ machine, configuration, steps }) {
  const lines = CAPACITY_ROWS.flatMap(([asked, step, name]) => {
    const row = steps[step]?.comparisons.find(({ what }) => what.startsWith(name));
    if (!row) return [];
    const unit = row.unit === 'requests/s' ? '/s' : row.unit;
    const tail = row.p99 ? `${row.p99.quiver.toFixed(1)} ms` : '';
    return `| ${asked} | ${figure(row.quiver.median)} ${unit} | ${tail} |`;
  });
  return `${wrapMarkdown(
    `Measured on a machine with ${machine.cores} cores (${machine.processor}, ${machine.memory}) that also made
     the load, ${configuration.profiles} profiles, ${configuration.connections} connections:`,
  )}

| question | one worker, unless it says otherwise | 99th percentile at full load |
| --- | ---: | ---: |
${lines.join('\n')}
`;
}

function comparisonsOf({ steps }) {
  return Object.values(steps).flatMap(({ comparisons }) => comparisons);
}

/** Explanations for readers of the table. */
const NOTES = [
  'The ids of profiles are random everywhere: 32 hex digits without any order, as tntIds are.',
  `A ratio is Quiver's figure divided by the other's in the same round; rounds take turns. The table shows the median, then the lowest and the highest ratio. For requests per second more is better, for seconds and bytes less is better.`,
  `"processor" is the other's processor time per request divided by Quiver's, so more is better. It depends less on the load generator and on other work of the machine.`,
  `A round ends when the server under load has finished its remaining work, so that the next round is not affected. The processor time of that work counts too. Updates without pauses have a separate row.`,
  `Each contender has one serving process or thread, plus Redis or PostgreSQL where it needs them; their processor time is included. The load comes from \`wrk\` on the same machine.`,
  `Resident memory is the processes' own memory. Memory for mapped or cached files, including LMDB's, is not counted for any contender.`,
];

/** The rows that are not met, by what explains them. */
function limitsOf(comparisons) {
  const left = new Set(comparisons.filter((one) => isMet(one) === false));
  const named = (rows) => [...new Set(rows.map(({ what }) => what))].join('; ');
  const lines = LIMITS.flatMap(({ rows, text }) => {
    const own = [...left].filter(({ what }) => rows.some((start) => what.startsWith(start)));
    for (const one of own) left.delete(one);
    return own.length === 0 ? [] : [`- **${named(own)}.** ${text}`];
  });
  if (left.size > 0) lines.push(`- **${named([...left])}:** not explained yet.`);
  return lines.map((line) => wrapMarkdown(line, '  ')).join('\n');
}

function pageOf(results, source) {
  const { machine, versions, configuration, leftOut, steps } = results;
  const comparisons = comparisonsOf(results);
  const line = (cells) => `| ${cells.join(' | ')} |`;
  const tail = comparisons.filter(({ p99 }) => p99);
  const list = (object) =>
    Object.entries(object)
      .filter(([, value]) => value !== undefined && value !== false)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ');
  return `# Benchmarks

${wrapMarkdown(
  `Written by \`npm run bench\` from [its figures](../${source}); no figure of its tables is typed by hand. Results
   differ between machines, so run it on yours.`,
)}

${wrapMarkdown(
  `The latest run: machine: ${list(machine)}. Versions: ${list(versions)}. Configuration: ${list(configuration)}.
   Left out: ${leftOut.length === 0 ? 'nothing' : leftOut.join(', ')}.`,
)}

${line(HEAD.map((name) => name || 'is it'))}
${line(HEAD.map((_, at) => (at < 2 ? '---' : '---:')))}
${comparisons.map((one) => line(cellsOf(one))).join('\n')}

${NOTES.map((note) => wrapMarkdown(`- ${note}`, '  ')).join('\n')}

![Ratios of the rates](images/benchmarks.svg)

## What is not met, and what it would take

${limitsOf(comparisons)}

## Percentiles

The 99th and 99.9th percentiles of response times in milliseconds, at full load, so they include
queueing:

| what | against | Quiver, 99 % | other, 99 % | Quiver, 99.9 % | other, 99.9 % |
| --- | --- | ---: | ---: | ---: | ---: |
${tail.map(({ what, against, p99, p999 }) => line([what, against, ...[p99, p999].flatMap((one) => [one?.quiver, one?.other]).map((ms) => ms?.toFixed(2) ?? '')])).join('\n')}

## When each step was measured

${wrapMarkdown(
  `The steps of the benchmark can be measured one at a time (\`--only\`). Contenders of one row are always
   measured in the same run. This table shows when each step was measured last, at which commit, how long it took and the
   load average at its end:`,
)}

| step | date | commit | seconds | load average |
| --- | --- | --- | ---: | ---: |
${Object.entries(steps)
  .map(([name, { date, commit, seconds, load }]) =>
    line([name, date.slice(0, 10), commit, seconds, load.toFixed(1)]),
  )
  .join('\n')}
`;
}

/** Bars for the ratios of rates. */
function chartOf(comparisons) {
  const bars = comparisons.filter(({ unit }) => unit === 'requests/s');
  const most = Math.max(2, ...bars.map(({ ratio }) => ratio.high));
  const [left, width, height] = [330, 420, 26];
  const x = (value) => (left + (value / most) * width).toFixed(1);
  const text = (at, y, content, end = '') =>
    `<text x="${at}" y="${y}"${end}>${content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</text>`;
  const rows = bars.map(({ what, against, ratio }, at) => {
    const y = 24 + at * height;
    return [
      text(left - 8, y + 12, `${what}: ${against}`, ' text-anchor="end"'),
      `<rect x="${left}" y="${y}" width="${(x(ratio.median) - left).toFixed(1)}" height="16" rx="2"/>`,
      `<path d="M${x(ratio.low)} ${y + 8}H${x(ratio.high)}"/>`,
      text(Number(x(ratio.high)) + 8, y + 12, ratio.median.toFixed(2)),
    ].join('');
  });
  const total = 40 + bars.length * height;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${left + width + 70} ${total}" role="img" aria-label="Ratios of the rates, Quiver to the other">
<style>text{font:12px system-ui,sans-serif;fill:#555}rect{fill:#2f6fde}path{stroke:#888;stroke-width:2}.one{stroke:#c33;stroke-width:1;stroke-dasharray:4 3}@media(prefers-color-scheme:dark){text{fill:#bbb}rect{fill:#6f9ff0}}</style>
${text(Number(x(1)) + 4, 14, '1: as fast')}<path class="one" d="M${x(1)} 4V${total - 10}"/>
${rows.join('\n')}
</svg>
`;
}

if (process.argv[1] === import.meta.filename) {
  const [, , source] = process.argv;
  writeReport(JSON.parse(readFileSync(join(ROOT, source), 'utf8')), source);
}

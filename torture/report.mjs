/**
 * Writes `docs/torture.md` from the results of a day. Nothing in it is typed by hand.
 *
 *   node torture/report.mjs torture/results/<date>.json     writes the page again
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { wrapMarkdown } from '../scripts/wrap-markdown.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * Writes the page.
 * @param results the parsed file
 * @param source the path of that file from the root
 */
export function writeReport({ machine, tortures, proofs }, source) {
  const line = (cells) => `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`;
  const seen = (one) =>
    Object.entries(one.seen)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ');
  const { cores, processor, memoryMiB, node, bun } = machine;
  const page = `# Torture

${wrapMarkdown(
  `Written by \`npm run torture -- --keep\` from [its results](../${source}); nothing here is typed by hand.
   [What "stored" means](durability.md) explains the promises. \`npm test\` runs a short form of every torture.`,
)}

The longest tortures are not repeated for every change. The last column names the commit of a run.

Machine: ${cores} cores, ${processor}, ${Math.round(memoryMiB / 1024)} GiB; Node ${node}, Bun ${bun}.

| torture | required | measured | result | seconds | commit |
| --- | --- | --- | --- | ---: | --- |
${tortures.map((one) => line([one.name, one.bar, seen(one), one.verdict, one.seconds, one.commit])).join('\n')}
${
  proofs.length === 0
    ? ''
    : `
## Proof that the tortures can fail

\`npm run torture -- --prove\` runs each torture on a server that was broken on purpose, where it must
miss its bar, and on a correct one ("none"), where it must meet it.

| torture | sabotage | result |
| --- | --- | --- |
${proofs.map((one) => line([one.name, one.sabotage, `${one.verdict}${one.isRight ? '' : ', WRONG'}`])).join('\n')}
`
}`;
  writeFileSync(join(ROOT, 'docs/torture.md'), page);
}

if (process.argv[1] === import.meta.filename) {
  const [, , source] = process.argv;
  writeReport(JSON.parse(readFileSync(join(ROOT, source), 'utf8')), source);
}

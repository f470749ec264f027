/**
 * Out of the results of a day: `docs/torture.md`. Nothing in it is typed by hand.
 *
 *   node torture/report.mjs torture/results/<date>.json     writes the page again
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** Writes the page. @param results the parsed file @param source where that file is, from the root */
export function writeReport({ machine, tortures, proofs }, source) {
  const line = (cells) => `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`;
  const seen = (one) =>
    Object.entries(one.seen)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ');
  const { cores, processor, memoryMiB, node, bun } = machine;
  const page = `# Torture

Written by \`npm run torture -- --keep\` from [its results](../${source}); nothing here is typed by hand. What each promise means is in
[What "stored" means](durability.md). A short form of every torture is part of \`npm test\`.

The longest of them are not run again for every change: the last column names the commit that each was run on.

Machine: ${cores} cores, ${processor}, ${Math.round(memoryMiB / 1024)} GiB; Node ${node}, Bun ${bun}.

| torture | bar | seen | is it | seconds | commit |
| --- | --- | --- | --- | ---: | --- |
${tortures.map((one) => line([one.name, one.bar, seen(one), one.verdict, one.seconds, one.commit])).join('\n')}
${
  proofs.length === 0
    ? ''
    : `
## That the detectors detect

The same tortures on servers that were spoiled on purpose (\`npm run torture -- --prove\`): each must miss its bar there, and meet it on a sound one.

| torture | spoiled by | verdict |
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

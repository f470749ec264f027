/**
 * What the documents refer to exists: files, headings, and the tests that the compatibility page
 * names.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { makeProgram } from '../src/cli/program.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const DOCUMENTS = [
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
  ...filesUnder('docs').filter((path) => path.endsWith('.md')),
];

function filesUnder(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((path) =>
    join(folder, path),
  );
}

/**
 * `contract section 3`, `contract sections 3, 5 and 7`; a comment may break the line between the
 * words.
 */
const CITATION = /contract[\s*/]+sections?[\s*/]+((?:\d+(?:, | and )?)+)/gi;

/** Links of a document: `[text](target)`, outside code. */
function linksOf(text: string): string[] {
  const prose = text.replace(/```.*?```/gs, '').replace(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);
}

/** The anchors that headings get: lower case, no punctuation, hyphens for blanks. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

test.each(DOCUMENTS)('every link of %s has a target', (document) => {
  const text = readFileSync(join(ROOT, document), 'utf8');
  const broken = linksOf(text).filter((link) => {
    if (/^https?:/.test(link)) return false;
    const [path = '', anchor] = link.split('#');
    const target = path === '' ? join(ROOT, document) : join(ROOT, dirname(document), path);
    if (!existsSync(target)) return true;
    return anchor !== undefined && !anchorsOf(readFileSync(target, 'utf8')).includes(anchor);
  });
  expect(broken).toEqual([]);
});

test('every cited section of the contract exists', () => {
  const contract = readFileSync(join(ROOT, 'docs/contract.md'), 'utf8');
  const sections = new Set([...contract.matchAll(/^## (\d+)\. /gm)].map(([, number]) => number));
  const citing = ['packages', 'torture', 'bench', 'scripts', 'docs']
    .flatMap(filesUnder)
    .filter((path) => /\.(ts|tsx|mjs|md)$/.test(path) && !/(node_modules|\/dist)\//.test(path));
  const cited = citing.flatMap((path) =>
    [...readFileSync(join(ROOT, path), 'utf8').matchAll(CITATION)].flatMap(([, numbers]) =>
      numbers!.match(/\d+/g)!.map((number) => ({ path, number })),
    ),
  );
  expect(cited.length).toBeGreaterThan(100);
  expect(cited.filter(({ number }) => !sections.has(number))).toEqual([]);
});

test('every test named on the compatibility page exists', () => {
  const page = readFileSync(join(ROOT, 'docs/compatibility.md'), 'utf8');
  const named = [...page.matchAll(/`([\w.-]+\.ts)` › ([^|]+?) \|/g)].map(([, file, name]) => ({
    file,
    name,
  }));
  expect(named.length).toBeGreaterThan(50);
  const sources = new Map(
    [...filesUnder('packages/server/src'), ...filesUnder('packages/server/test')]
      .filter((path) => path.endsWith('.ts'))
      .map((path) => [basename(path), readFileSync(join(ROOT, path), 'utf8')]),
  );
  // Group and name are in the file as strings, or as the pattern of a table.
  const isThere = (file: string, name: string) =>
    name.split(' › ').every((part) => sources.get(file)?.includes(part));
  expect(named.filter(({ file, name }) => !isThere(file!, name!))).toEqual([]);
});

/** Command lines of Quiver in the code blocks of a document, as words. */
function commandsIn(text: string): string[][] {
  const blocks = [...text.matchAll(/^ *```(?:sh|yaml|bash)?\n(.*?)^ *```/gms)].map(([, block]) => block!);
  const lines = blocks.flatMap((block) => block.replaceAll(/\\\n\s*/g, ' ').split('\n'));
  return lines.flatMap((line) => [...line.matchAll(COMMAND)].map(([, words]) => words!.trim().split(/\s+/)));
}
// At the start of a line or after the end of another command, not as an argument.
const COMMAND =
  /(?:^(?:[\s-]|run: )*(?:[A-Z_]+=\S+ )*|[(|;&] *|until )(?:npx |node |\.\/dist\/)?(?:quiver|quiver-server|bin\/quiver\.mjs) +([^|&;)#>\s][^|&;)#>]*)/g;

/** What is wrong with a command line; undefined when the command and all its flags exist. */
function problemOf(program: Command, words: readonly string[]): string | undefined {
  let command = program;
  for (const word of words) {
    const next = command.commands.find((one) => one.name() === word);
    if (next === undefined) break;
    command = next;
  }
  if (command === program && !words[0]?.startsWith('-')) return `no command ${words[0]}`;
  const flags = words.filter((word) => word.startsWith('--')).map((word) => word.split('=')[0]!);
  const known = new Set([...command.options.map(({ long }) => long), '--help', '--version']);
  const unknown = flags.find((flag) => !known.has(flag));
  return unknown === undefined ? undefined : `no flag ${unknown}`;
}

test('every Quiver command in a code block exists and has the flags that are used', () => {
  const program = makeProgram(() => {});
  const found = [...DOCUMENTS, 'packages/server/README.md', 'packages/client/README.md'].flatMap((document) =>
    commandsIn(readFileSync(join(ROOT, document), 'utf8')).map((words) => ({ document, words })),
  );
  expect(found.length).toBeGreaterThan(20);
  const wrong = found.flatMap(({ document, words }) => {
    const problem = problemOf(program, words);
    return problem === undefined ? [] : [`${document}: quiver ${words.join(' ')}: ${problem}`];
  });
  expect(wrong).toEqual([]);
  // The check notices.
  expect(problemOf(program, ['batch', 'retry', '--prot'])).toBe('no flag --prot');
  expect(problemOf(program, ['serv'])).toBe('no command serv');
});

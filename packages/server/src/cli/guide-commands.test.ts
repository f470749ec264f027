/**
 * Every `quiver …` that README and guides show is a command, with flags, that the command line
 * knows.
 */

import { readdirSync, readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { makeProgram } from './program.ts';

const ROOT = new URL('../../../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, ROOT), 'utf8');
const FILES = ['README.md', ...readdirSync(new URL('docs/guide/', ROOT)).map((name) => `docs/guide/${name}`)];

/** Where a command ends in a line of the shell. */
const END = /\s#|[|;&<>)]|$/;
/** Not where it is the name of a service, a container or a secret. */
const COMMAND = /(?:^|(?<!\b(?:exec|generic|unit|-u))[\s(]|\.\/dist\/)quiver ((?:"[^"]*"|'[^']*'|[^"'\n])+)/g;

/**
 * The commands of a text: lines in fenced blocks that run them, and spans of code that begin with
 * one.
 */
function commandsOf(markdown: string): string[] {
  const blocks = [...markdown.matchAll(/^ *```(?:sh|bash|yaml|console)?\n(.*?)^ *```/gms)].map(
    ([, text]) => text!,
  );
  const lines = blocks.flatMap((text) => text.replaceAll(/\\\n\s*/g, ' ').split('\n'));
  const spans = [...markdown.replaceAll(/^ *```.*?^ *```/gms, '').matchAll(/`(quiver [^`]+)`/g)];
  return [
    ...lines.filter((line) => !/^\s*(image|container_name):/.test(line)),
    ...spans.map(([, span]) => span!),
  ]
    .flatMap((line) => [...line.matchAll(COMMAND)])
    .map(([, words]) => words!.slice(0, words!.search(END)).trim())
    .filter((words) => /^[a-z-]/.test(words));
}

/** The unknown part of a command; undefined when it is valid. */
function problem(words: string): string | undefined {
  // Commands that the server runs itself are not for users.
  if (words === 'worker serving' || words === 'worker background') return undefined;
  let command: Command = makeProgram(() => undefined);
  for (const word of words.split(/\s+/)) {
    const sub = command.commands.find((one) => one.name() === word);
    if (sub) command = sub;
    else if (command.parent === null && !word.startsWith('-')) return `no command ${word}`;
    else if (!word.startsWith('--')) {
      // A group of commands accepts only one of its commands.
      if (command.commands.length > 0 && command.registeredArguments.length === 0) {
        return `${command.name()} has no command ${word}`;
      }
    } else if (!isKnownFlag(command, word.replace(/=.*/, ''))) return `${command.name()} has no flag ${word}`;
  }
  return undefined;
}

function isKnownFlag(command: Command, flag: string): boolean {
  const isFamily = flag.includes('…');
  const flags = [...command.options.map(({ long }) => long), '--help', '--version'];
  return flags.some((long) => (isFamily ? long?.startsWith(flag.replace(/…/, '')) : long === flag));
}

describe('every command in a guide exists', () => {
  test.each(FILES)('in the file %s', (path) => {
    const unknown = commandsOf(read(path)).map((words) => [words, problem(words)]);
    expect(unknown.filter(([, why]) => why !== undefined)).toEqual([]);
  });
});

test('commands are found at all, and unknown ones are reported', () => {
  expect(FILES.flatMap((path) => commandsOf(read(path))).length).toBeGreaterThan(80);
  expect(commandsOf('```sh\nA=b npx quiver serve --port 1 # x\n```\nand `quiver get x`')).toEqual([
    'serve --port 1',
    'get x',
  ]);
  expect(problem('srve')).toBe('no command srve');
  expect(problem('batch mend')).toBe('batch has no command mend');
  expect(problem('serve --prt 1')).toBe('serve has no flag --prt');
});

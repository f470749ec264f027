/**
 * Examines every regular expression of the server with a checker: none may take more than linear
 * time on any text.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { check } from 'recheck';
import ts from 'typescript';
import { SERVER } from '../scripts/setup.mjs';

const SOURCES = join(SERVER, 'src');
const TIMEOUT = 30_000;

export default {
  name: 'expressions',
  bar: 'none super-linear, by a checker',
  sizes: { short: {}, long: {} },
  sabotages: {
    'nested-repetition': { more: ['^(a+)+$'] },
    'two-repetitions-side-by-side': { more: ['^\\s*\\s*$'] },
  },
  async run({ more = [] }, { say }) {
    const seen = { expressions: 0, linear: 0 };
    const problems = [];
    const found = [
      ...expressionsIn(SOURCES),
      ...more.map((source) => ({ where: 'sabotage', source, flags: '' })),
    ];
    // In one process and in JavaScript, because the checker's faster versions are separate
    // binaries.
    process.env.RECHECK_BACKEND = 'pure';
    for (const { where, source, flags } of found) {
      seen.expressions += 1;
      const { status, complexity, error } = await check(source, flags, { timeout: TIMEOUT });
      if (status === 'safe') seen.linear += 1;
      else problems.push(`${where}: /${source}/${flags} is ${complexity?.summary ?? error?.kind ?? status}`);
    }
    say(`${seen.expressions} expressions`);
    return { seen, problems, isMet: seen.expressions > 20 && problems.length === 0 };
  },
};

/** Literals, and literal texts passed to `RegExp`, with file and line. */
function expressionsIn(folder) {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const found = [];
  for (const file of files.filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))) {
    const path = join(folder, file);
    const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest);
    const add = (node, text, flags) => {
      const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
      found.push({ where: `${relative(SOURCES, path)}:${line + 1}`, source: text, flags });
    };
    const walk = (node) => {
      if (ts.isRegularExpressionLiteral(node)) {
        const end = node.text.lastIndexOf('/');
        add(node, node.text.slice(1, end), node.text.slice(end + 1));
      } else if (ts.isNewExpression(node) && node.expression.getText(source) === 'RegExp') {
        const [pattern, flags] = node.arguments ?? [];
        if (pattern && ts.isStringLiteralLike(pattern)) add(node, pattern.text, flags?.text ?? '');
      }
      ts.forEachChild(node, walk);
    };
    walk(source);
  }
  return found;
}

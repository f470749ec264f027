/**
 * Checks rules that keep the server's source easy to navigate:
 *
 * - an exported name has one meaning: no two files export the same name;
 * - a file has at most 400 lines and a function at most 60, unless the comment at its head says why
 *   it is longer: `Long because …`. Generated files and the conformance suites, which are tests,
 *   are left out.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { ROOT } from './setup.mjs';

const SOURCE = 'packages/server/src';
const MAX_FILE_LINES = 400;
const MAX_FUNCTION_LINES = 60;
const REASON = /long because \S|Made by `npm run/i;

/** The files that the package exports use internal names for their own types. */
const ENTRIES = new Set(['index.ts', 'sandbox.ts', 'msw.ts']);

const files = readdirSync(join(ROOT, SOURCE), { recursive: true })
  .map((name) => name.replaceAll('\\', '/'))
  .filter((name) => /(?<!\.test|\.d)\.ts$/.test(name) && !name.includes('/conformance/'))
  .sort();
const problems = [];
const exportedBy = new Map();

for (const name of files) {
  const text = readFileSync(join(ROOT, SOURCE, name), 'utf8');
  const tree = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);
  const lines = text.split('\n').length - 1;
  if (lines > MAX_FILE_LINES && !REASON.test(text.slice(0, text.indexOf('*/')))) {
    problems.push(`${name}: ${lines} lines; at most ${MAX_FILE_LINES}`);
  }
  if (!ENTRIES.has(name)) noteExports(tree, name);
  checkFunctions(tree, name);
}
for (const [exported, places] of exportedBy) {
  if (places.length > 1) problems.push(`${exported}: exported by ${places.join(' and ')}`);
}
for (const problem of problems) process.stdout.write(`${problem}\n`);
process.exitCode = problems.length === 0 ? 0 : 1;

/**
 * Records the exports that a file declares itself; re-exporting another file's name is not a second
 * meaning.
 */
function noteExports(tree, file) {
  const names = new Set();
  for (const statement of tree.statements) {
    const isExported = ts.canHaveModifiers(statement)
      ? ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
      : false;
    if (!isExported) continue;
    if (ts.isVariableStatement(statement)) {
      for (const { name } of statement.declarationList.declarations) {
        if (ts.isIdentifier(name)) names.add(name.text);
      }
    } else if (statement.name) names.add(statement.name.text);
  }
  for (const name of names) exportedBy.set(name, [...(exportedBy.get(name) ?? []), file]);
}

function checkFunctions(tree, file) {
  const lineOf = (position) => tree.getLineAndCharacterOfPosition(position).line + 1;
  const visit = (node) => {
    if (ts.isFunctionLike(node) && node.body) {
      const first = lineOf(node.getStart(tree));
      const length = lineOf(node.end) - first + 1;
      if (length > MAX_FUNCTION_LINES && !hasReason(node)) {
        problems.push(`${file}:${first}: a function of ${length} lines; at most ${MAX_FUNCTION_LINES}`);
      }
    }
    ts.forEachChild(node, visit);
  };
  const hasReason = (node) => {
    // The comment of an arrow function is before the statement that declares it.
    for (let at = node; at && !ts.isSourceFile(at); at = at.parent) {
      const comments = ts.getLeadingCommentRanges(tree.text, at.getFullStart()) ?? [];
      if (comments.some(({ pos, end }) => REASON.test(tree.text.slice(pos, end)))) return true;
      if (at !== node && (ts.isFunctionLike(at) || ts.isStatement(at))) return false;
    }
    return false;
  };
  visit(tree);
}

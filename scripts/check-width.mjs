/**
 * `node scripts/check-width.mjs`: fails if a comment or a line of Markdown has more than 100
 * columns, and lists those lines. Tables, code, headings and lines that cannot be broken may be
 * longer.
 */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { ROOT } from './setup.mjs';

const MAX_COLUMNS = 100;
/** Kept as they were written: results of runs, and texts by others. */
const LEFT_OUT = /^(LICENSE|bench\/results\/|torture\/results\/|\.github\/)/;

const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
}).split('\n');
let found = 0;
for (const name of tracked) {
  if (LEFT_OUT.test(name)) continue;
  const longLines = /\.(ts|tsx|mjs)$/.test(name)
    ? longComments(name)
    : name.endsWith('.md')
      ? longText(name)
      : [];
  for (const { line, columns } of longLines) process.stdout.write(`${name}:${line}: ${columns} columns\n`);
  found += longLines.length;
}
process.stdout.write(`${found} lines of more than ${MAX_COLUMNS} columns\n`);
if (found > 0) process.exitCode = 1;

/** Lines that are too long because of a comment. */
function longComments(name) {
  const text = textOf(name);
  if (text === undefined) return [];
  const lines = text.split('\n');
  const withComment = new Set();
  const language = name.endsWith('x') ? ts.LanguageVariant.JSX : ts.LanguageVariant.Standard;
  const tree = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true, language && ts.ScriptKind.TSX);
  const note = ({ pos, end }) => {
    const first = tree.getLineAndCharacterOfPosition(pos);
    const last = tree.getLineAndCharacterOfPosition(end);
    for (let line = first.line; line <= last.line; line += 1) {
      // Code followed by a comment counts as code, for which the formatter has its own limit.
      if (line > first.line || lines[line].slice(0, first.character).trim() === '') withComment.add(line);
    }
  };
  const visit = (node) => {
    for (const range of ts.getLeadingCommentRanges(text, node.getFullStart()) ?? []) note(range);
    for (const range of ts.getTrailingCommentRanges(text, node.end) ?? []) note(range);
    for (const child of node.getChildren(tree)) visit(child);
  };
  visit(tree);
  return [...withComment].sort((a, b) => a - b).flatMap((line) => tooLong(lines[line], line));
}

/** Lines of Markdown that are too long, outside of code and tables. */
function longText(name) {
  const text = textOf(name);
  if (text === undefined) return [];
  let fence;
  return text.split('\n').flatMap((content, line) => {
    const [, mark] = /^\s*(?:[-*>]\s+)*(```+|~~~+)/.exec(content) ?? [];
    if (mark !== undefined) {
      if (fence === undefined) fence = mark;
      else if (mark.startsWith(fence)) fence = undefined;
      return [];
    }
    const mayBeLong = fence !== undefined || /^\s*(\||#)/.test(content) || /^ {4}/.test(content);
    return mayBeLong ? [] : tooLong(content, line);
  });
}

/** Whether a line could be broken within the limit, after its first word. */
function tooLong(content, line) {
  const columns = [...content].length;
  if (columns <= MAX_COLUMNS) return [];
  // The linter requires its instructions on one line.
  if (/^\s*\/\/ biome-ignore /.test(content)) return [];
  const words = content.trim().replace(/^(\/\*\*?|\/\/|\*|[-*>]|\d+\.)\s+/, '');
  const canBreak = /\s/.test(withoutLinks(words).trim());
  return canBreak ? [{ line: line + 1, columns }] : [];
}

/** Links and code spans stay whole, so each counts as one word. */
function withoutLinks(text) {
  return text.replace(/!?\[[^\]]*\]\([^)]*\)/g, 'link').replace(/`[^`]*`/g, 'code');
}

function textOf(name) {
  try {
    return readFileSync(join(ROOT, name), 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * `npm run lua`: puts the Lua scripts of the Redis engine into a module, so that they are part of
 * every build (sources, bundle, executable) and no file is read at run time.
 *
 *   node scripts/embed-lua.mjs           writes packages/server/src/storage/redis/lua-scripts.ts
 *   node scripts/embed-lua.mjs --check   exits with 1 when that module does not match the files
 *
 * Every `lua/<name>.lua` becomes an export `<name>` in camel case. A file that others include with
 * a line `-- include <name>.lua` becomes a constant in them. Comments stay in the files.
 */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FOLDER = join(ROOT, 'packages/server/src/storage/redis');
const TARGET = join(FOLDER, 'lua-scripts.ts');
const INCLUDE = /^-- include (\S+)$/;
const INCLUDES = new RegExp(INCLUDE, 'gm');
const HEAD = [/^-- KEYS/m, /^-- ARGV/m, /^-- Returns/m];

const texts = new Map(
  readdirSync(join(FOLDER, 'lua'))
    .sort()
    .map((file) => [file, readFileSync(join(FOLDER, 'lua', file), 'utf8')]),
);
const included = new Set(
  [...texts.values()].flatMap((text) => [...text.matchAll(INCLUDES)].map(([, file]) => file)),
);
const scripts = [...texts].filter(([file]) => !included.has(file));
const module = `/** The Lua scripts of \`lua/\`. Made by \`npm run lua\`; change the files there. */

import { script } from './script.ts';

${[...included].sort().map(shared).join('\n')}
${scripts.map(([file, text]) => exported(file, text)).join('\n')}`;

if (!process.argv.includes('--check')) writeFileSync(TARGET, module);
else if (readFileSync(TARGET, 'utf8') !== module) {
  process.stdout.write(`${relative(ROOT, TARGET)} is out of date. Run: npm run lua\n`);
  process.exitCode = 1;
}

function exported(file, text) {
  for (const line of HEAD) {
    if (!line.test(text))
      throw new Error(`lua/${file}: its head has no line that begins with ${line.source}`);
  }
  return `export const ${nameOf(file)} = script(\`\n${literalOf(text)}\n\`);\n`;
}

function shared(file) {
  const text = texts.get(file) ?? missing(file);
  return `const ${nameOf(file)} = \`${literalOf(text)}\`;\n`;
}

/**
 * The code of a file as it appears in a template literal, with a placeholder for each included
 * file.
 */
function literalOf(text) {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '' && (INCLUDE.test(line) || !/^\s*--/.test(line)))
    .map((line) => {
      const [, name] = INCLUDE.exec(line) ?? [];
      return name === undefined ? line.replaceAll(/[\\`]|\$\{/g, '\\$&') : `\${${nameOf(name)}}`;
    })
    .join('\n');
}

function missing(file) {
  throw new Error(`lua/${file} is included, and is not there`);
}

function nameOf(file) {
  return file.replace(/\.lua$/, '').replaceAll(/-(\w)/g, (_, letter) => letter.toUpperCase());
}

/**
 * What a process did to one file, in order, as recorded by `strace`: writes, syncs, and its output.
 * This determines which bytes a disk must have kept at any moment, and which it may have lost.
 */

import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** The arguments of strace before the command to trace. @param log the file that it writes */
export const traceTo = (log) => [
  ...['-f', '-xx', '-s', '100000000', '-o', log],
  ...[
    '-e',
    'trace=openat,close,lseek,pwrite64,writev,pwritev,pwritev2,write,sendto,fdatasync,fsync,ftruncate',
  ],
];

const WHOLE = /^(\d+) +(\w+)\((.*)\) += (-?\d+)(.*)$/;
const BEGINNING = /^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$/;
const ENDING = /^(\d+) +<\.\.\. (\w+) resumed>(.*)\) += (-?\d+)(.*)$/;
const STRING = /"((?:\\x[0-9a-f]{2})*)"/g;

/**
 * Reads a log of strace.
 *
 * @param file the absolute path of the file whose writes are wanted
 * @returns `writes`, each with its place, bytes, line of its beginning and of its end, and whether
 *   the call itself waits for the disk (O_DSYNC); `syncs`, each with both lines; `printed`, the
 *   text of each write to anything else and its line; `lines`, how many there are
 */
export async function readTrace(log, file) {
  const trace = { writes: [], syncs: [], printed: [], lines: 0 };
  const unfinished = new Map();
  const files = new Map();
  for await (const line of createInterface({ input: createReadStream(log) })) {
    trace.lines += 1;
    const at = trace.lines;
    const beginning = BEGINNING.exec(line);
    if (beginning) {
      unfinished.set(beginning[1], { args: beginning[3], begin: at });
      continue;
    }
    const ending = ENDING.exec(line);
    const whole = ending ?? WHOLE.exec(line);
    if (!whole) continue;
    const [, thread, call, rest, result, note] = whole;
    const before = ending ? unfinished.get(thread) : undefined;
    const args = before ? before.args + rest : rest;
    if (Number(result) < 0) continue;
    const isReal = !note.includes('INJECTED');
    take(trace, files, file, {
      call,
      args,
      result: Number(result),
      isReal,
      begin: before?.begin ?? at,
      end: at,
    });
  }
  return trace;
}

/** Adds what one call did. */
function take(trace, files, file, { call, args, result, isReal, begin, end }) {
  if (call === 'openat') {
    if (bytesOf(args).toString() !== file) return;
    files.set(result, { position: 0, isSynced: args.includes('O_DSYNC') });
    return;
  }
  const fd = Number(/^\d+/.exec(args)?.[0]);
  const open = files.get(fd);
  if (open === undefined) {
    // A runtime may print through a copy of its standard output.
    if (/write|send/.test(call)) trace.printed.push({ text: bytesOf(args).toString(), begin });
    return;
  }
  if (call === 'close') files.delete(fd);
  else if (call === 'lseek') open.position = result;
  else if (call === 'fdatasync' || call === 'fsync') {
    if (isReal) trace.syncs.push({ begin, end });
  } else if (call === 'ftruncate') throw new Error('the file was truncated, which is not simulated');
  else {
    const hasPlace = call !== 'write' && call !== 'writev';
    const place = hasPlace ? Number(/(\d+)$/.exec(args)[1]) : open.position;
    if (!hasPlace) open.position += result;
    trace.writes.push({
      ...{ place, bytes: bytesOf(args).subarray(0, result), begin, end },
      isSynced: open.isSynced,
    });
  }
}

/** The bytes of all strings of the arguments, one after another. */
function bytesOf(args) {
  return Buffer.concat(
    Array.from(args.matchAll(STRING), ([, text]) => Buffer.from(text.replaceAll('\\x', ''), 'hex')),
  );
}

/** The Redis protocol: what is sent, and replies in whatever pieces they arrive. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CommandBytes } from './command-bytes.ts';
import { ErrorReply, type NodeReply, ReplyParser } from './reply-parser.ts';

const word = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.nat(),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
);

describe('the Redis protocol', () => {
  test('encodes a command as its words', () => {
    fc.assert(
      fc.property(fc.array(fc.array(word, { minLength: 1, maxLength: 5 }), { maxLength: 5 }), (commands) => {
        const bytes = new CommandBytes(16);
        for (const args of commands) bytes.add('ECHO', args);
        expect(bytes.commands).toBe(commands.length);
        // A list of bulk strings is also a reply.
        const sent = repliesIn([bytes.taken()]).map((reply) => (reply as Buffer[]).map(String));
        expect(sent).toEqual(commands.map((args) => ['ECHO', ...args.map(String)]));
      }),
    );
  });

  test('finds replies wherever their bytes are cut', () => {
    const text =
      '+OK\r\n:-12\r\n$-1\r\n$5\r\na\r\nbc\r\n*3\r\n:7\r\n*-1\r\n*1\r\n$2\r\nxy\r\n-ERR no\r\n$0\r\n\r\n*0\r\n';
    const whole = ['OK', -12, null, 'a\r\nbc', [7, null, ['xy']], 'ERR no', '', []];
    const bytes = Buffer.from(text);
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length), { maxLength: 12 }), (cuts) => {
        const edges = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        const pieces = edges.slice(1).map((edge, at) => bytes.subarray(edges[at], edge));
        expect(repliesIn(pieces.filter(({ length }) => length > 0)).map(plain)).toEqual(whole);
      }),
    );
    expect(repliesIn([bytes])[5]).toBeInstanceOf(ErrorReply);
  });

  test('reports an error for bytes outside the protocol', () => {
    expect(() => repliesIn([Buffer.from('HTTP/1.1 400 Bad Request\r\n')])).toThrow('a node sent a reply');
  });
});

function repliesIn(pieces: readonly Buffer[]): NodeReply[] {
  const found: NodeReply[] = [];
  const parser = new ReplyParser((reply) => found.push(reply));
  for (const piece of pieces) parser.read(Buffer.from(piece));
  return found;
}

function plain(reply: NodeReply): unknown {
  if (Buffer.isBuffer(reply)) return reply.toString();
  if (reply instanceof ErrorReply) return reply.message;
  return Array.isArray(reply) ? reply.map(plain) : reply;
}

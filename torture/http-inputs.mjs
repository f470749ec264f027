/** Mutated HTTP requests, the same for the same seed on every runtime. */

import { REQUESTS } from './hostile-requests.mjs';

const chunked = (body, more = '') =>
  `POST /c HTTP/1.1\r\nHost: a\r\n${more}Transfer-Encoding: chunked\r\n\r\n${body}`;
const SEEDS = [
  'GET /a?b=c HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /a HTTP/1.1\r\nHost: a.example:8680\r\nAccept: */*\r\nConnection: keep-alive\r\nX: \t y \r\n\r\n',
  'HEAD /%2E%2e/x HTTP/1.1\r\nHost: [::1]:80\r\nCookie: a=b\r\ncookie: c=d\r\n\r\n',
  'GET /old HTTP/1.0\r\n\r\n',
  'GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
  'GET http://a/b?c HTTP/1.1\r\nHost: a\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM\r\n\r\n',
  'POST /l HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde',
  'POST /l HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n\r\n',
  'PUT /e HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\nab\r\n',
  'DELETE /d HTTP/1.1\r\nHost: a\r\nX-Empty:\r\n\r\n',
  chunked('5\r\nabcde\r\n0\r\n\r\n'),
  chunked('1;a="b c"\r\nx\r\n0\r\nT: v\r\n\r\n'),
  chunked('A\r\n0123456789\r\n000\r\n\r\n', 'Trailer: T\r\n'),
];
const HOSTILE = REQUESTS.map(([, bytes]) => bytes).filter((bytes) => bytes.length < 1000);
const PIECES = [
  ...'\r\n \t:;,"\\/?#%=*\0\x7f\x80\xff_-0159afGx@[]'.split(''),
  '\r\n',
  '\r\n\r\n',
  '\n\n',
  '\r\n ',
  '0\r\n\r\n',
  ' HTTP/1.1',
  ' HTTP/1.0',
  'Host: b\r\n',
  'Content-Length: 3\r\n',
  'Content-Length: 5\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: gzip, chunked\r\n',
  'Connection: close\r\n',
  'Connection: keep-alive\r\n',
  'Expect: 100-continue\r\n',
  'Upgrade: x\r\n',
  'chunked',
  'identity',
  'GET ',
  'POST ',
  'CONNECT a:1 ',
];

/** Numbers from 0 to 2 ** 32, the same for the same seed (mulberry32). */
export function random(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** One input: some requests, changed in a few places, in the pieces in which it arrives. */
export function makeInput(next) {
  let text = '';
  for (let count = 1 + next(3); count > 0; count -= 1)
    text += next(4) === 0 ? HOSTILE[next(HOSTILE.length)] : SEEDS[next(SEEDS.length)];
  for (let count = next(4); count > 0; count -= 1) {
    const at = next(text.length + 1);
    const end = at + next(4);
    const piece = PIECES[next(PIECES.length)];
    const how = next(5);
    if (how === 0) text = text.slice(0, at) + piece + text.slice(at);
    else if (how === 1) text = text.slice(0, at) + text.slice(end);
    else if (how === 2) text = text.slice(0, at) + piece + text.slice(end);
    else if (how === 3) text = text.slice(0, at) + text.slice(at, at + next(40)) + text.slice(at);
    else text = atLineStart(text, at, piece);
  }
  const bytes = Buffer.from(text, 'latin1');
  const cuts = Array.from({ length: next(4) }, () => next(bytes.length + 1)).sort((a, b) => a - b);
  return [0, ...cuts]
    .map((from, at) => bytes.subarray(from, cuts[at] ?? bytes.length))
    .filter(({ length }) => length > 0);
}

/** Header lines have the most effect at the start of a line. */
function atLineStart(text, at, piece) {
  const line = text.indexOf('\r\n', at) + 2;
  return line === 1 ? text : text.slice(0, line) + piece + text.slice(line);
}

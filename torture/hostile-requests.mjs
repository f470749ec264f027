/**
 * Requests that two successive programs might interpret differently, or that no client sends: the
 * known smuggling corpus (RFC 9112 sections 2.2, 3, 5, 6, 7 and 11.2), and malformed heads.
 *
 * `refused`: only a refusal or a closed connection is correct. `once`: there is one correct
 * interpretation, so one reply is allowed, and what follows must not be taken for a request. In
 * neither case may the second request, hidden in the first, be answered.
 */

export const HIDDEN = 'HIDDEN-REQUEST';
const HIDDEN_REQUEST = `GET /rest/v1/profiles/${HIDDEN} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
const TARGET = '/m2/demo/profile/update?mboxPC=nobody&profile.a=b';

/**
 * A POST with these header lines, whose body ends at once if read by chunks and hides a request if
 * read by length, or the other way round.
 */
function framed(lines, body = `0\r\n\r\n${HIDDEN_REQUEST}`) {
  return `POST ${TARGET} HTTP/1.1\r\nHost: localhost\r\n${lines}\r\n\r\n${body}`;
}

const LENGTH = `Content-Length: ${Buffer.byteLength(`0\r\n\r\n${HIDDEN_REQUEST}`)}`;
const chunked = (body) => framed('Transfer-Encoding: chunked', body);
const head = (line, headers = 'Host: localhost') => `${line}\r\n${headers}\r\n\r\n`;
const get = (headers) => head('GET /healthz HTTP/1.1', headers);

/** @type {[name: string, bytes: string, expected: 'refused' | 'once'][]} */
export const REQUESTS = [
  ['length and chunks', framed(`${LENGTH}\r\nTransfer-Encoding: chunked`), 'once'],
  ['chunks and length', framed(`Transfer-Encoding: chunked\r\n${LENGTH}`), 'once'],
  ['chunks, a blank before the colon', framed(`${LENGTH}\r\nTransfer-Encoding : chunked`), 'refused'],
  ['chunks, a line feed before the colon', framed(`${LENGTH}\r\nTransfer-Encoding\n: chunked`), 'refused'],
  ['chunks on a folded line', framed(`${LENGTH}\r\nTransfer-Encoding:\r\n chunked`), 'refused'],
  ['chunks after a bare line feed', framed(`${LENGTH}\r\nX: x\nTransfer-Encoding: chunked`), 'refused'],
  ['chunks after a bare carriage return', framed(`${LENGTH}\r\nX: x\rTransfer-Encoding: chunked`), 'refused'],
  ['an unknown encoding', framed(`${LENGTH}\r\nTransfer-Encoding: xchunked`), 'refused'],
  ['an encoding in quotes', framed(`${LENGTH}\r\nTransfer-Encoding: "chunked"`), 'refused'],
  ['chunks, then identity', framed(`${LENGTH}\r\nTransfer-Encoding: chunked, identity`), 'refused'],
  [
    'chunks named twice',
    framed(`${LENGTH}\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity`),
    'refused',
  ],
  ['a vertical tab before chunked', framed(`${LENGTH}\r\nTransfer-Encoding: \u000bchunked`), 'refused'],
  ['a zero byte after chunked', framed(`${LENGTH}\r\nTransfer-Encoding: chunked\0`), 'refused'],
  ['an underscore in the name', framed(`${LENGTH}\r\nTransfer_Encoding: chunked`), 'once'],
  ['two lengths that differ', framed(`Content-Length: 5\r\n${LENGTH}`), 'refused'],
  ['two lengths in one line', framed('Content-Length: 5, 10'), 'refused'],
  ['a length with a plus', framed('Content-Length: +5'), 'refused'],
  ['a length below zero', framed('Content-Length: -1'), 'refused'],
  ['a length in hexadecimal', framed('Content-Length: 0x5'), 'refused'],
  ['a length with a blank in it', framed('Content-Length: 0 5'), 'refused'],
  ['a length with a fraction', framed('Content-Length: 5.0'), 'refused'],
  ['an empty length', framed('Content-Length:'), 'refused'],
  ['a length beyond 64 bits', framed('Content-Length: 18446744073709551621'), 'refused'],
  ['a chunk size with 0x', chunked(`0x0\r\n\r\n${HIDDEN_REQUEST}`), 'refused'],
  ['a chunk size below zero', chunked(`-1\r\n\r\n${HIDDEN_REQUEST}`), 'refused'],
  ['a chunk size beyond 64 bits', chunked(`10000000000000000\r\n${HIDDEN_REQUEST}`), 'refused'],
  ['a chunk size that wraps to 0', chunked(`100000000000000000\r\n\r\n${HIDDEN_REQUEST}`), 'refused'],
  ['a chunk size of a blank', chunked(` \r\n\r\n${HIDDEN_REQUEST}`), 'refused'],
  ['chunk lines that end in a bare line feed', chunked(`1\nA\n0\n\n${HIDDEN_REQUEST}`), 'refused'],
  ['a chunk longer than it says', chunked(`1\r\nABC\r\n0\r\n\r\n${HIDDEN_REQUEST}`), 'refused'],
  ['a bare line feed in a chunk extension', chunked(`1;x\nA\r\n0\r\n\r\n${HIDDEN_REQUEST}`), 'refused'],
  [
    'a bare carriage return in a chunk extension',
    chunked(`1;\rx\r\nA\r\n0\r\n\r\n${HIDDEN_REQUEST}`),
    'refused',
  ],
  ['a trailer that is a length', chunked(`0\r\nContent-Length: 10\r\n\r\n`), 'once'],
  ['two blanks in the request line', head('GET  /healthz HTTP/1.1'), 'once'],
  ['no version', 'GET /healthz\r\n\r\n', 'refused'],
  ['version 2.0', head('GET /healthz HTTP/2.0'), 'refused'],
  ['a version that is none', head('GET /healthz HTTP/1.x'), 'refused'],
  ['a method that is no token', head('G(T /healthz HTTP/1.1'), 'refused'],
  ['a zero byte in the target', head('GET /healthz\0 HTTP/1.1'), 'refused'],
  ['a bare carriage return in the target', head('GET /healthz\rX HTTP/1.1'), 'refused'],
  ['CONNECT', head('CONNECT localhost:80 HTTP/1.1'), 'refused'],
  ['a target of another scheme', head('GET ftp://localhost/healthz HTTP/1.1'), 'once'],
  ['no Host', 'GET /healthz HTTP/1.1\r\n\r\n', 'refused'],
  ['two Hosts', get('Host: localhost\r\nHost: example.com'), 'refused'],
  ['a Host with a user', get('Host: user@localhost'), 'refused'],
  ['a Host that is a list', get('Host: localhost, example.com'), 'refused'],
  ['a header without a colon', get('Host: localhost\r\nnothing'), 'refused'],
  ['a header without a name', get('Host: localhost\r\n: value'), 'refused'],
  ['a header name with a blank', get('Host: localhost\r\nA B: c'), 'refused'],
  ['a first header that begins with a blank', 'GET /healthz HTTP/1.1\r\n Host: localhost\r\n\r\n', 'refused'],
  ['a folded header', get('Host: localhost\r\nX: a\r\n b'), 'refused'],
  ['a zero byte in a header', get('Host: localhost\r\nX: a\0b'), 'refused'],
  ['a header of 200 KB', get(`Host: localhost\r\nX: ${'y'.repeat(200_000)}`), 'refused'],
  ['10,000 headers', get(`Host: localhost\r\n${'X: y\r\n'.repeat(10_000)}Z: z`), 'refused'],
  ['a method of 100 KB', head(`${'G'.repeat(100_000)} /healthz HTTP/1.1`), 'refused'],
  ['a target of 200 KB', head(`GET /${'a'.repeat(200_000)} HTTP/1.1`), 'refused'],
  ['bytes that are no HTTP', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 'refused'],
  ['HTTP/2 by prior knowledge', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'refused'],
];

/**
 * Where the fuzzer begins, and what it likes to put in: pieces that mean something to each parser.
 */

import { gzipSync } from 'node:zlib';

const DELIVERY = {
  id: {
    tntId: 'a1.28_20',
    thirdPartyId: 'crm-1',
    marketingCloudVisitorId: '123',
    customerIds: [{ id: 'c', integrationCode: 'i', authenticatedState: 'authenticated' }],
  },
  context: { channel: 'web', browser: { host: 'x' }, address: { url: 'http://x' } },
  execute: {
    pageLoad: { profileParameters: { a: 'b', __proto__x: '1' } },
    mboxes: [{ index: 0, name: 'm', profileParameters: { c: 'd' } }],
  },
  prefetch: { views: [{}], mboxes: [{ index: 0, name: 'n' }] },
  notifications: [{ id: '1', type: 'display', timestamp: 1, mbox: { name: 'm' } }],
};
const BATCH = 'batch=pcId,a,b,c\n1,x,y,z\n2,,%41+b,\r\n\n3.28_20,"q",%zz\n,no id\n5,1,2,3,4\n6,é';

const text = (...list) => list.map((one) => Buffer.from(one));

export const SEEDS = {
  ids: text(
    'abc',
    'abc.28_20',
    '%C3%A9',
    'a%2Fb',
    '%',
    '%00',
    'a.b.c',
    '%F0%9F%98%80',
    '%ED%A0%80',
    'a?b#c',
    '..',
    'x'.repeat(300),
  ),
  query: text(
    'mboxPC=1&profile.a=b',
    'a=%41+%2B&a=2',
    '&&=&==',
    '%C3=1',
    'profile.%F0%9F%98%80=%',
    `a=${'%41'.repeat(2000)}`,
  ),
  json: text(
    JSON.stringify(DELIVERY),
    '{"id":{"tntId":1},"context":{"channel":"web"}}',
    '{"__proto__":{"polluted":1}}',
    '['.repeat(100),
    '{"a":"\\ud800"}',
    '{"tntId":"x","mbox":"m","profileParameters":{"a":1}}',
  ),
  batch: text(
    BATCH,
    'batch=thirdPartyId,a\nx,1\n',
    'batch=',
    'batch=pcId',
    '\ufeffbatch=pcId,a\n1,2',
    'batch=pcId,a,a\n',
    `batch=pcId,a\n1,${'%41'.repeat(500)}`,
  ),
  gzip: [
    gzipSync(BATCH),
    Buffer.concat([gzipSync('batch=pcId,a\n'), gzipSync('1,2\n')]),
    gzipSync(BATCH).subarray(0, 40),
    gzipSync(`batch=pcId,a\n${'1,2\n'.repeat(5000)}`, { level: 9 }),
    Buffer.concat([gzipSync(BATCH), Buffer.from('behind')]),
  ],
};

export const PIECES = {
  ids: text(
    '%',
    '%25',
    '%2F',
    '%00',
    '.',
    '..',
    '/',
    '+',
    '?',
    '#',
    '\ud83d\ude00',
    '%ED%A0%80',
    '%C0%AF',
    '_',
  ),
  query: text('&', '=', '%', '+', '%26', '%3D', 'profile.', 'user.', 'mboxPC=', '%E2%80%A8', '%F5', '\0'),
  json: text(
    '{',
    '}',
    '[',
    ']',
    '"',
    '\\',
    '\\u0000',
    '\\ud800',
    ',',
    ':',
    '"__proto__":',
    '"constructor":',
    '"profileParameters":{',
    'null',
    '1e999',
    '-0',
    '"index":',
    '"tntId":',
  ),
  batch: text(
    ',',
    '\n',
    '\r\n',
    '\r',
    '%',
    '%2C',
    '%0A',
    '%C3%A9',
    '%zz',
    '+',
    ' ',
    '\t',
    '"',
    '\\',
    '\u2028',
    'é',
    '\0',
    'batch=',
    'pcId',
    '.28',
    ',,,',
    '\xff',
  ),
  gzip: [
    Buffer.from([0x1f, 0x8b]),
    Buffer.from([0x1f, 0x8b, 8, 0]),
    Buffer.from([0, 0, 0, 0]),
    Buffer.from([0xff, 0xff]),
  ],
};

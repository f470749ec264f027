/** Converts the journal to HAR 1.2, which the network panels of browsers and proxies can open. */

import type { JournalCall } from './journal-call.ts';

export function harOf(calls: readonly JournalCall[], version: string) {
  return {
    log: {
      version: '1.2',
      creator: { name: 'Quiver', version },
      entries: calls.map(entryOf),
    },
  };
}

function entryOf(call: JournalCall) {
  const { headers, body, query, reply, ms } = call;
  const contentType = headers['content-type'] ?? '';
  const url = `http://${headers.host ?? 'localhost'}${call.path}${query === '' ? '' : `?${query}`}`;
  return {
    startedDateTime: call.at,
    time: ms,
    request: {
      method: call.method,
      url,
      httpVersion: 'HTTP/1.1',
      cookies: [],
      headers: Object.entries(headers).map(([name, value]) => ({ name, value })),
      queryString: Array.from(new URLSearchParams(query), ([name, value]) => ({ name, value })),
      ...(body === '' ? {} : { postData: { mimeType: contentType, text: body } }),
      headersSize: -1,
      bodySize: Buffer.byteLength(body),
    },
    response: {
      status: call.status,
      statusText: '',
      httpVersion: 'HTTP/1.1',
      cookies: [],
      headers: [],
      content: {
        size: Buffer.byteLength(reply),
        mimeType: /^\s*[[{]/.test(reply) ? 'application/json' : 'text/xml',
        text: reply,
      },
      redirectURL: '',
      headersSize: -1,
      bodySize: Buffer.byteLength(reply),
    },
    cache: {},
    timings: { send: 0, wait: ms, receive: 0 },
    comment: [call.route, call.client, call.reason].filter(Boolean).join(' · '),
  };
}

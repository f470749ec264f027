/** What a journal shows of a call in addition to its ids. */

/**
 * The headers that a journal shows; none that grants access, such as `Authorization` and `Cookie`,
 * and none with the address of a visitor, such as `X-Forwarded-For`.
 */
export const SHOWN_HEADERS = [
  'host',
  'content-type',
  'content-length',
  'content-encoding',
  'accept',
  'origin',
  'referer',
  'user-agent',
  'x-forwarded-host',
  'x-forwarded-proto',
];

/** Why a call was refused or found nothing, in the words of its reply. */
export function reasonOf(status: number, text: string): string | undefined {
  const isRefusal = status >= 400 || text.includes('<success>false</success>');
  if (!isRefusal) return undefined;
  const message =
    /<message>([^<]*)<\/message>/.exec(text)?.[1] ?? /"message":"((?:[^"\\]|\\.)*)"/.exec(text)?.[1];
  return message ?? `status ${status}`;
}

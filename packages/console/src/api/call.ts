/** Asks the server, and turns what it refuses into errors that a person can act on. */

export interface Ask {
  readonly method?: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A refusal of the server, or its absence (status 0). */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

let csrfToken = '';

/** Keeps the session's token against forged requests, in memory alone. */
export function rememberCsrfToken(token: string): void {
  csrfToken = token;
}

/** The header that must come with whatever changes something. */
export function csrfHeaders(): Record<string, string> {
  return { 'X-Quiver-CSRF': csrfToken };
}

/**
 * One request to the server, on its own origin.
 *
 * @returns the reply as JSON; undefined when it has no body
 * @throws ApiError
 */
export async function call<Reply>(
  path: string,
  { method = 'GET', body, headers = {} }: Ask = {},
): Promise<Reply> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers: {
        Accept: 'application/json',
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
        ...(method !== 'GET' && csrfHeaders()),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      credentials: 'same-origin',
    });
  } catch {
    throw new ApiError(0, UNREACHABLE);
  }
  const text = await response.text();
  if (!response.ok) throw new ApiError(response.status, messageOf(response.status, text));
  return (text === '' ? undefined : JSON.parse(text)) as Reply;
}

export const UNREACHABLE = 'The server does not answer. Is it running? This page tries again when you do.';

/** What a refusal says: the Admin API's list of errors, the profile APIs' message, the message in XML, or its status. */
export function messageOf(status: number, text: string): string {
  try {
    const reply = JSON.parse(text) as { message?: string; errors?: { message: string }[] };
    const said = reply.errors?.map(({ message }) => message).join('; ') ?? reply.message;
    if (said) return said;
  } catch {
    const inXml = /<message>(.*?)<\/message>/s.exec(text)?.[1];
    if (inXml) return inXml;
  }
  return `The server answered with status ${status}`;
}

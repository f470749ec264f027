import { badRequest } from '../errors.ts';

const MAX_URL = 2048;

/**
 * The URL to which messages are sent, as a body has it.
 * @param name of the member
 * @throws QuiverError `bad-request`
 */
export function webhookUrl(name: string, value: unknown): string {
  const url =
    typeof value === 'string' && value.length <= MAX_URL && URL.canParse(value) ? new URL(value) : undefined;
  if (
    !url ||
    !/^https?:$/.test(url.protocol) ||
    url.username !== '' ||
    url.password !== '' ||
    url.hash !== ''
  ) {
    throw badRequest(
      `${name}: must be an http or https URL of up to ${MAX_URL} characters, without user and fragment`,
    );
  }
  return url.href;
}

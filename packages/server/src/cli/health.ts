/**
 * `quiver health`: asks a server whether it can serve requests, for health checks of containers and
 * services.
 */

import { request } from 'node:https';
import { setTimeout as pause } from 'node:timers/promises';
import { Command, InvalidArgumentError } from 'commander';
import { QuiverClientError } from 'quiver-client';
import { type End, EXIT, endWith } from './client-failure.ts';
import { CONNECTION_HELP, type ConnectionOptions, connect, withConnection } from './server-connection.ts';
import { writeNote } from './terminal-text.ts';

type HealthOptions = ConnectionOptions & { readonly wait?: number };

/** A check that takes longer fails. */
const TIMEOUT_MS = 5000;
const EVERY_MS = 250;

const EXAMPLES = `
Needs no token. Exit code 0: the server answers reads and writes. 1: it runs but cannot serve now, for the reason shown. Without --url the
server's certificate is not checked, because it is for the name that other machines use.

Examples:
  quiver health
  quiver health --wait 30
  quiver health --url https://quiver.example.com
`;

/** The command, to be added to the program. */
export function healthCommand(end: End): Command {
  const command = new Command('health')
    .description('ask a server whether it can serve requests')
    .option('--wait <seconds>', 'repeat until it serves, for this many seconds', secondsOf);
  return withConnection(command)
    .addHelpText('after', EXAMPLES + CONNECTION_HELP)
    .action((options: HealthOptions) =>
      endWith(end, async () => {
        const isOfHere = command.getOptionValueSource('url') === 'default';
        writeNote(await readiness(options, isOfHere));
        return EXIT.ok;
      }),
    );
}

/**
 * The reply of `/readyz` once the server is ready. @throws QuiverClientError the last failure, when
 * the time is up
 */
async function readiness(options: HealthOptions, isOfHere: boolean): Promise<string> {
  const isUnchecked = isOfHere && options.url.startsWith('https:');
  const server = connect(
    { url: options.url, client: options.client },
    isUnchecked ? { fetch: uncheckedFetch } : {},
  );
  const end = Date.now() + (options.wait ?? 0) * 1000;
  for (;;) {
    try {
      const { text } = await server.request({ path: '/readyz' }, { retries: 0, timeoutMs: TIMEOUT_MS });
      return text.trim();
    } catch (error) {
      const mayCome = error instanceof QuiverClientError && (error.status === 0 || error.status === 503);
      if (!mayCome || Date.now() >= end) throw error;
    }
    await pause(EVERY_MS);
  }
}

/** A GET that accepts any certificate: for a call to this machine that sends no secret. */
function uncheckedFetch(url: string, { signal }: RequestInit): Promise<Response> {
  return new Promise((resolve, reject) => {
    const call = request(
      url,
      { rejectUnauthorized: false, agent: false, ...(signal && { signal }) },
      (message) => {
        const chunks: Buffer[] = [];
        message.on('data', (chunk: Buffer) => chunks.push(chunk));
        message.once('error', reject);
        message.once('end', () =>
          resolve(new Response(Buffer.concat(chunks), { status: message.statusCode ?? 500 })),
        );
      },
    );
    call.once('error', reject);
    call.end();
  });
}

function secondsOf(text: string): number {
  if (!/^[0-9]{1,5}$/.test(text)) throw new InvalidArgumentError('It must be a whole number of seconds.');
  return Number(text);
}

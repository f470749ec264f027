/** A running server as the client commands reach it, and the flags that say where it is. */

import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  type CallOptions,
  type ConnectionOptions as ClientOptions,
  QuiverClient,
  type RawReply,
} from 'quiver-client';
import { ignoreProxies, isOfThisMachine } from '../config/proxies.ts';

/** What the flags of every client command say. */
export interface ConnectionOptions {
  readonly url: string;
  readonly client: string;
  readonly token?: string;
}

/** Help that all client commands end with. */
export const CONNECTION_HELP = `
QUIVER_URL, QUIVER_CLIENT and QUIVER_TOKEN stand for --url, --client and --token. Without a URL it is the server that serve would
start with the same QUIVER_HOST, QUIVER_PORT and QUIVER_TLS_….

Exit codes: 0 all well; 1 the server refused; 2 wrong use or a bad file; 3 rows failed; 4 the server cannot be reached.
`;

/** Adds `--url`, `--client` and `--token`. */
export function withConnection(command: Command): Command {
  return command
    .addOption(
      new Option('--url <url>', 'the server')
        .env('QUIVER_URL')
        .default(urlOfServerHere())
        .argParser(serverUrl),
    )
    .addOption(
      new Option('--client <code>', 'client code')
        .env('QUIVER_CLIENT')
        .default('demo')
        // For `serve` the variable may list several, the first being the default client.
        .argParser((codes) => codes.split(',')[0]!.trim()),
    )
    .addOption(
      new Option('--token <token>', 'profile or admin token, sent as "Authorization: Bearer"').env(
        'QUIVER_TOKEN',
      ),
    );
}

/** The server that `quiver serve` starts with these variables, as a process of the same machine or container reaches it. */
export function urlOfServerHere(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const isEncrypted = (env.QUIVER_TLS_CERT ?? '') !== '' || env.QUIVER_TLS_DEV === 'yes';
  const host = env.QUIVER_HOST || '127.0.0.1';
  const reached = ANY_ADDRESS[host] ?? (host.includes(':') ? `[${host}]` : host);
  const url = URL.parse(`${isEncrypted ? 'https' : 'http'}://${reached}:${env.QUIVER_PORT || 8680}`);
  // The server says what is wrong with a bad value.
  return url === null || env.QUIVER_PORT === '0' ? 'http://127.0.0.1:8680' : url.href.slice(0, -1);
}

/** Addresses that stand for all of the machine, and loopback in their place. */
const ANY_ADDRESS: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '[::1]' };

function serverUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new InvalidArgumentError('It must be a URL such as http://127.0.0.1:8680.');
  }
  if (url.username !== '' || url.search !== '' || url.hash !== '') {
    throw new InvalidArgumentError('It must have no user, query or fragment.');
  }
  let end = url.href.length;
  while (url.href[end - 1] === '/') end -= 1;
  return url.href.slice(0, end);
}

/** The server that the flags name. */
export function connect(
  { url, client, token }: ConnectionOptions,
  settings: Pick<ClientOptions, 'fetch'> = {},
): QuiverClient {
  if (isOfThisMachine(url)) ignoreProxies();
  return new QuiverClient({ url, client, token, ...settings });
}

/** Keeps a reply as it came, for `--json`. */
export class ReplyText implements Pick<CallOptions, 'onReply'> {
  text = '';
  /** What the server has done as asked, but doubts that it was meant; null for nothing. */
  warning: string | null = null;

  readonly onReply = ({ text, headers }: RawReply): void => {
    this.text = text;
    this.warning = headers.get('x-quiver-warning');
  };
}

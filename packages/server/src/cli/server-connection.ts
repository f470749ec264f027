/** How the client commands reach a running server, and the flags that say where it is. */

import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  type CallOptions,
  type ConnectionOptions as ClientOptions,
  QuiverClient,
  type RawReply,
} from 'quiver-client';
import { ignoreProxies, isOfThisMachine } from '../config/proxies.ts';

/** The flags of every client command. */
export interface ConnectionOptions {
  readonly url: string;
  readonly client: string;
  readonly token?: string;
}

/** The end of the help of all client commands. */
export const CONNECTION_HELP = `
QUIVER_URL, QUIVER_CLIENT and QUIVER_TOKEN replace --url, --client and --token. The default URL is that of the server that serve would
start with the same QUIVER_HOST, QUIVER_PORT and QUIVER_TLS_….

Exit codes: 0 success; 1 the server refused; 2 wrong use or a bad file; 3 rows failed; 4 the server cannot be reached.
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
        // For `serve` the variable may list several clients, the first being the default.
        .argParser((codes) => codes.split(',')[0]!.trim()),
    )
    .addOption(
      new Option('--token <token>', 'profile or admin token, sent as "Authorization: Bearer"').env(
        'QUIVER_TOKEN',
      ),
    );
}

/**
 * The URL at which a process of the same machine or container reaches the server that
 * `quiver serve` starts with these variables.
 */
export function urlOfServerHere(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const isEncrypted = (env.QUIVER_TLS_CERT ?? '') !== '' || env.QUIVER_TLS_DEV === 'yes';
  const host = env.QUIVER_HOST || '127.0.0.1';
  const reached = ANY_ADDRESS[host] ?? (host.includes(':') ? `[${host}]` : host);
  const url = URL.parse(`${isEncrypted ? 'https' : 'http'}://${reached}:${env.QUIVER_PORT || 8680}`);
  // The server itself reports an invalid value.
  return url === null || env.QUIVER_PORT === '0' ? 'http://127.0.0.1:8680' : url.href.slice(0, -1);
}

/**
 * Addresses that stand for all addresses of the machine, with the loopback address to use instead.
 */
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

/** Connects to the server that the flags name. */
export function connect(
  { url, client, token }: ConnectionOptions,
  settings: Pick<ClientOptions, 'fetch'> = {},
): QuiverClient {
  if (isOfThisMachine(url)) ignoreProxies();
  return new QuiverClient({ url, client, token, ...settings });
}

/** Keeps the unchanged text of a reply, for `--json`. */
export class ReplyText implements Pick<CallOptions, 'onReply'> {
  text = '';
  /**
   * A warning of the server about a call that it carried out but that may be a mistake; null if
   * there is none.
   */
  warning: string | null = null;

  readonly onReply = ({ text, headers }: RawReply): void => {
    this.text = text;
    this.warning = headers.get('x-quiver-warning');
  };
}

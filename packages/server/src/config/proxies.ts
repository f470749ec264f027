/**
 * What HTTP_PROXY and its kin in the environment mean: to the server nothing, to the client
 * commands a way to servers elsewhere.
 *
 * Bun's fetch obeys these variables, and Node's does when told to. Calls between edge clusters
 * carry profiles, and are for the peers that the configuration names: a variable that somebody set
 * for something else must not lead them past a third party.
 */

import { isLoopback } from './loopback.ts';

const VARIABLES = /^(https?|all)_proxy$/i;

/** Makes this process, and those that it starts from now on, take no proxy from the environment. */
export function ignoreProxies(env: NodeJS.ProcessEnv = process.env): void {
  for (const name of Object.keys(env)) if (VARIABLES.test(name)) delete env[name];
}

/** A proxy that a request goes through, and the variable that says so. */
export interface ProxyInUse {
  readonly variable: string;
  /** Without user and password. */
  readonly url: string;
}

/** The proxy that this runtime's fetch takes for a URL; undefined when it goes straight there. */
export function proxyFor(url: string, env: NodeJS.ProcessEnv = process.env): ProxyInUse | undefined {
  if (process.versions.bun === undefined && env.NODE_USE_ENV_PROXY !== '1') return undefined;
  const { protocol, hostname } = new URL(url);
  if (isExcepted(hostname, env.no_proxy ?? env.NO_PROXY ?? '')) return undefined;
  const name = protocol === 'https:' ? 'https_proxy' : 'http_proxy';
  const variable = [name, name.toUpperCase()].find((one) => (env[one] ?? '') !== '');
  if (variable === undefined) return undefined;
  const sent = env[variable]!;
  const plain = URL.canParse(sent) ? new URL(sent).host : '';
  return { variable, url: plain === '' ? '(no URL)' : plain };
}

/** Whether a URL is of this machine itself, where no proxy can be of any use. */
export function isOfThisMachine(url: string): boolean {
  const { hostname } = new URL(url);
  return isLoopback(hostname.replace(/^\[(.*)\]$/, '$1')) || hostname.endsWith('.localhost');
}

function isExcepted(hostname: string, list: string): boolean {
  return list.split(',').some((entry) => {
    const name = entry
      .trim()
      .toLowerCase()
      .replace(/^\*?\./, '');
    return name === '*' || (name !== '' && (hostname === name || hostname.endsWith(`.${name}`)));
  });
}

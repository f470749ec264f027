/**
 * How HTTP_PROXY and similar variables are used: the server ignores them, and the client commands
 * use them for servers on other machines.
 *
 * Bun's fetch obeys these variables, and so does Node's if configured. Calls between edge clusters
 * carry profiles and are meant for the configured peers only. A variable that was set for another
 * purpose must not send them through a third party.
 */

import { isLoopback } from './loopback.ts';

const VARIABLES = /^(https?|all)_proxy$/i;

/** Makes this process, and those that it starts afterwards, ignore proxies from the environment. */
export function ignoreProxies(env: NodeJS.ProcessEnv = process.env): void {
  for (const name of Object.keys(env)) if (VARIABLES.test(name)) delete env[name];
}

/** A proxy that a request uses, and the variable that names it. */
export interface ProxyInUse {
  readonly variable: string;
  /** Without user and password. */
  readonly url: string;
}

/** The proxy that this runtime's fetch uses for a URL; undefined for a direct connection. */
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

/** Whether a URL points to this machine, where a proxy is useless. */
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

/** Which client a request is for (contract section 2). */

import { QuiverError } from '../errors.ts';

/** What the rule needs to know; part of the configuration. */
export interface ServedClients {
  /** Client codes served; the first is the default. */
  readonly clients: readonly string[];
  /** Lower case, for instance `tt.omtrdc.net`. */
  readonly serverDomain: string;
  /** Whether a client outside the list is served too, as in a sandbox; by default none is. */
  readonly servesAlso?: ((name: string) => boolean) | undefined;
}

/** A client code (contract section 1). */
export const CLIENT_CODE = /^[a-z0-9][a-z0-9_-]{0,63}$/;

/** The places of a request that may name its client. */
export interface ClientClues {
  /** The Host header as sent; null when there is none. */
  readonly host: string | null;
  /** The `client` query parameter; an empty one says nothing. */
  readonly query: string | undefined;
  /**
   * The decoded parameter `{client}` of the path, which counts only where nothing else names a
   * client.
   */
  readonly path: string | undefined;
}

/** At most this many hosts are remembered, so that a caller cannot fill the memory with names. */
const MAX_REMEMBERED_HOSTS = 1000;
/** What some public clients write in the path instead of a client code. */
const ANY_CLIENT = 'client';
const EDGE_LABEL = /^mboxedge[0-9]+$/;

export interface ClientFinder {
  /**
   * Finds the client of a request that may name it in several places; the result is always a client
   * that is served.
   *
   * @throws QuiverError `not-found` when the request names a client that is not served
   */
  find(clues: ClientClues): string;
  /** The client with this code. @throws QuiverError `not-found` when it is not served */
  named(name: string): string;
}

/**
 * Finds the client of a request: the Host header's first label under the server domain (or under
 * `localhost`), else the `client` query parameter, else the path's `{client}`, else the first
 * client.
 *
 * Public clients put the word `client` in the path, or another client's code. So the literal word
 * means the first client, and while only one client is served, any name does. When several are
 * served, an unknown name is refused, so that a typo cannot write into another tenant.
 *
 * Calls of the Admin API use `named`: they are for the client that their path names and no other.
 */
export function clientFinder(rules: ServedClients): ClientFinder {
  const named = new Set(rules.clients);
  const serves = (name: string) => named.has(name) || rules.servesAlso?.(name) === true;
  const fallback = rules.clients[0]!;
  const remembered = new Map<string, string | undefined>();

  function namedByHost(host: string): string | undefined {
    if (remembered.has(host)) return remembered.get(host);
    const name = clientLabel(host, rules.serverDomain);
    if (remembered.size >= MAX_REMEMBERED_HOSTS) remembered.clear();
    remembered.set(host, name);
    return name;
  }

  function requireServed(name: string): string {
    if (!serves(name)) throw noSuchClient(name);
    return name;
  }

  return {
    named: requireServed,
    find({ host, query, path }) {
      const name = (host === null ? undefined : namedByHost(host)) ?? (query === '' ? undefined : query);
      if (name !== undefined) return requireServed(name);
      const inPath = path?.trim() ?? '';
      if (inPath !== ANY_CLIENT && serves(inPath)) return inPath;
      if (named.has(inPath)) return inPath;
      if (named.size === 1 || inPath === '' || inPath === ANY_CLIENT) return fallback;
      throw noSuchClient(inPath);
    },
  };
}

function noSuchClient(name: string): QuiverError {
  return new QuiverError('not-found', `No such client: ${name}`);
}

/** The client that a Host header names; undefined when it names none. */
function clientLabel(host: string, serverDomain: string): string | undefined {
  const name = host
    .toLowerCase()
    .replace(/:[0-9]*$/, '')
    .replace(/\.$/, '');
  const dot = name.indexOf('.');
  if (dot <= 0) return undefined;
  const label = name.slice(0, dot);
  const rest = name.slice(dot + 1);
  if (rest !== serverDomain && rest !== 'localhost') return undefined;
  return EDGE_LABEL.test(label) ? undefined : label;
}

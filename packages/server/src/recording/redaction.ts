/**
 * Removes from calls what must not be stored: always tokens, and ids and values unless told
 * otherwise.
 *
 * Everything not known to be harmless counts as a value, so unknown parameters and members are
 * redacted.
 */

import type { IdKind } from '../domain/visitor-id.ts';
import { type Pseudonyms, TOKEN } from './pseudonyms.ts';

const ID_KIND: Readonly<Record<string, IdKind>> = {
  tntId: 'tntId',
  mboxPC: 'tntId',
  pcId: 'tntId',
  visitorId: 'tntId',
  thirdPartyId: 'thirdPartyId',
  mbox3rdPartyId: 'thirdPartyId',
  marketingCloudVisitorId: 'ecid',
  mboxMCGVID: 'ecid',
};
const TOKEN_NAME = /token|secret|password|authorization|apikey|api-key/i;
/** Parameters that control a call and say nothing about a visitor. */
const HARMLESS_PARAMETERS: ReadonlySet<string> = new Set(
  (
    'client mbox mboxCount version batchId authorizationScope expiresIn format limit kind fromLine from to ' +
    'mboxTime mboxHost mboxXDomain mboxVersion'
  ).split(' '),
);
/** The same for members of JSON and XML. */
const HARMLESS_MEMBERS: ReadonlySet<string> = new Set(
  (
    'client channel type index status state success authenticatedState integrationCode modifiedAt ' +
    'edgeHost timestamp httpStatus errorCode batchStatus batchId rows successful failed notFound content ' +
    'scope tokenType expiresIn submittedAt processedAt acceptedAt startedAt finishedAt'
  ).split(' '),
);
/**
 * Members whose text names a visitor only after an equals sign:
 * `No profile found … with third party id=crm-1`.
 */
const MESSAGES = new Set(['message']);
const KIND_IN_MESSAGE: readonly (readonly [RegExp, IdKind])[] = [
  [/third party id$|mbox3rdPartyId$/, 'thirdPartyId'],
  [/mboxPC$|tntId$/, 'tntId'],
  [/visitor id$|mboxMCGVID$/i, 'ecid'],
];

export class Redaction {
  readonly #pseudonyms: Pseudonyms;

  constructor(pseudonyms: Pseudonyms) {
    this.#pseudonyms = pseudonyms;
  }

  /** Path and query of a call. */
  target(target: string): string {
    const [path = '', query] = target.split(/\?(.*)/s);
    const redacted = this.#path(path);
    return query === undefined ? redacted : `${redacted}?${this.#parameters(query)}`;
  }

  /**
   * The body of a request or a reply, according to its format.
   * @param isBatch whether it is the file of a batch
   */
  body(text: string, isBatch = false): string {
    if (text === '') return text;
    if (isBatch) return this.#rows(text);
    const trimmed = text.trimStart();
    if (trimmed.startsWith('{') || trimmed.startsWith('[')) {
      try {
        return JSON.stringify(this.#json(JSON.parse(text), ''));
      } catch {
        return this.#pseudonyms.value(text);
      }
    }
    if (trimmed.startsWith('<')) return this.#xml(text);
    return text.includes('=') ? this.#parameters(text) : this.#pseudonyms.value(text);
  }

  #path(path: string): string {
    const [, id] =
      /^\/rest\/v1\/profiles\/(?:(?:thirdPartyId|marketingCloudVisitorId)\/)?([^/]+)/.exec(path) ?? [];
    if (id !== undefined) {
      const kind = ID_KIND[path.split('/')[4] ?? ''] ?? 'tntId';
      const at = path.indexOf(id, '/rest/v1/profiles/'.length + (kind === 'tntId' ? 0 : kind.length));
      return (
        path.slice(0, at) +
        encodeURIComponent(this.#pseudonyms.id(kind, decoded(id))) +
        path.slice(at + id.length)
      );
    }
    // The session in `/rest/v1/mbox/{sessionId}` belongs to a visitor too.
    const session = /^(\/rest\/v1\/mbox\/)([^/]+)/.exec(path);
    return session ? session[1]! + encodeURIComponent(this.#pseudonyms.value(decoded(session[2]!))) : path;
  }

  #parameters(query: string): string {
    return query
      .split('&')
      .map((pair) => {
        const at = pair.indexOf('=');
        if (at === -1) return pair;
        const name = decoded(pair.slice(0, at).replaceAll('+', ' '));
        const value = decoded(pair.slice(at + 1).replaceAll('+', ' '));
        return `${pair.slice(0, at)}=${encodeURIComponent(this.#named(name, value, HARMLESS_PARAMETERS))}`;
      })
      .join('&');
  }

  #json(value: unknown, name: string): unknown {
    if (Array.isArray(value)) return value.map((entry) => this.#json(entry, name));
    if (typeof value === 'object' && value !== null) {
      const isCustomer = name === 'customerIds';
      return Object.fromEntries(
        Object.entries(value).map(([member, inner]) => [
          member,
          isCustomer && member === 'id'
            ? this.#pseudonyms.id('customerId', String(inner))
            : isParameters(name)
              ? this.#attribute(member, inner)
              : this.#json(inner, member),
        ]),
      );
    }
    if (value === null || typeof value === 'boolean') return value;
    const redacted = this.#named(name, String(value), HARMLESS_MEMBERS);
    return redacted === String(value) ? value : redacted;
  }

  /**
   * An attribute or a parameter, whose name does not tell what it is; in a fetch it is an object.
   */
  #attribute(name: string, value: unknown): unknown {
    const redacted = (text: string) => (TOKEN_NAME.test(name) ? TOKEN : this.#pseudonyms.value(text));
    if (typeof value !== 'object' || value === null) return redacted(String(value));
    return Object.fromEntries(
      Object.entries(value).map(([member, inner]) => [
        member,
        member === 'modifiedAt' ? inner : redacted(String(inner)),
      ]),
    );
  }

  #named(name: string, value: string, harmless: ReadonlySet<string>): string {
    if (Object.hasOwn(ID_KIND, name)) return this.#id(name, value);
    if (MESSAGES.has(name)) return this.#message(value);
    if (harmless.has(name)) return value;
    if (TOKEN_NAME.test(name)) return value === '' ? value : TOKEN;
    return this.#pseudonyms.value(value);
  }

  /** `visitorId` of a fetch is the id that was asked for, of any kind. */
  #id(name: string, value: string): string {
    const asked = name === 'visitorId' ? this.#asked : undefined;
    return this.#pseudonyms.id(asked ?? ID_KIND[name]!, value);
  }

  /** The kind of id in the path of the current call. */
  #asked: IdKind | undefined;

  /** @param target of the call whose bodies come next */
  begin(target: string): void {
    const [, kind = ''] = /^\/rest\/v1\/profiles\/([^/?]+)\/[^/?]/.exec(target) ?? [];
    this.#asked = ID_KIND[kind];
  }

  #message(text: string): string {
    const at = text.indexOf('=');
    if (at === -1) return text;
    const before = text.slice(0, at);
    const kind = KIND_IN_MESSAGE.find(([pattern]) => pattern.test(before))?.[1];
    const value = text.slice(at + 1);
    return `${before}=${kind ? this.#pseudonyms.id(kind, value) : this.#pseudonyms.value(value)}`;
  }

  #xml(text: string): string {
    return text.replaceAll(/<(\w+)>([^<]*)<\/\1>/g, (_, name: string, inner: string) => {
      // The URL in it contains the batch and the client, but no visitor.
      if (name === 'batchStatus') return `<${name}>${inner}</${name}>`;
      return `<${name}>${escaped(this.#named(name, unescaped(inner), HARMLESS_MEMBERS))}</${name}>`;
    });
  }

  #rows(file: string): string {
    const [header = '', ...rows] = file.split('\n');
    const kind = ID_KIND[/^\uFEFF?batch=([^,\r]+)/.exec(header)?.[1]?.trim() ?? ''] ?? 'tntId';
    const cells = (row: string) =>
      row
        .replace(/\r$/, '')
        .split(',')
        .map((cell, index) => {
          const text = decoded(cell.replaceAll('+', ' '));
          return encodeURIComponent(
            index === 0 ? this.#pseudonyms.id(kind, text) : this.#pseudonyms.value(text),
          );
        })
        .join(',');
    return [header, ...rows.map((row) => (row.trim() === '' ? row : cells(row)))].join('\n');
  }
}

/** Whether a member contains visitor data under names that anybody may choose. */
function isParameters(name: string): boolean {
  return (
    name === 'profileParameters' ||
    name === 'parameters' ||
    name === 'profileAttributes' ||
    name === 'attributes'
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&apos;': "'",
  '&amp;': '&',
};

function unescaped(text: string): string {
  return text.replaceAll(/&(?:lt|gt|quot|apos|amp);/g, (entity) => ENTITIES[entity]!);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

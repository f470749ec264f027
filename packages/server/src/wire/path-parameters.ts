/**
 * The parameters in the path of a route, by name.
 *
 * A path such as `/m2/{client}/profile/update` says in which segment each parameter stands. This is
 * computed once per route; a request's path is only split when a handler asks for a parameter.
 */

import { decodeSegment } from './target.ts';

export class PathParameters {
  /** The segment of each parameter, counted from 0. */
  readonly #segments = new Map<string, number>();
  /** The parameter in the last segment; it is found from the end, without counting. */
  readonly #last: string | undefined;
  /** The parameter that takes the rest of a path, slashes included. */
  readonly #rest: string | undefined;

  /**
   * @param path in OpenAPI notation: `/rest/v1/profiles/{tntId}`; a final `{name*}` takes the rest
   *   of the path
   */
  constructor(path: string) {
    const segments = path.split('/').slice(1);
    for (const [index, segment] of segments.entries()) {
      const [, name, star] = /^\{(\w+)(\*?)\}$/.exec(segment) ?? [];
      if (name === undefined) continue;
      if (star !== '') this.#rest = name;
      else if (index === segments.length - 1) this.#last = name;
      this.#segments.set(name, index);
    }
  }

  has(name: string): boolean {
    return this.#segments.has(name);
  }

  /**
   * A parameter as it was sent, still percent-encoded.
   *
   * @param path a path that matches the route, as it was sent
   * @throws RangeError when the route has no such parameter
   */
  sent(path: string, name: string): string {
    if (name === this.#last) return path.slice(path.lastIndexOf('/') + 1);
    const segment = this.#segments.get(name);
    if (segment === undefined) throw new RangeError(`the route has no parameter ${name}`);
    let start = 1;
    for (let passed = 0; passed < segment; passed += 1) start = path.indexOf('/', start) + 1;
    const end = name === this.#rest ? -1 : path.indexOf('/', start);
    return end === -1 ? path.slice(start) : path.slice(start, end);
  }

  /**
   * A parameter, percent-decoded once and strictly (contract section 4).
   *
   * @param path a path that matches the route, as it was sent
   * @throws QuiverError `bad-request` when an escape is malformed or does not decode to UTF-8
   * @throws RangeError when the route has no such parameter
   */
  value(path: string, name: string): string {
    return decodeSegment(this.sent(path, name), name);
  }
}

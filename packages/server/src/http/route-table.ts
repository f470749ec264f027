/**
 * Finds the route of a path. This is our own code because the lookup is part of every request and
 * the table is small and known.
 *
 * Paths are matched as they were sent, segment by segment, without decoding. A literal segment
 * takes precedence over a parameter, and a parameter over one that takes the rest; when the better
 * match leads to no route, the next is tried. A parameter is never empty.
 */
export class RouteTable<Target> {
  readonly #root = new Branch<Target>();
  /**
   * The branches after literal paths that end in a slash: most requests only need this lookup and
   * their last segment.
   */
  readonly #afterLiterals = new Map<string, Branch<Target>>();

  /**
   * Adds a path in OpenAPI notation, with `{name}` for one segment and, at the end, `{name*}` for
   * the rest.
   *
   * @throws RangeError when an equivalent path has been added already
   */
  add(path: string, target: Target): void {
    let branch = this.#root;
    let literals: string | undefined = '/';
    for (const segment of path.split('/').slice(1)) {
      if (literals !== undefined) this.#afterLiterals.set(literals, branch);
      literals = /^\{/.test(segment) || literals === undefined ? undefined : `${literals}${segment}/`;
      if (/^\{\w+\*\}$/.test(segment)) {
        branch.rest ??= new Branch();
        branch = branch.rest;
      } else if (/^\{\w+\}$/.test(segment)) {
        branch.parameter ??= new Branch();
        branch = branch.parameter;
      } else {
        const next: Branch<Target> = branch.literals.get(segment) ?? new Branch();
        branch.literals.set(segment, next);
        branch = next;
      }
    }
    if (branch.target !== undefined) throw new RangeError(`${path} has a target already`);
    branch.target = target;
  }

  /** The target of a path; undefined when none was added. */
  find(path: string): Target | undefined {
    const last = path.lastIndexOf('/') + 1;
    const branch = this.#afterLiterals.get(path.slice(0, last));
    if (branch !== undefined && last < path.length) {
      const found = branch.literals.get(path.slice(last))?.target ?? branch.parameter?.target;
      if (found !== undefined) return found;
    }
    return path.startsWith('/') ? targetOf(this.#root, path, 1) : undefined;
  }

  /**
   * The path without one trailing slash: the form in which an otherwise unknown path is looked up
   * again (contract section 11). A slash stays where an id is missing, as in
   * `/rest/v1/profiles/thirdPartyId/`; without it the last word would be taken for an id.
   */
  withoutLastSlash(path: string): string {
    if (path.length < 2 || !path.endsWith('/')) return path;
    const shorter = path.slice(0, -1);
    const last = shorter.lastIndexOf('/') + 1;
    const word = this.#afterLiterals.get(shorter.slice(0, last))?.literals.get(shorter.slice(last));
    return word !== undefined && word.target === undefined ? path : shorter;
  }
}

class Branch<Target> {
  readonly literals = new Map<string, Branch<Target>>();
  parameter: Branch<Target> | undefined;
  rest: Branch<Target> | undefined;
  target: Target | undefined;
}

/** The target in `branch` for the path from `start`, which is just after a slash. */
function targetOf<Target>(branch: Branch<Target>, path: string, start: number): Target | undefined {
  const slash = path.indexOf('/', start);
  const segment = slash === -1 ? path.slice(start) : path.slice(start, slash);
  const literal = branch.literals.get(segment);
  let found = literal && (slash === -1 ? literal.target : targetOf(literal, path, slash + 1));
  if (found === undefined && branch.parameter && segment !== '') {
    const { parameter } = branch;
    found = slash === -1 ? parameter.target : targetOf(parameter, path, slash + 1);
  }
  return found ?? branch.rest?.target;
}

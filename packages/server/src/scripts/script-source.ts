/**
 * Checks the source of a profile script: the body of a function (contract section 16).
 *
 * It is parsed twice with acorn: as a bare body, so that it cannot close the function that will
 * contain it; then as it will be compiled, so that a body that does not fit there is refused with a
 * line number.
 */

import { type Node, parse } from 'acorn';
import { MAX_SCRIPT_CODE } from '../domain/script-rules.ts';
import { atMostCharacters } from '../domain/visitor-id.ts';

/** A reason why a source is not a valid script. */
export interface SourceProblem {
  /** From 1; undefined when the problem is not in a line. */
  readonly line: number | undefined;
  readonly rule: string;
}

/** A script that can be compiled. */
export interface ReadSource {
  /**
   * An expression whose value is the function; its first line is the first line of the source. It
   * returns the line of the return statement with the value: `[3, value]`.
   */
  readonly code: string;
}

/** The names of a script's parameters, in order. */
export const SCRIPT_PARAMETERS = ['user', 'profile', 'mbox', 'page', 'landing', 'referrer', 'crs', 'console'];

/** The language version of the engine. */
const ECMA_VERSION = 2023;

/** Checks a source, or returns the problem. */
export function readSource(source: string): ReadSource | SourceProblem {
  if (source.trim() === '') return { line: undefined, rule: 'must not be empty' };
  if (!atMostCharacters(source, MAX_SCRIPT_CODE)) {
    return { line: undefined, rule: `must have at most ${MAX_SCRIPT_CODE} characters` };
  }
  try {
    let html: number | undefined;
    const body = parse(source, {
      ecmaVersion: ECMA_VERSION,
      allowReturnOutsideFunction: true,
      locations: true,
      onComment(_isBlock, _text, start, _end, place) {
        if (source[start] !== '/') html ??= place?.line;
      },
    });
    // Engines recognize such comments in different places.
    if (html !== undefined) return { line: html, rule: 'must not have a comment as HTML writes it' };
    const seen = new Names();
    const refused = seen.take(body as unknown as AnyNode, true);
    if (refused) return refused;
    const own = seen.assigned();
    const declared = own.length === 0 ? '' : `var ${own.join(',')};`;
    const code = `({run(${SCRIPT_PARAMETERS.join(',')}){${declared}{${seen.withLines(source)}\n}}}).run`;
    parse(code, { ecmaVersion: ECMA_VERSION, locations: true });
    return { code };
  } catch (error) {
    if (error instanceof RangeError) return { line: undefined, rule: 'is nested too deeply' };
    if (!(error instanceof SyntaxError)) throw error;
    const { line } = (error as SyntaxError & { loc: { line: number } }).loc;
    return { line, rule: error.message.replace(/ \(\d+:\d+\)$/, '') };
  }
}

/** Whether a source is valid. */
export function isRead(source: ReadSource | SourceProblem): source is ReadSource {
  return 'code' in source;
}

/** A problem in one sentence: `line 3: Unexpected token`. */
export function sourceProblemText({ line, rule }: SourceProblem): string {
  return line === undefined ? rule : `line ${line}: ${rule}`;
}

type AnyNode = Node & { readonly [member: string]: unknown };

/**
 * The names in a source. Old scripts assign to undeclared variables. Because there are no globals
 * that could receive the values, these variables are declared for them.
 */
class Names {
  readonly #declared = new Set<string>(SCRIPT_PARAMETERS);
  readonly #assigned = new Set<string>();
  /** The return statements of the script itself that have a value. */
  readonly #returns: AnyNode[] = [];

  /** Names that are assigned but not declared. */
  assigned(): string[] {
    return [...this.#assigned].filter((name) => !this.#declared.has(name));
  }

  /** The source with the line of each return in its value; all lines stay where they are. */
  withLines(source: string): string {
    let text = '';
    let at = 0;
    for (const { start, end, loc } of this.#returns) {
      const from = start + 'return'.length;
      const to = source[end - 1] === ';' ? end - 1 : end;
      text += `${source.slice(at, from)} [${loc!.start.line},(${source.slice(from, to)})]`;
      at = to;
    }
    return text + source.slice(at);
  }

  /** @param isOwn whether a return here belongs to the script itself */
  take(node: AnyNode, isOwn: boolean): SourceProblem | undefined {
    const refused = refusal(node, isOwn);
    if (refused !== undefined) return { line: node.loc?.start.line, rule: refused };
    switch (node.type) {
      case 'ReturnStatement':
        if (isOwn && node.argument) this.#returns.push(node);
        break;
      case 'VariableDeclarator':
        namesIn(node.id, this.#declared);
        break;
      case 'FunctionDeclaration':
      case 'FunctionExpression':
      case 'ArrowFunctionExpression':
        for (const parameter of node.params as unknown[]) namesIn(parameter, this.#declared);
        namesIn(node.id, this.#declared);
        break;
      case 'ClassDeclaration':
        namesIn(node.id, this.#declared);
        break;
      case 'CatchClause':
        namesIn(node.param, this.#declared);
        break;
      case 'AssignmentExpression':
      case 'ForInStatement':
      case 'ForOfStatement':
        namesIn(node.left, this.#assigned);
        break;
      case 'UpdateExpression':
        namesIn(node.argument, this.#assigned);
        break;
    }
    const isWithin = isOwn && !FUNCTIONS.has(node.type);
    for (const child of childrenOf(node)) {
      const within = this.take(child, isWithin);
      if (within) return within;
    }
    return undefined;
  }
}

const FUNCTIONS: ReadonlySet<string> = new Set([
  'FunctionDeclaration',
  'FunctionExpression',
  'ArrowFunctionExpression',
]);

/** Why a node is not allowed in a script. */
function refusal(node: AnyNode, isOwn: boolean): string | undefined {
  if (node.type === 'ImportExpression') return 'a script cannot import';
  if (FUNCTIONS.has(node.type) && node.async === true) return 'a script cannot wait: no async functions';
  const returned = node.type === 'ReturnStatement' ? (node.argument as AnyNode | null) : null;
  if (isOwn && returned && (FUNCTIONS.has(returned.type) || returned.type === 'ClassExpression')) {
    return 'a script must return a text, a number, true or false, or a list of these, not a function';
  }
  return undefined;
}

function childrenOf(node: AnyNode): AnyNode[] {
  return Object.values(node).flatMap((member) => {
    if (Array.isArray(member)) return member.filter(isNode);
    return isNode(member) ? [member] : [];
  });
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === 'object' && value !== null && typeof (value as Partial<Node>).type === 'string';
}

/** The variables in a pattern: `a`, `{ b, c: [d = 1] }`, `...e`. */
function namesIn(pattern: unknown, names: Set<string>): void {
  if (!isNode(pattern)) return;
  switch (pattern.type) {
    case 'Identifier':
      names.add(pattern.name as string);
      break;
    case 'ObjectPattern':
      for (const property of pattern.properties as AnyNode[]) {
        namesIn(property.type === 'RestElement' ? property : property.value, names);
      }
      break;
    case 'ArrayPattern':
      for (const element of pattern.elements as unknown[]) namesIn(element, names);
      break;
    case 'AssignmentPattern':
      namesIn(pattern.left, names);
      break;
    case 'RestElement':
      namesIn(pattern.argument, names);
      break;
  }
}

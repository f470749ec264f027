/** Converts between visitor state and its members in a line of an export (contract section 21). */

import { listState, type PackedAttributes, type PlacedState } from '../domain/attributes.ts';
import { unpackAffinity } from '../domain/category-affinity.ts';
import { unpackSession } from '../domain/session.ts';
import { STATE } from '../domain/visitor-state.ts';
import { isJsonObject } from '../wire/json.ts';

type Kind = keyof typeof STATE;
const KINDS = Object.keys(STATE) as Kind[];

/** Whether entries of a kind have names; of other kinds there is only one entry. */
const IS_NAMED: Readonly<Record<Kind, boolean>> = {
  lastCall: false,
  session: false,
  affinity: false,
  customerAttribute: true,
  scriptLocal: true,
};
/** Functions that throw when a value cannot be read. */
const CHECKED: Readonly<Partial<Record<Kind, (value: string) => unknown>>> = {
  session: unpackSession,
  affinity: unpackAffinity,
};

/**
 * The member `state` of a line; undefined when there is none.
 * @param timeText formats a time
 */
export function stateMembers(attributes: PackedAttributes, timeText: (at: number) => string) {
  const state = listState(attributes);
  if (state.length === 0) return undefined;
  return state.map(({ name, value, modifiedAt, before }) => ({
    kind: KINDS.find((kind) => name.startsWith(STATE[kind])),
    ...(name.length > 1 && { name: name.slice(1) }),
    value,
    modifiedAt: timeText(modifiedAt),
    before,
  }));
}

export interface StateReading {
  /**
   * Parses a time.
   * @param member for the error message
   */
  readonly timeOf: (value: unknown, member: string) => number;
  /** Creates the error for a problem. */
  readonly wrong: (problem: string) => Error;
}

/**
 * Reads the member `state` of a line; a missing member means no state.
 * @throws the error of `wrong`, naming the member and the rule
 */
export function stateOfLine(value: unknown, { timeOf, wrong }: StateReading): PlacedState[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw wrong('state: must be a list');
  const names = new Set<string>();
  let latest = 0;
  return value.map((one: unknown, at): PlacedState => {
    const where = `state[${at}]`;
    if (!isJsonObject(one)) throw wrong(`${where}: must be an object`);
    const kind = KINDS.find((known) => known === one.kind);
    if (!kind) throw wrong(`${where}.kind: must be ${KINDS.join(' or ')}`);
    const { name = '', value: text, before } = one;
    const isGood = typeof name === 'string' && name.isWellFormed() && (name !== '') === IS_NAMED[kind];
    if (!isGood) {
      throw wrong(`${where}.name: must be ${IS_NAMED[kind] ? 'a well-formed string' : 'left out'}`);
    }
    const whole = STATE[kind] + name;
    if (names.has(whole)) throw wrong(`${where}.name: is there twice`);
    names.add(whole);
    if (typeof text !== 'string' || !text.isWellFormed() || !isReadable(kind, text)) {
      throw wrong(`${where}.value: must be what an export wrote`);
    }
    if (typeof before !== 'number' || !Number.isSafeInteger(before) || before < latest) {
      throw wrong(`${where}.before: must be a whole number, not below that of the one before`);
    }
    latest = before;
    return { name: whole, value: text, modifiedAt: timeOf(one.modifiedAt, `${where}.modifiedAt`), before };
  });
}

function isReadable(kind: Kind, text: string): boolean {
  try {
    CHECKED[kind]?.(text);
    return kind !== 'lastCall' || text === '';
  } catch {
    return false;
  }
}

/** The parameters `profile.<name>=<value>` of an update or an mbox call (contract section 5). */

import { attributeNameProblem } from '../domain/attribute-name.ts';
import type { AttributeSettings } from '../domain/attributes.ts';
import { QuiverError } from '../errors.ts';
import { ATTRIBUTE_PREFIX, type Parameter, readableValue } from './parameters.ts';

export interface SentAttributes {
  readonly settings: AttributeSettings;
  /** How many parameters named an attribute, including those with an empty value. */
  readonly count: number;
}

/**
 * Reads the attributes that parameters set. A parameter with an empty value counts as not sent.
 * When a name is given several times, its last value wins and takes the position of that last
 * parameter.
 *
 * @throws QuiverError `bad-request` that names the parameter and the rule it breaks
 */
export function attributesOf(parameters: readonly Parameter[]): SentAttributes {
  const settings = new Map<string, string>();
  let count = 0;
  for (const sent of parameters) {
    const [parameter] = sent;
    if (!parameter.startsWith(ATTRIBUTE_PREFIX)) continue;
    count += 1;
    const value = readableValue(sent);
    if (value === '') continue;
    const name = parameter.slice(ATTRIBUTE_PREFIX.length);
    const nameProblem = attributeNameProblem(name);
    if (nameProblem !== undefined)
      throw refusal(parameter, `the name after "${ATTRIBUTE_PREFIX}" ${nameProblem}`);
    if (!value.isWellFormed()) throw refusal(parameter, 'must be well-formed Unicode');
    settings.delete(name);
    settings.set(name, value);
  }
  return { settings, count };
}

function refusal(parameter: string, problem: string): QuiverError {
  return new QuiverError('bad-request', `${parameter.toWellFormed()}: ${problem}`);
}

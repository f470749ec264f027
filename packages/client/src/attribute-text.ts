/** Converts the values of attributes to text. */

import { QuiverArgumentError } from './errors.ts';

/**
 * The text of a value. @throws QuiverArgumentError unless it is a string, a number or a boolean,
 * because the text of any other value would be stored by mistake
 */
export function attributeText(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new QuiverArgumentError(`${name}: must be a string, a number or a boolean`);
}

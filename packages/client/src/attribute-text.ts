/** The values of attributes as text. */

import { QuiverArgumentError } from './errors.ts';

/** The text of a value. @throws QuiverArgumentError for what is neither a string, a number nor a boolean: its text would be stored for good */
export function attributeText(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new QuiverArgumentError(`${name}: must be a string, a number or a boolean`);
}

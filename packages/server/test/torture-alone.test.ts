/**
 * The short form of tortures that stop processes or fill connections: nothing may run beside them.
 */

import { describe, test } from 'vitest';
import { expectMet } from './tortures.ts';

describe('in short', { timeout: 240_000 }, () => {
  test.each(['hostile-http', 'stopped-holder'])('%s', (name) => expectMet(name));
});

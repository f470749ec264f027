/**
 * The short form of tortures that stop processes or fill connections: nothing else may run at the
 * same time.
 */

import { describe, test } from 'vitest';
import { expectMet } from './tortures.ts';

describe('the short torture', { timeout: 240_000 }, () => {
  test.each(['hostile-http', 'stopped-holder'])('%s passes alone', (name) => expectMet(name));
});

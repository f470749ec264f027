/** The short form of the tortures that compare times, and so want the machine to themselves. */

import { describe, test } from 'vitest';
import { expectMet } from './tortures.ts';

describe('in short', { timeout: 240_000 }, () => {
  test.each(['hostile-http', 'stopped-holder'])('%s', (name) => expectMet(name));
});

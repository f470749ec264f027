/**
 * Zod with `.openapi('Profile', { example })`, which adds what `/openapi.json` says about a schema.
 */

import { extendZodWithOpenApi } from '@asteasolutions/zod-to-openapi';
// Imported as a namespace, because Bun under a test runner does not find the package's export `z`.
import * as z from 'zod';

extendZodWithOpenApi(z);

export { z };

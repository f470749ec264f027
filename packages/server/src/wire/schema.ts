/** Zod, with what a schema says about itself in `/openapi.json`: `.openapi('Profile', { example })`. */

import { extendZodWithOpenApi } from '@asteasolutions/zod-to-openapi';
// As a namespace: Bun, when a test runner loads it, does not find the member `z` of this package.
import * as z from 'zod';

extendZodWithOpenApi(z);

export { z };

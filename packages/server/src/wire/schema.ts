/** Zod, with what a schema says about itself in `/openapi.json`: `.openapi('Profile', { example })`. */

import { extendZodWithOpenApi } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';

extendZodWithOpenApi(z);

export { z };

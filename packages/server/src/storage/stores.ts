/** Everything that an engine keeps, opened and closed as one. */

import type { BatchStore } from './batch-store.ts';
import type { ClientStore } from './client-store.ts';
import type { LoginStore } from './login-store.ts';
import type { ProfileStore } from './profile-store.ts';

export interface Stores {
  readonly profiles: ProfileStore;
  readonly batches: BatchStore;
  readonly clients: ClientStore;
  readonly logins: LoginStore;

  /** Throws `unavailable` when the store cannot be read, `insufficient-storage` when it would refuse a write. */
  check(): Promise<void>;

  /** Flushes and closes; safe to call twice. Nothing may be asked of the stores afterwards. */
  close(): Promise<void>;
}

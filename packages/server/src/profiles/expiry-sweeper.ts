/** Frees the space of expired profiles in the background, in small steps (spec section 10). */

import type { Log } from '../log.ts';
import type { ProfileStore } from '../storage/profile-store.ts';

export interface ExpirySweeperParts {
  readonly store: ProfileStore;
  readonly log: Log;
  /** How often it looks, in milliseconds; 10 s by default. Readers never wait for it: expired is gone for them at once. */
  readonly lookEvery?: number;
}

const LOOK_EVERY = 10_000;
/** Profiles looked at in one write: about a millisecond of the writer's time. */
const STEP = 200;

export class ExpirySweeper {
  readonly #parts: ExpirySweeperParts;
  #timer: NodeJS.Timeout | undefined;
  #sweep: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(parts: ExpirySweeperParts) {
    this.#parts = parts;
  }

  start(): void {
    const { lookEvery = LOOK_EVERY } = this.#parts;
    // Workers that started together do not look together.
    this.#timer = setTimeout(
      () => {
        this.#sweep = this.#sweepAll().finally(() => {
          if (!this.#isStopped) this.start();
        });
      },
      lookEvery * (0.75 + Math.random() / 2),
    );
    this.#timer.unref();
  }

  /** Stops after the step under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#sweep;
  }

  async #sweepAll(): Promise<void> {
    const { store, log } = this.#parts;
    try {
      let removed = 0;
      for (let more = true; more && !this.#isStopped; ) {
        const step = await store.sweep(Date.now(), STEP);
        removed += step.removed;
        more = step.more;
      }
      if (removed > 0) log.debug({ removed }, 'expired profiles freed');
    } catch (error) {
      log.error({ err: error }, 'expired profiles could not be freed; tried again later');
    }
  }
}

/**
 * Checks every node repeatedly while a server runs, because the settings and rights of a node may
 * change, a replica with other settings may be promoted, and nodes may join.
 *
 * A check is made every minute, when slots or nodes have changed, and every two seconds while there
 * is a problem. A new result is reported once. While a problem lasts, the server is not ready, but
 * serving continues, because acknowledged writes still have a replica.
 */

import { checkNode, type NodeFlaw } from './node-check.ts';
import type { RedisCluster } from './redis-cluster.ts';

const EVERY_MS = 60_000;
const WHILE_AMISS_MS = 2000;
/** After a change of the topology more changes follow; one look is enough for them. */
const SETTLING_MS = 1000;

export interface ClusterWatchOptions {
  readonly cluster: RedisCluster;
  readonly prefix: string;
  /**
   * Called with all problems whenever they have changed; with an empty list when there are none any
   * more.
   */
  readonly found: (flaws: readonly string[]) => void;
}

export class ClusterWatch {
  readonly #options: ClusterWatchOptions;
  #flaws: readonly NodeFlaw[] = [];
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #isStopped = false;

  constructor(options: ClusterWatchOptions) {
    this.#options = options;
  }

  /** All known problems, each beginning with the address of the node. */
  get flaws(): readonly string[] {
    return this.#flaws.map(({ text }) => text);
  }

  start(): void {
    this.#options.cluster.onTopologyChange(() => this.#lookIn(SETTLING_MS));
    this.#lookIn(EVERY_MS);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#looking;
  }

  #lookIn(ms: number): void {
    if (this.#isStopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#looking = this.#look().finally(() =>
        this.#lookIn(this.#flaws.length > 0 ? WHILE_AMISS_MS : EVERY_MS),
      );
    }, ms);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    const { cluster, prefix, found } = this.#options;
    await cluster.refresh().catch(() => undefined);
    const findings = await Promise.all(cluster.members().map((member) => checkNode(cluster, member, prefix)));
    if (this.#isStopped) return;
    const before = this.flaws.join('\n');
    // Whether nodes can be reached and have a replica is checked whenever somebody asks for the
    // server's readiness.
    this.#flaws = findings.flatMap(({ flaws }) =>
      flaws.filter(({ kind }) => kind === 'setting' || kind === 'right'),
    );
    if (this.flaws.join('\n') !== before) found(this.flaws);
  }
}

/**
 * Looks at every node again and again while a server runs: settings and rights of a node may
 * change, a replica with others may be promoted, a new node may come.
 *
 *   what makes it look                            what it does with what it finds
 *   --------------------------------------------  ------------------------------------------------------------------------
 *   a minute has passed                           it is told once, and again when it is something else
 *   slots or nodes are others than before         the server is not ready for as long as it lasts
 *   something is amiss: two seconds have passed   nothing stops being served: what is acknowledged still has a replica
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
   * Told of all that is amiss, whenever that is something else than before; of an empty list when
   * all is well again.
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

  /** All that is amiss as far as it is known, each beginning with the address of the node. */
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
    // Whether nodes can be reached and have a replica is looked at whenever somebody asks whether
    // the server is ready.
    this.#flaws = findings.flatMap(({ flaws }) =>
      flaws.filter(({ kind }) => kind === 'setting' || kind === 'right'),
    );
    if (this.flaws.join('\n') !== before) found(this.flaws);
  }
}

/** How the cluster is named to a visitor (spec section 8). */

/** What the naming depends on; a part of the configuration. */
export interface LocationRules {
  readonly locationHint: 'none' | 'cluster' | 'adobe';
  readonly cluster: number;
  readonly node: number;
  readonly serverDomain: string;
}

export interface LocationNames {
  /** A tntId without a hint, made into the one that is sent out. */
  readonly tntIdOf: (value: string) => string;
  /** The host to send later requests to; undefined unless hints are as Adobe sends them. */
  readonly edgeHost: string | undefined;
}

/**
 * The names of this cluster: `none` names it nowhere, `cluster` behind the dot of a tntId, `adobe` there and as `edgeHost`.
 *
 * Only `adobe` may send what Adobe's SDKs act upon: they take `.28_20` or an `edgeHost` as leave to send the visitor's next call
 * to `mboxedge28.tt.omtrdc.net`, wherever they were pointed at first.
 */
export function locationNames({ locationHint, cluster, node, serverDomain }: LocationRules): LocationNames {
  if (locationHint === 'none') return { tntIdOf: (value) => value, edgeHost: undefined };
  if (locationHint === 'cluster') return { tntIdOf: (value) => `${value}.${cluster}`, edgeHost: undefined };
  return {
    tntIdOf: (value) => `${value}.${cluster}_${node}`,
    edgeHost: `mboxedge${cluster}.${serverDomain}`,
  };
}

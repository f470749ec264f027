/** How replies name the cluster to a visitor (contract section 8). */

/** The part of the configuration that decides the naming. */
export interface LocationRules {
  readonly locationHint: 'none' | 'cluster' | 'adobe';
  readonly cluster: number;
  readonly node: number;
  readonly serverDomain: string;
}

export interface LocationNames {
  /** Adds the location hint to a tntId that has none. */
  readonly tntIdOf: (value: string, place?: HintPlace) => string;
  /** The host for the visitor's later requests; undefined unless hints are sent in Adobe's form. */
  readonly edgeHostOf: (place?: HintPlace) => string | undefined;
}

/** Where a profile lives, if that is another cluster. */
export interface HintPlace {
  readonly cluster?: number;
  readonly node?: number;
}

/**
 * Makes the names of this cluster: `none` does not name it, `cluster` adds it after the dot of a
 * tntId, and `adobe` does that and also sends `edgeHost`.
 *
 * Only `adobe` may send what Adobe's SDKs act upon: on `.28_20` or an `edgeHost` they send the
 * visitor's next call to `mboxedge28.tt.omtrdc.net`, whatever host they were configured with.
 */
export function locationNames({ locationHint, cluster, node, serverDomain }: LocationRules): LocationNames {
  if (locationHint === 'none') return { tntIdOf: (value) => value, edgeHostOf: nowhere };
  const own = { cluster, node };
  if (locationHint === 'cluster') {
    return { tntIdOf: (value, place = own) => `${value}.${place.cluster ?? cluster}`, edgeHostOf: nowhere };
  }
  return {
    tntIdOf: (value, place = own) => `${value}.${place.cluster ?? cluster}_${place.node ?? node}`,
    edgeHostOf: (place = own) => `mboxedge${place.cluster ?? cluster}.${serverDomain}`,
  };
}

function nowhere(): undefined {}

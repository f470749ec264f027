/** How the cluster is named to a visitor (contract section 8). */

/** What the naming depends on; a part of the configuration. */
export interface LocationRules {
  readonly locationHint: 'none' | 'cluster' | 'adobe';
  readonly cluster: number;
  readonly node: number;
  readonly serverDomain: string;
}

export interface LocationNames {
  /** A tntId without a hint, made into the one that is sent out. */
  readonly tntIdOf: (value: string, place?: HintPlace) => string;
  /** The host to send later requests to; undefined unless hints are as Adobe sends them. */
  readonly edgeHostOf: (place?: HintPlace) => string | undefined;
}

/** Where a profile lives, when that is not here. */
export interface HintPlace {
  readonly cluster?: number;
  readonly node?: number;
}

/**
 * The names of this cluster: `none` names it nowhere, `cluster` behind the dot of a tntId, `adobe` there and as `edgeHost`.
 *
 * Only `adobe` may send what Adobe's SDKs act upon: they take `.28_20` or an `edgeHost` as leave to send the visitor's next call
 * to `mboxedge28.tt.omtrdc.net`, wherever they were pointed at first.
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

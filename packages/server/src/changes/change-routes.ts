/** The routes of the change feed (contract section 18). */

import type { ProfileService } from '../service/profile-service.ts';
import type { Stores } from '../storage/stores.ts';
import type { Route } from '../wire/route.ts';
import type { ChangeReaderParts } from './change-reader.ts';
import { changesRoute } from './changes-route.ts';
import { timelineRoute } from './timeline-route.ts';

interface ChangeRoutesParts extends Pick<ChangeReaderParts, 'now' | 'isDraining'> {
  readonly stores: Pick<Stores, 'changes' | 'profiles'>;
  /** The profiles of all edge clusters. */
  readonly profiles: ProfileService;
}

export function changeRoutes({ stores, profiles, now, isDraining }: ChangeRoutesParts): Route[] {
  const feed = stores.changes;
  return [
    changesRoute({ feed, profiles: stores.profiles, now, isDraining }),
    timelineRoute({ feed, profiles }),
  ];
}

/** Reads the newest changes of one profile from the feed (contract section 18). */

import { setImmediate as otherWork } from 'node:timers/promises';
import { FollowedIds } from '../domain/followed-ids.ts';
import { type SentId, visitorIdOf } from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import type { ProfileService } from '../service/profile-service.ts';
import type { ChangeFeed, FeedChange } from '../storage/change-feed.ts';
import { noFeed } from './change-reader.ts';
import { readTimelineCursor, timelineCursor } from './timeline-cursor.ts';

export interface ProfileTimelineParts {
  readonly feed: Pick<ChangeFeed, 'readBefore'>;
  readonly profiles: Pick<ProfileService, 'findLinked'>;
}

/** Why a page ends. */
export const TIMELINE_ENDS = ['limit', 'bound', 'oldest'] as const;

export interface TimelinePage {
  /** Newest first. */
  readonly changes: readonly FeedChange[];
  /** The cursor of the next page; undefined when the oldest kept change was read. */
  readonly next: string | undefined;
  /** `bound`: so much of the feed was read that the rest is left to the next call. */
  readonly end: (typeof TIMELINE_ENDS)[number];
  /** When the oldest change that was read was made, in epoch milliseconds, of any profile. */
  readonly readTo: number | undefined;
}

/** More ids than a profile may have. */
const ALL_IDS = 10_000_000;

export class ProfileTimeline {
  readonly #parts: ProfileTimelineParts;
  readonly #bound: number;

  /** @param bound how many changes of all profiles one call reads, and up to a step of it more */
  constructor(parts: ProfileTimelineParts, bound: number) {
    this.#parts = parts;
    this.#bound = bound;
  }

  /**
   * One page.
   *
   * @param before `next` of the page before it, or the cursor of a change
   * @throws QuiverError `not-found` when no feed is kept, `gone` for a cursor of another feed,
   *   `bad-request` when it is not a cursor
   */
  async page(client: string, sent: SentId, before: string | undefined, limit: number): Promise<TimelinePage> {
    const cursor = before === undefined ? undefined : readTimelineCursor(before);
    if (before !== undefined && !cursor) throw noCursor();
    const linked = await this.#parts.profiles.findLinked(client, sent, ALL_IDS);
    const followed = new FollowedIds([...(linked?.ids ?? []), visitorIdOf(sent)], cursor?.difference);
    const changes: FeedChange[] = [];
    let feed = cursor?.feed;
    let readTo: number | undefined;
    for (let examined = 0; ; ) {
      const step = await this.#parts.feed.readBefore(client, feed, limit - changes.length, (change) =>
        followed.takes(change),
      );
      if (step === 'off') throw noFeed();
      if (step === 'malformed') throw noCursor();
      if (step === 'gone') {
        throw new QuiverError('gone', 'before: this cursor belongs to another feed; start again without it');
      }
      changes.push(...step.changes);
      examined += step.examined;
      readTo = step.examinedTo ?? readTo;
      feed = step.before;
      const next = timelineCursor({ feed, difference: followed.difference });
      if (!step.more) return { changes, next: undefined, end: 'oldest', readTo };
      if (changes.length >= limit) return { changes, next, end: 'limit', readTo };
      if (examined >= this.#bound) return { changes, next, end: 'bound', readTo };
      await otherWork();
    }
  }
}

function noCursor(): QuiverError {
  return new QuiverError('bad-request', 'before: must be a cursor of this feed');
}

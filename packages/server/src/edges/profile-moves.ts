/**
 * Moves a profile from one cluster to another, or merges two profiles of one visitor:
 *
 *   handed over   a copy is sent; the original is still read and written
 *                 → adopted
 *   adopted       it lives in both clusters; the newest value of each attribute counts
 *                 → released if it has not changed since, otherwise handed over again
 *   released      it lives only in the new cluster
 *
 * Each step may be repeated, even by two processes at once. An interrupted move leaves a profile in
 * two clusters; they are merged when a request reads both (contract section 8).
 */

import type { VisitorId } from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import type { LinkedProfile, ProfileStore } from '../storage/profile-store.ts';
import { profileOf, sentProfile } from './edge-calls.ts';
import { type EdgePeer, PeerSilent } from './edge-peer.ts';

/** A cluster that a profile can be moved from and to. */
export interface ProfilePlace {
  readonly cluster: number;
  handOver(client: string, id: VisitorId): Promise<LinkedProfile | undefined>;
  adopt(client: string, profile: LinkedProfile): Promise<void>;
  release(client: string, profile: LinkedProfile): Promise<boolean>;
}

const MAX_TRIES = 10;
const ALL_IDS = Number.MAX_SAFE_INTEGER;

/**
 * Moves the profile that an id names, with all its ids.
 *
 * @throws QuiverError `not-done` when it kept changing; it may then live in both clusters
 */
export async function moveProfile(
  client: string,
  id: VisitorId,
  from: ProfilePlace,
  to: ProfilePlace,
): Promise<void> {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const profile = await from.handOver(client, id);
    if (!profile) return;
    await to.adopt(client, profile);
    if (await from.release(client, profile)) return;
  }
  throw new QuiverError('not-done', 'The profile is being changed by others; send it again');
}

/** This cluster. */
export function ownPlace(
  cluster: number,
  store: Pick<ProfileStore, 'findLinked' | 'adopt' | 'release'>,
  now: () => number,
): ProfilePlace {
  return {
    cluster,
    handOver: (client, id) => store.findLinked(client, id, now(), ALL_IDS),
    adopt: (client, profile) => store.adopt(client, profile, now()),
    release: (client, profile) => store.release(client, profile, now()),
  };
}

/** Another cluster. */
export function peerPlace(peer: EdgePeer): ProfilePlace {
  return {
    cluster: peer.cluster,
    async handOver(client, id) {
      const { profile } = await heard(peer.ask('hand-over', { client, id }));
      return profile && profileOf(profile);
    },
    async adopt(client, profile) {
      await heard(peer.ask('adopt', { client, profile: sentProfile(profile) }));
    },
    async release(client, profile) {
      return (await heard(peer.ask('release', { client, profile: sentProfile(profile) }))).released;
    },
  };
}

/** The answer, or the error for a write that got none. */
export async function heard<Answer>(asked: Promise<Answer>): Promise<Answer> {
  try {
    return await asked;
  } catch (error) {
    throw error instanceof PeerSilent ? error.asWriteError() : error;
  }
}

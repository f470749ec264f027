/** The stored form of a merge, the same for every engine. */

import { randomBytes } from 'node:crypto';
import type { Profile } from '../domain/profile.ts';
import type { MergeRecord } from '../domain/unmerge.ts';

interface WrittenMerge extends Omit<MergeRecord, 'profile'> {
  readonly client: string;
  /** The attributes are in base64. */
  readonly profile: (Omit<Profile, 'attributes'> & { readonly attributes: string }) | undefined;
}

export interface StoredMerge {
  readonly client: string;
  readonly record: MergeRecord;
}

/** A new id of a merge. */
export function newMergeId(at: number): string {
  return `${at.toString(36).padStart(9, '0')}${randomBytes(6).toString('hex')}`;
}

/** When the merge with an id was made, in epoch milliseconds. */
export function timeOfMerge(id: string): number {
  return Number.parseInt(id.slice(0, 9), 36);
}

export function mergeText({ client, record }: StoredMerge): string {
  const { profile } = record;
  const written: WrittenMerge = {
    ...record,
    client,
    profile: profile && { ...profile, attributes: profile.attributes.toString('base64') },
  };
  return JSON.stringify(written);
}

/** Reads the result of {@link mergeText}. */
export function mergeOfText(text: string): StoredMerge {
  const { client, profile, ...record } = JSON.parse(text) as WrittenMerge;
  return {
    client,
    record: {
      ...record,
      profile: profile && ({ ...profile, attributes: Buffer.from(profile.attributes, 'base64') } as Profile),
      undoneAt: record.undoneAt,
    },
  };
}

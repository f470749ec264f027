/** The visitors of a demo: always the same, so that a guide can name them. */

import { createHash } from 'node:crypto';
import type { SentIds } from '../delivery/visit.ts';

export interface DemoVisit {
  readonly ids: SentIds;
  readonly attributes: Readonly<Record<string, string>>;
  /** How long before the demo, in hours. */
  readonly hoursAgo: number;
}

const PERSONS = 24;
const STRANGERS = 120;
const COUNTRIES = ['france', 'spain', 'japan', 'brazil', 'kenya', 'canada', 'iceland', 'india'] as const;
const CATEGORIES = ['shoes', 'books', 'garden', 'kitchen', 'cameras', 'bicycles'] as const;
const DEVICES = ['phone', 'laptop', 'tablet'] as const;
const CHANNELS = ['search', 'newsletter', 'direct', 'friend'] as const;

/**
 * The person that the guide and the banner mention; has three devices and more attributes than the
 * others.
 */
export const DEMO_PERSON = personId(1);

/**
 * All visits, the oldest first. @param longestAgo the age of the earliest visit in hours, at least
 * one
 */
export function demoVisits(longestAgo: number): DemoVisit[] {
  const visits = [
    ...range(PERSONS).flatMap((person) => visitsOfPerson(person + 1)),
    ...range(STRANGERS).map(visitOfStranger),
  ];
  return visits
    .map((visit) => ({ ...visit, hoursAgo: Math.min(visit.hoursAgo, longestAgo) }))
    .sort((one, other) => other.hoursAgo - one.hoursAgo);
}

/** The id of a person: `crm-1001` for the first. */
export function personId(person: number): string {
  return `crm-${1000 + person}`;
}

/** Pseudo-random numbers from 0 to below 1, the same in every run. */
export function steadyChance(seed: string): number {
  return createHash('sha256').update(seed).digest().readUInt32BE() / 2 ** 32;
}

/** A tntId in the form of a generated one. */
export function demoTntId(name: string): string {
  return createHash('sha256').update(`tntId of ${name}`).digest('hex').slice(0, 32);
}

/** Each device visits anonymously first and then signs in, which links it to the person. */
function visitsOfPerson(person: number): DemoVisit[] {
  const thirdPartyId = personId(person);
  const began = 24 + Math.floor(steadyChance(`${thirdPartyId} began`) * 240);
  const visits = range(person === 1 ? 3 : (person % 3) + 1).flatMap((device): DemoVisit[] => {
    const tntId = demoTntId(`${thirdPartyId} device ${device}`);
    const marketingCloudVisitorId = device === 0 && person % 2 === 1 ? ecidOf(thirdPartyId) : undefined;
    const firstSeen = Math.max(2, began - device * 7);
    return [
      { ids: { tntId, marketingCloudVisitorId }, attributes: browsing(tntId), hoursAgo: firstSeen },
      {
        ids: { tntId, thirdPartyId },
        attributes: { ...shopping(thirdPartyId), device: pick(DEVICES, `device ${device} of ${person}`) },
        hoursAgo: firstSeen - 1,
      },
    ];
  });
  if (person !== 1) return visits;
  const attributes = {
    cartValue: '184.90',
    membership: 'gold',
    newsletter: 'weekly',
    'geo.city': 'Lyon',
    lastSearch: 'trail running shoes, size 42',
    recentlySeen: 'sku-2211, sku-8840, sku-1037',
  };
  return [...visits, { ids: { thirdPartyId }, attributes, hoursAgo: 1 }];
}

function visitOfStranger(number: number): DemoVisit {
  const tntId = demoTntId(`stranger ${number}`);
  return {
    ids: { tntId },
    attributes: browsing(tntId),
    hoursAgo: 1 + Math.floor(steadyChance(`${tntId} hours`) * 280),
  };
}

function browsing(of: string): Record<string, string> {
  return {
    country: pick(COUNTRIES, `${of} country`),
    favoriteCategory: pick(CATEGORIES, `${of} category`),
    channel: pick(CHANNELS, `${of} channel`),
    pagesSeen: String(1 + Math.floor(steadyChance(`${of} pages`) * 40)),
  };
}

function shopping(of: string): Record<string, string> {
  return {
    orders: String(Math.floor(steadyChance(`${of} orders`) * 12)),
    lastCategory: pick(CATEGORIES, `${of} last`),
    signedIn: 'true',
  };
}

/** 38 digits, the form of Experience Cloud ids. */
function ecidOf(of: string): string {
  const digits = BigInt(`0x${createHash('sha256').update(`ecid of ${of}`).digest('hex')}`).toString();
  return digits.slice(0, 38);
}

function pick<Choice>(among: readonly Choice[], seed: string): Choice {
  return among[Math.floor(steadyChance(seed) * among.length)]!;
}

function range(length: number): number[] {
  return Array.from({ length }, (_, index) => index);
}

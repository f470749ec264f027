/** Reads what a node tells of itself (the command INFO). */

/** Whether a master has a replica that follows it. */
export function hasReplica(info: string): boolean {
  return /^slave\d+:.*state=online/m.test(info);
}

/** One line of what INFO tells. */
export function infoField(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
}

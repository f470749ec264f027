/** Reads the report of a node (the command INFO). */

/** Whether a master has a connected replica. */
export function hasReplica(info: string): boolean {
  return /^slave\d+:.*state=online/m.test(info);
}

/** One line of INFO. */
export function infoField(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
}

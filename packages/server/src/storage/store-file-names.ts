/**
 * The lock file of the embedded store, in its folder. It belongs to the engine and is not part of a
 * backup.
 */
export const LOCK_FILE = 'lock.mdb';

/** The folder of this package, seen from its sources, from what is compiled of them, and from what it ships: all keep this file one down. */
export const PACKAGE_FOLDER = new URL('../', import.meta.url);

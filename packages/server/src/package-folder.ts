/**
 * The folder of this package. The sources, the compiled files and the shipped files all keep this
 * file one level below it.
 */
export const PACKAGE_FOLDER = new URL('../', import.meta.url);

/**
 * Imports the very module of the server that this process runs: a source on Bun, what was built of
 * it on Node.
 */
export function serverModule(path) {
  const [folder, ending] = process.versions.bun ? ['src', 'ts'] : ['dist', 'js'];
  return import(new URL(`../../packages/server/${folder}/${path}.${ending}`, import.meta.url).href);
}

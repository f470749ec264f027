/**
 * Imports the module of the server that this process runs: the source on Bun, the built file on
 * Node.
 */
export function serverModule(path) {
  const [folder, ending] = process.versions.bun ? ['src', 'ts'] : ['dist', 'js'];
  return import(new URL(`../../packages/server/${folder}/${path}.${ending}`, import.meta.url).href);
}

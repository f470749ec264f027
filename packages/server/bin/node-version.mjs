/** Why Quiver cannot run on this version of Node, as one line; undefined when it can. */
export function nodeVersionProblem(version = process.versions.node) {
  const [major, minor] = version.split('.').map(Number);
  return major > 20 || (major === 20 && minor >= 19)
    ? undefined
    : `Node 20.19 or later is needed; this is ${version}`;
}

/** Explains errors of the operating system to users. */

const RULES: Readonly<Record<string, string>> = {
  EACCES: 'permission denied for this user',
  EPERM: 'permission denied for this user',
  EEXIST: 'the name already exists',
  EISDIR: 'it is a folder',
  ENOENT: 'no such file or folder',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of the path is not a folder',
  EROFS: 'the file system is read-only',
  EMFILE: 'too many files are open; see ulimit -n',
};

/** What an error code of the operating system means; undefined for unknown codes. */
export function ruleOf(code: string): string | undefined {
  return RULES[code];
}

/**
 * One line on what was refused and why:
 * `cannot open /etc/shadow: permission denied for this user (EACCES)`.
 *
 * @returns undefined when it is not an error of the operating system, and so a bug of the program
 */
export function systemProblem(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, syscall, path, dest, message } = error as NodeJS.ErrnoException & { dest?: string };
  if (code === undefined || syscall === undefined) return undefined;
  const where = [path, dest].filter((part) => part !== undefined).join(' to ');
  // mkdir does not fail for an existing folder, so the name is taken by something else.
  const rule = code === 'EEXIST' && syscall === 'mkdir' ? 'it is a file, not a folder' : ruleOf(code);
  if (rule === undefined || where === '') return message.replaceAll(/\s+/g, ' ');
  return `cannot ${syscall} ${where}: ${rule} (${code})`;
}

/** What the operating system refused, for people. */

const RULES: Readonly<Record<string, string>> = {
  EACCES: 'this user may not do that',
  EPERM: 'this user may not do that',
  EEXIST: 'something of that name is there already',
  EISDIR: 'it is a folder',
  ENOENT: 'there is no such file or folder',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of the path is not a folder',
  EROFS: 'it can only be read',
  EMFILE: 'too many files are open; see ulimit -n',
};

/** What an error code of the operating system means; undefined for those that are not known here. */
export function ruleOf(code: string): string | undefined {
  return RULES[code];
}

/**
 * One line on what was refused and why: `cannot open /etc/shadow: this user may not do that (EACCES)`.
 *
 * @returns undefined when the error is not one of the operating system's: then it is a mistake of the program
 */
export function systemProblem(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, syscall, path, dest, message } = error as NodeJS.ErrnoException & { dest?: string };
  if (code === undefined || syscall === undefined) return undefined;
  const where = [path, dest].filter((part) => part !== undefined).join(' to ');
  // A folder that is there already is no error of mkdir, so this is something else.
  const rule = code === 'EEXIST' && syscall === 'mkdir' ? 'it is a file, not a folder' : ruleOf(code);
  if (rule === undefined || where === '') return message.replaceAll(/\s+/g, ' ');
  return `cannot ${syscall} ${where}: ${rule} (${code})`;
}

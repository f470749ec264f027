import { describe, expect, test } from 'vitest';
import { attributeNameProblem, bareNameProblem, isScriptName } from './attribute-name.ts';

const LENGTH = 'must have 1 to 128 characters';
const SCRIPT = 'must not start with "user.", which belongs to profile scripts';

describe('the rules for names of attributes (contract section 5)', () => {
  test.each<[what: string, name: string, problem: string | undefined, bareProblem?: string]>([
    ['a plain one', 'country', undefined],
    ['any characters', 'prénom 😀,\n"', undefined],
    ['hostile ones', '__proto__', undefined],
    ['128 characters', '😀'.repeat(128), undefined],
    ['none', '', LENGTH],
    ['129 characters', 'n'.repeat(129), LENGTH],
    ['half a surrogate pair', '\ud83d', 'must be well-formed Unicode'],
    ['one of profile scripts', 'user.segment', SCRIPT],
    ['the prefix of scripts alone', 'user.', SCRIPT],
    ['user without a dot', 'user', undefined],
    ['another case is another name', 'User.segment', undefined],
    ['user. further in', 'the.user.id', undefined],
    ['the prefix of the single update', 'profile.country', undefined, 'must not start with "profile."'],
    ['both prefixes', 'profile.user.x', undefined, 'must not start with "profile."'],
  ])('hold for the name: %s', (_, name, problem, bareProblem = problem) => {
    expect(attributeNameProblem(name)).toBe(problem);
    expect(bareNameProblem(name)).toBe(bareProblem);
    expect(isScriptName(name)).toBe(problem === SCRIPT);
  });
});

/** A query that names one profile by an id of one kind. */

import { idProblem, type SentId } from '../domain/visitor-id.ts';
import { badRequest } from '../errors.ts';
import { KIND_NAMES, kindOfName } from './kind-names.ts';
import { givenValue, type Parameter } from './parameters.ts';
import { z } from './schema.ts';

const PARAMETERS = [...KIND_NAMES, 'ecid'] as const;
const IdParameter = z.string().optional();

/** The parameters for `/openapi.json`. */
export const ONE_ID = {
  tntId: IdParameter,
  thirdPartyId: IdParameter.openapi({ example: 'crm-4711' }),
  customerId: IdParameter,
  marketingCloudVisitorId: IdParameter,
  ecid: IdParameter.openapi({ description: 'The same as `marketingCloudVisitorId`.' }),
};

/**
 * The single id named by a query.
 *
 * @throws QuiverError `bad-request` unless exactly one id is given, and well formed
 */
export function oneIdOf(query: readonly Parameter[]): SentId {
  const given = PARAMETERS.flatMap((name) => {
    const text = givenValue(query, name);
    return text === undefined ? [] : [{ name, text }];
  });
  const [one] = given;
  if (!one || given.length > 1) throw badRequest(`one id must be given: ${PARAMETERS.join(' or ')}`);
  const { name, text } = one;
  const kind = name === 'ecid' ? name : kindOfName(name)!;
  const problem = idProblem(kind, text);
  if (problem !== undefined) throw badRequest(`${name}: ${problem}`);
  return { kind, text };
}

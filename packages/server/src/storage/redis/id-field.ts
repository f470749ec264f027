import { ID_KINDS, type VisitorId } from '../../domain/visitor-id.ts';

/** An id as fields and keys write it. */
export function idField({ kind, value }: VisitorId): string {
  return `${ID_KINDS.indexOf(kind)}${value}`;
}

import type { VisitorId } from '../../domain/visitor-id.ts';
import { KIND_NUMBER, kindOfNumber } from '../kind-number.ts';

/** An id as it is written in fields and keys. */
export function idField({ kind, value }: VisitorId): string {
  return `${KIND_NUMBER[kind]}${value}`;
}

/** The id that {@link idField} wrote. */
export function idOfField(field: string): VisitorId {
  return { kind: kindOfNumber(Number(field[0])), value: field.slice(1) };
}

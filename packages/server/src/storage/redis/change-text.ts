/**
 * The stored form of a change in a cluster: a JSON list of type, channel, time, client, id, names
 * of attributes, other ids.
 */

import { CHANGE_CHANNELS, CHANGE_TYPES, type Change } from '../../domain/change.ts';
import { idField, idOfField } from './id-field.ts';

type ChangeFields = readonly [number, number, number, string, string, readonly string[], readonly string[]];

function encodedChange(client: string, { type, channel, at, id, attributes, ids }: Change): string {
  const fields: ChangeFields = [
    CHANGE_TYPES.indexOf(type),
    CHANGE_CHANNELS.indexOf(channel),
    at,
    client,
    idField(id),
    attributes,
    ids.map(idField),
  ];
  return JSON.stringify(fields);
}

export function decodedChange(text: string): Change & { readonly client: string } {
  const [type, channel, at, client, id, attributes, ids] = JSON.parse(text) as ChangeFields;
  return {
    client,
    type: CHANGE_TYPES[type]!,
    channel: CHANGE_CHANNELS[channel]!,
    at,
    id: idOfField(id),
    attributes,
    ids: ids.map(idOfField),
  };
}

/** The changes of one write as one text; {@link splitChanges} takes it apart. */
export function joinedChanges(client: string, changes: readonly Change[]): string {
  return changes.map((change) => encodedChange(client, change)).join('\n');
}

/** The text of one change, with another type. */
export function retyped(text: string, type: Change['type']): string {
  return `[${CHANGE_TYPES.indexOf(type)}${text.slice(text.indexOf(','))}`;
}

/** The changes of one write, each as a text. JSON has no line breaks of its own. */
export function splitChanges(text: string): string[] {
  return text.split('\n');
}

import type { Attribute } from '../../domain/attributes.ts';

const ENTRY = /"((?:[^"\\]|\\.)*)":\{"value":"((?:[^"\\]|\\.)*)","modifiedAt":"([^"]*)"\}/y;

/**
 * Reads the attributes of a fetch, preserving every name and the order, which `JSON.parse` would
 * not.
 *
 * @throws RangeError when the text is anything but `{"name":{"value":"…","modifiedAt":"…"},…}`
 */
export function attributesIn(json: string): Attribute[] {
  const attributes: Attribute[] = [];
  let at = 1;
  while (json[at] === '"' || (json[at] === ',' && attributes.length > 0)) {
    ENTRY.lastIndex = attributes.length === 0 ? at : at + 1;
    const match = ENTRY.exec(json);
    if (!match) break;
    const [, name, value, time] = match;
    attributes.push({
      name: JSON.parse(`"${name}"`) as string,
      value: JSON.parse(`"${value}"`) as string,
      modifiedAt: Date.parse(time!),
    });
    at = ENTRY.lastIndex;
  }
  if (json[0] !== '{' || json[at] !== '}' || at + 1 !== json.length) {
    throw new RangeError(`no attributes: ${json.slice(0, 200)}`);
  }
  return attributes;
}

/**
 * Reads the replies of these APIs that are XML, and what an error reply says, whichever form it
 * has.
 */

/** The text of the first element of that name; undefined without one. */
export function elementOf(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return text === undefined ? undefined : unescapeXml(text);
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/** Text of an element as it was before it was escaped. */
export function unescapeXml(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(\w+));/gi, (entity, decimal, hex, name: string) => {
    if (name !== undefined) return Object.hasOwn(ENTITIES, name) ? ENTITIES[name]! : entity;
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
    return code <= 0x10ffff ? String.fromCodePoint(code) : entity;
  });
}

/**
 * What an error reply says: the XML of the profile APIs, their JSON, the Admin API's list of
 * errors; else its first 200 characters.
 */
export function messageOf(text: string): string {
  const inXml = elementOf(text, 'message');
  if (inXml !== undefined && inXml !== '') return inXml;
  try {
    const { message, errors } = JSON.parse(text) as { message?: unknown; errors?: { message?: unknown }[] };
    const said = Array.isArray(errors) ? errors.map((error) => error.message).join('; ') : message;
    if (typeof said === 'string' && said !== '') return said;
  } catch {
    // Not of these APIs, perhaps the page of a proxy.
  }
  return text.slice(0, 200).replace(/\s+/g, ' ').trim() || 'no reason given';
}

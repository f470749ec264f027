/**
 * Reads the XML replies of these APIs, and the message of error replies in any of their formats.
 */

/** The text of the first element of that name; undefined without one. */
export function elementOf(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return text === undefined ? undefined : unescapeXml(text);
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/** Unescapes the text of an element. */
export function unescapeXml(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(\w+));/gi, (entity, decimal, hex, name: string) => {
    if (name !== undefined) return Object.hasOwn(ENTITIES, name) ? ENTITIES[name]! : entity;
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
    return code <= 0x10ffff ? String.fromCodePoint(code) : entity;
  });
}

/**
 * The message of an error reply: from the XML of the profile APIs, their JSON, or the Admin API's
 * list of errors; otherwise its first 200 characters.
 */
export function messageOf(text: string): string {
  const inXml = elementOf(text, 'message');
  if (inXml !== undefined && inXml !== '') return inXml;
  try {
    const { message, errors } = JSON.parse(text) as { message?: unknown; errors?: { message?: unknown }[] };
    const said = Array.isArray(errors) ? errors.map((error) => error.message).join('; ') : message;
    if (typeof said === 'string' && said !== '') return said;
  } catch {
    // The reply does not come from these APIs; it may be the page of a proxy.
  }
  return text.slice(0, 200).replace(/\s+/g, ' ').trim() || 'no reason given';
}

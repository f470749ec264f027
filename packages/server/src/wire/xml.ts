/** XML replies of a fixed shape, written by a small template. */

/** Elements in order: a name and its text. */
export type XmlElements = readonly (readonly [name: string, text: string])[];

/** `<response>…</response>` with the given elements, their text escaped. */
export function xmlResponse(elements: XmlElements): string {
  let inner = '';
  for (const [name, text] of elements) inner += `<${name}>${escapeXml(text)}</${name}>`;
  return `<response>${inner}</response>`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  // A parser would turn a bare carriage return into a line feed (XML 1.0 section 2.11).
  '\r': '&#13;',
};

/** Escapes text for XML; characters that XML 1.0 cannot contain (section 2.2) become U+FFFD. */
export function escapeXml(text: string): string {
  return text
    .toWellFormed()
    .replace(NOT_XML, '\uFFFD')
    .replace(/[&<>"'\r]/g, (char) => ESCAPES[char]!);
}
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the very characters that XML 1.0 does not allow
const NOT_XML = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/g;

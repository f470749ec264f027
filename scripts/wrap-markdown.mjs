/**
 * Wraps one paragraph of Markdown at 100 columns. Links and code spans stay whole.
 *
 * @param text the paragraph, on one line or several
 * @param indent what every line but the first begins with, for items of a list
 */
export function wrapMarkdown(text, indent = '') {
  const lines = [];
  let line = '';
  for (const word of text.match(/(?:`[^`]*`|\[[^\]]*\]\([^)]*\)|\S)+/g) ?? []) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line === '' || longer.length <= 100) {
      line = longer;
    } else {
      lines.push(line);
      line = `${indent}${word}`;
    }
  }
  return [...lines, line].join('\n');
}

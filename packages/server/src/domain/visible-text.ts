/**
 * How text that came from outside is shown to people: whatever cannot be seen appears as an escape.
 */

/**
 * Control characters, line separators, blanks other than the plain space, halves of surrogate
 * pairs, and all that Unicode lets a reader ignore: byte-order marks, zero-width characters, marks
 * that reorder text, fillers, variation selectors.
 */
const INVISIBLE =
  /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb\u2800]|(?! )\p{Zs}/gu;

/** The text with an escape such as `\ufeff` in place of each invisible character. */
export function visibleText(text: string): string {
  return text.replace(INVISIBLE, (character) => {
    let escaped = '';
    for (let unit = 0; unit < character.length; unit += 1) {
      escaped += `\\u${character.charCodeAt(unit).toString(16).padStart(4, '0')}`;
    }
    return escaped;
  });
}

/**
 * The text in double quotes as JSON writes it, all of it visible; for names and values in messages.
 */
export function quoted(text: string): string {
  return visibleText(JSON.stringify(text));
}

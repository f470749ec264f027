/** Shows text from outside to people, with everything invisible as an escape. */

/**
 * Control characters, line separators, blanks other than the plain space, surrogates without their
 * pair, and everything that Unicode allows a display to ignore: byte-order marks, zero-width
 * characters, direction marks, fillers, variation selectors.
 */
const INVISIBLE =
  /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb\u2800]|(?! )\p{Zs}/gu;

/** The text with an escape such as `\ufeff` for each invisible character. */
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
 * The text in double quotes as in JSON, with everything visible; for names and values in messages.
 */
export function quoted(text: string): string {
  return visibleText(JSON.stringify(text));
}

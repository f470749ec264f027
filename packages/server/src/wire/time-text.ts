// Times of one profile are often equal, and formatting a date is slow.
let lastTime = Number.NaN;
let lastText = '';

/**
 * Formats a time as Quiver's own API does, such as `2026-08-18T17:53:39.003Z`. @param at epoch
 * milliseconds
 */
export function timeText(at: number): string {
  if (at !== lastTime) {
    lastTime = at;
    lastText = new Date(at).toISOString();
  }
  return lastText;
}

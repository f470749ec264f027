/** Where the keyboard is after what had the focus has gone. */

import { type RefObject, useEffect } from 'react';

/**
 * Moves the focus to an element when it has been lost: what had it was removed, as a form is once
 * it is saved. It never takes the focus from anything.
 *
 * @param when what has to change for another look; the element appearing, by default
 */
export function useFocusWhenLost(element: RefObject<HTMLElement | null>, when?: unknown): void {
  // biome-ignore lint/correctness/useExhaustiveDependencies: `when` says when to look again
  useEffect(() => {
    if (document.activeElement === document.body) element.current?.focus();
  }, [element, when]);
}

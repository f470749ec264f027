/** Where the focus goes when the focused element disappears. */

import { type RefObject, useEffect } from 'react';

/**
 * Moves the focus to an element after the focused element was removed, like a form after saving.
 * It never takes the focus away from another element.
 *
 * @param when a change of this value causes another check; by default the element's appearance
 */
export function useFocusWhenLost(element: RefObject<HTMLElement | null>, when?: unknown): void {
  // biome-ignore lint/correctness/useExhaustiveDependencies: `when` says when to look again
  useEffect(() => {
    if (document.activeElement === document.body) element.current?.focus();
  }, [element, when]);
}

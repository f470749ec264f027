/** One finding of the doctor. */

/** `warning`: it works, but needs attention; `problem`: it does not work, or would lose data. */
type FindingState = 'ok' | 'warning' | 'problem';

export interface Finding {
  readonly name: string;
  readonly state: FindingState;
  /** What was found, and what to do about it if it is a problem. */
  readonly text: string;
}

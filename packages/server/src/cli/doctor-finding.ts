/** One thing that the doctor has looked at. */

/** `warning`: it works, but somebody should know; `problem`: it does not work, or would lose something. */
type FindingState = 'ok' | 'warning' | 'problem';

export interface Finding {
  readonly name: string;
  readonly state: FindingState;
  /** What was seen, and what to do about it when it is not well. */
  readonly text: string;
}

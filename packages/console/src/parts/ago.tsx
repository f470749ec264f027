import { distance, time } from './format.ts';

/** How long ago a moment was; its title has the exact time. @param at ISO 8601 */
export function Ago({ at }: { at: string }) {
  return (
    <time dateTime={at} title={time(at)}>
      {distance(at)}
    </time>
  );
}

import { Label, Meter, ProgressBar } from 'react-aria-components';

/**
 * A progress bar.
 *
 * @param share the share that is done, 0 to 1, including failures
 * @param failedShare the part of it that failed, 0 to 1; 0 by default
 */
export function Progress(props: { label: string; share: number; failedShare?: number; text: string }) {
  const { label, share, failedShare = 0, text } = props;
  return (
    <ProgressBar className="bar" value={share * 100} valueLabel={text}>
      <div className="bar-words">
        <Label>{label}</Label>
        <span>{text}</span>
      </div>
      <Track share={share} look="plain" failedShare={failedShare} />
    </ProgressBar>
  );
}

/** A bar that shows how much of a limit is used. */
export function Gauge({
  label,
  value,
  max,
  text,
}: {
  label: string;
  value: number;
  max: number;
  text: string;
}) {
  const share = Math.min(1, value / max);
  return (
    <Meter className="bar" value={value} maxValue={max} valueLabel={text}>
      <div className="bar-words">
        <Label>{label}</Label>
        <span>{text}</span>
      </div>
      <Track share={share} look={share > 0.9 ? 'bad' : share > 0.7 ? 'warn' : 'plain'} />
    </Meter>
  );
}

/** An SVG, because the content policy allows no style attribute to set a width. */
function Track(props: { share: number; look: 'plain' | 'warn' | 'bad'; failedShare?: number }) {
  const { share, look, failedShare = 0 } = props;
  // A single failed row among many must be visible.
  const failed = failedShare === 0 ? 0 : Math.max(2, failedShare * 100);
  const end = share * 100;
  return (
    <svg
      className="track"
      viewBox="0 0 100 1"
      preserveAspectRatio="none"
      aria-hidden="true"
      focusable="false"
    >
      <rect width="100" height="1" className="track-ground" />
      <rect width={end} height="1" className={`track-${look}`} />
      {failed > 0 && (
        <rect x={Math.max(0, end - failed)} width={Math.min(end, failed)} height="1" className="track-bad" />
      )}
    </svg>
  );
}

import { Label, Meter, ProgressBar } from 'react-aria-components';

/** How far something is, 0 to 1. */
export function Progress({ label, share, text }: { label: string; share: number; text: string }) {
  return (
    <ProgressBar className="bar" value={share * 100} valueLabel={text}>
      <div className="bar-words">
        <Label>{label}</Label>
        <span>{text}</span>
      </div>
      <Track share={share} look="plain" />
    </ProgressBar>
  );
}

/** How much of something bounded is used. */
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

/** Drawn, for its width may not come from a style attribute. */
function Track({ share, look }: { share: number; look: 'plain' | 'warn' | 'bad' }) {
  return (
    <svg
      className="track"
      viewBox="0 0 100 1"
      preserveAspectRatio="none"
      aria-hidden="true"
      focusable="false"
    >
      <rect width="100" height="1" className="track-ground" />
      <rect width={share * 100} height="1" className={`track-${look}`} />
    </svg>
  );
}

import { useState } from 'react';
import { count, dayName } from './format.ts';

export interface Series {
  readonly name: string;
  readonly values: readonly number[];
}

const WIDTH = 600;
const HEIGHT = 150;
const GAP = 0.22;

/** A stacked bar per day; a table below has the same numbers. */
export function UsageChart({
  title,
  days,
  series,
}: {
  title: string;
  days: readonly string[];
  series: readonly Series[];
}) {
  const [looked, setLooked] = useState<number>();
  const totals = days.map((_, at) => series.reduce((sum, { values }) => sum + (values[at] ?? 0), 0));
  const top = roundUp(Math.max(1, ...totals));
  const step = WIDTH / days.length;
  const sum = totals.reduce((one, other) => one + other, 0);
  const shown = looked === undefined ? undefined : days[looked];
  return (
    <figure className="chart">
      <figcaption>
        <span className="chart-title">{title}</span>
        <span className="chart-figure">{count(looked === undefined ? sum : (totals[looked] ?? 0))}</span>
        <span className="chart-when">{shown ? `on ${dayName(shown)}` : `in ${days.length} days`}</span>
      </figcaption>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${title}: ${count(sum)} in ${days.length} days, at most ${count(Math.max(...totals))} a day. The table below has the numbers.`}
        onPointerLeave={() => setLooked(undefined)}
      >
        {[0, 0.5, 1].map((share) => (
          <line
            key={share}
            x1="0"
            x2={WIDTH}
            y1={HEIGHT * share}
            y2={HEIGHT * share}
            className="chart-line"
          />
        ))}
        {days.map((name, at) => {
          let y = HEIGHT;
          return (
            <g
              key={name}
              onPointerEnter={() => setLooked(at)}
              className={at === looked ? 'is-looked-at' : undefined}
            >
              <rect x={at * step} y="0" width={step} height={HEIGHT} className="chart-ground" />
              {series.map(({ values }, of) => {
                const height = ((values[at] ?? 0) / top) * HEIGHT;
                y -= height;
                const kind = `series-${of + 1}`;
                return (
                  <rect
                    key={kind}
                    className={kind}
                    x={at * step + step * (GAP / 2)}
                    y={y}
                    width={step * (1 - GAP)}
                    height={height}
                  />
                );
              })}
            </g>
          );
        })}
      </svg>
      <div className="chart-axis" aria-hidden="true">
        <span>{dayName(days[0] ?? '')}</span>
        <span>top line: {count(top)}</span>
        <span>{dayName(days.at(-1) ?? '')}</span>
      </div>
      {series.length > 1 && (
        <ul className="legend">
          {series.map(({ name, values }, of) => (
            <li key={name}>
              <svg width="10" height="10" aria-hidden="true" focusable="false">
                <rect width="10" height="10" rx="2" className={`series-${of + 1}`} />
              </svg>
              {name}{' '}
              <b>
                {count(
                  looked === undefined
                    ? values.reduce((one, other) => one + other, 0)
                    : (values[looked] ?? 0),
                )}
              </b>
            </li>
          ))}
        </ul>
      )}
      <NumbersTable title={title} days={days} series={series} />
    </figure>
  );
}

function NumbersTable({
  title,
  days,
  series,
}: {
  title: string;
  days: readonly string[];
  series: readonly Series[];
}) {
  const rows = days
    .map((day, at) => ({ day, values: series.map(({ values }) => values[at] ?? 0) }))
    .reverse();
  return (
    <details>
      <summary>As a table</summary>
      <div className="scroll">
        <table>
          <caption className="off-screen">{title} a day, UTC</caption>
          <thead>
            <tr>
              <th scope="col">Day (UTC)</th>
              {series.map(({ name }) => (
                <th scope="col" key={name} className="number">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ day, values }) => (
              <tr key={day}>
                <th scope="row">{day}</th>
                {values.map((value, at) => (
                  <td key={series[at]?.name} className="number">
                    {count(value)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

/** The next higher round number whose half is round too. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 3, 4, 6, 8, 10].map((step) => step * power).find((step) => step >= value) ?? value;
}

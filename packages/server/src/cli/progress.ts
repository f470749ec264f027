/** Shows progress on stderr: a bar on a terminal, an occasional line elsewhere. */

import { SingleBar } from 'cli-progress';
import { grouped } from '../batches/batch-format.ts';
import { writeNote } from './terminal-text.ts';

export interface Progress {
  /** Reports how much is done. */
  at(done: number): void;
  /** Removes the bar; safe to call twice. */
  stop(): void;
}

export interface ProgressOptions {
  /** The current activity: `applying`. */
  readonly label: string;
  readonly total: number;
  /** The unit of the count: `rows`. */
  readonly unit: string;
  readonly stream?: NodeJS.WriteStream;
  /** Milliseconds; the system's clock by default. */
  readonly now?: () => number;
}

/** How often a line is written when there is no terminal, in milliseconds. */
const LINE_EVERY = 5000;

/** Starts to show progress; nothing is shown for work that is done at once. */
export function startProgress(options: ProgressOptions): Progress {
  const stream = options.stream ?? process.stderr;
  return stream.isTTY && process.env.TERM !== 'dumb' ? bar(options, stream) : lines(options);
}

function bar({ label, total, unit, now = Date.now }: ProgressOptions, stream: NodeJS.WriteStream): Progress {
  const started = now();
  const shownBar = new SingleBar({
    format: `${label} {bar} {percentage} % | {done} of {all} ${unit} | {rate} ${unit}/s | {left} left`,
    barCompleteChar: '=',
    barIncompleteChar: '-',
    barsize: 24,
    stream,
    clearOnComplete: true,
    hideCursor: true,
    fps: 10,
  });
  const payload = (done: number) => ({
    done: grouped(done),
    all: grouped(total),
    ...pace(done, total, now() - started),
  });
  shownBar.start(total, 0, payload(0));
  let stopped = false;
  return {
    at: (done) => shownBar.update(done, payload(done)),
    stop() {
      if (!stopped) shownBar.stop();
      stopped = true;
    },
  };
}

function lines({ label, total, unit, now = Date.now }: ProgressOptions): Progress {
  const started = now();
  let next = started + LINE_EVERY;
  return {
    at(done) {
      if (now() < next) return;
      next = now() + LINE_EVERY;
      const { rate, left } = pace(done, total, now() - started);
      writeNote(`${label}: ${grouped(done)} of ${grouped(total)} ${unit}, ${rate} ${unit}/s, ${left} left`);
    },
    stop() {},
  };
}

/** The rate, and the remaining time at that rate. @param elapsed milliseconds */
function pace(done: number, total: number, elapsed: number): { rate: string; left: string } {
  if (done === 0 || elapsed <= 0) return { rate: '-', left: '-' };
  const perSecond = (done * 1000) / elapsed;
  return { rate: grouped(Math.round(perSecond)), left: duration((total - done) / perSecond) };
}

/** Formats a duration: `1 h 2 min`, `3 min 4 s`, `5 s`. */
function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

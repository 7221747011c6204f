// The time axis: stretches in which nothing ran are folded to a small width, all else is to scale.

const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500].flatMap((n) => [n, 1e3 * n]).concat(
  [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800]
    .map((seconds) => 1e6 * seconds),
).sort((a, b) => a - b);

/** Stretches of at least this share of what is to be drawn are folded. */
const FOLDED_FROM = 0.08;

/** How long a folded stretch is drawn, as a share of all that is not folded. */
const FOLDED_TO = 0.02;

/** Return the stretches, `[from, to]`, in which none of the intervals lies. They have to be sorted by their starts. */
export function idleGaps(starts, ends, from, to) {
  const gaps = [];
  let busyUntil = from;
  for (let place = 0; place < starts.length; place++) {
    if (starts[place] > busyUntil) gaps.push([busyUntil, starts[place]]);
    if (ends[place] > busyUntil) busyUntil = ends[place];
  }
  if (to > busyUntil) gaps.push([busyUntil, to]);
  return gaps;
}

/** The stretches among the gaps that are worth folding: few and long ones. */
export function worthFolding(gaps, whole) {
  return gaps.filter(([from, to]) => to - from > 2e6 && to - from >= FOLDED_FROM * whole);
}

export class Axis {
  /** From `from` to `to` in microseconds, `folds` being the stretches between them to fold. */
  constructor(from, to, folds = []) {
    this.from = from;
    this.to = Math.max(to, from + 1);
    this.folds = folds;
    const folded = folds.reduce((sum, [start, end]) => sum + end - start, 0);
    const width = FOLDED_TO * Math.max(1, this.to - from - folded);
    this.marks = [from];
    this.places = [0];
    for (const [start, end] of folds) {
      this._mark(start, start - this.marks.at(-1));
      this._mark(end, Math.min(width, end - start));
    }
    this._mark(this.to, this.to - this.marks.at(-1));
    this.length = Math.max(this.places.at(-1), 1);
  }

  _mark(moment, length) {
    this.marks.push(moment);
    this.places.push(this.places.at(-1) + length);
  }

  /** Where on the folded axis a moment is. */
  place(moment) {
    return between(moment, this.marks, this.places);
  }

  /** The moment at a place of the folded axis. */
  moment(place) {
    return between(place, this.places, this.marks);
  }

  /** Whether a moment lies within a folded stretch. */
  isFolded(moment) {
    return this.folds.some(([from, to]) => moment > from && moment < to);
  }
}

function between(value, xs, ys) {
  if (xs.length === 2) return ys[0] + (value - xs[0]);
  let low = 0;
  let high = xs.length - 2;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (xs[middle] <= value) low = middle;
    else high = middle - 1;
  }
  // Before the first mark and beyond the last one the axis goes on to scale.
  if (value < xs[0] || value > xs[low + 1]) return value < xs[0] ? ys[0] + value - xs[0] : ys[low + 1] + value - xs[low + 1];
  const length = xs[low + 1] - xs[low];
  return length ? ys[low] + ((value - xs[low]) * (ys[low + 1] - ys[low])) / length : ys[low];
}

/** What of the axis is in sight. */
export class View {
  constructor() {
    this.left = 0;
    this.scale = 1;
    this.width = 1;
    this.fitted = true;
  }

  /** Show all of an axis. */
  fit(axis) {
    this.fitted = true;
    const margin = 0.01 * axis.length;
    this.left = -margin;
    this.scale = this.width / (axis.length + 6 * margin);
  }

  x(place) {
    return (place - this.left) * this.scale;
  }

  place(x) {
    return this.left + x / this.scale;
  }

  /** Zoom by a factor around a point that stays where it is. */
  zoom(factor, x, axis) {
    const around = this.place(x);
    const least = this.width / (axis.length * 1.5);
    const most = Math.max(least, 4);
    this.scale = Math.min(most, Math.max(least, this.scale * factor));
    this.left = around - x / this.scale;
    this.fitted = false;
    this._keep(axis);
  }

  /** Move by a number of pixels. */
  pan(pixels, axis) {
    this.left += pixels / this.scale;
    this.fitted = false;
    this._keep(axis);
  }

  /** Show a stretch, with room around it. */
  show(from, to, axis) {
    const length = Math.max(to - from, 20);
    this.scale = this.width / (1.4 * length);
    this.left = from - 0.2 * length;
    this.fitted = false;
    this._keep(axis);
  }

  _keep(axis) {
    const seen = this.width / this.scale;
    this.left = Math.min(axis.length - 0.1 * seen, Math.max(this.left, -0.9 * seen));
  }
}

/** The moments to mark in sight, each with its label, counted from the beginning of the axis. */
export function ticks(axis, view, apart = 90) {
  const step = STEPS.find((one) => one * view.scale >= apart) ?? STEPS.at(-1);
  const first = axis.moment(view.left);
  const last = axis.moment(view.place(view.width));
  const marks = [];
  let x = -Infinity;
  let moment = Math.ceil((first - axis.from) / step) * step;
  while (moment + axis.from <= last && marks.length < 100) {
    const fold = axis.folds.find(([from, to]) => moment + axis.from > from && moment + axis.from < to);
    if (fold) {
      moment = Math.ceil((fold[1] - axis.from) / step) * step;
      continue;
    }
    const here = view.x(axis.place(moment + axis.from));
    if (here - x >= apart * 0.6) {
      marks.push({ x: here, label: offsetText(moment, step) });
      x = here;
    }
    moment += step;
  }
  return marks;
}

function offsetText(moment, step) {
  if (moment === 0) return '0';
  const negative = moment < 0 ? '−' : '';
  const seconds = Math.abs(moment) / 1e6;
  if (step < 1e3) return `${negative}${(seconds * 1e3).toFixed(3)} ms`;
  if (step < 1e6 && seconds < 1) return `${negative}${Math.round(seconds * 1e3)} ms`;
  if (seconds < 60) return `${negative}${step < 1e6 ? seconds.toFixed(step < 1e4 ? 3 : step < 1e5 ? 2 : 1) : Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  const rest = seconds - 60 * minutes;
  const restText = step < 1e6 ? rest.toFixed(step < 1e5 ? 3 : 1).padStart(4, '0') : String(Math.round(rest)).padStart(2, '0');
  if (minutes < 60) return `${negative}${minutes}:${restText}`;
  const hours = Math.floor(minutes / 60);
  const clock = `${hours % 24}:${String(minutes % 60).padStart(2, '0')}` + (step < 6e7 ? `:${restText}` : ' h');
  return negative + (hours < 24 ? clock : `${Math.floor(hours / 24)} d ${clock}`);
}

/** A short text of a duration in microseconds, as everywhere else: `3.21 s`, `2m 5s`, `1h 2m`. */
export function durationText(microseconds) {
  const seconds = Math.max(0, microseconds) / 1e6;
  if (seconds < 0.001) return `${Math.round(seconds * 1e6)} µs`;
  if (seconds < 1) return `${Number((seconds * 1e3).toPrecision(3))} ms`;
  if (seconds < 60) return `${Number(seconds.toPrecision(3))} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${whole % 60}s`;
  const hours = Math.floor(whole / 3600);
  if (hours < 48) return `${hours}h ${Math.floor((whole % 3600) / 60)}m`;
  return `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

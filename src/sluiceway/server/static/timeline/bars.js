// The bars of the timeline: single runs, lanes, and how many of many ran at each moment.

import { firstAfter } from './layout.js';
import { markOf, wordOf } from './palette.js';

export const ROW = 26;
export const HEAD = 30;

const BAR = 14;

/** What draws the bars of a scene; `Drawing` adds all that is around them. */
export class Bars {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext('2d');
  }

  _track(row, y, number) {
    const { scene } = this;
    this._ground(row, y, number, scene.gutter, scene.width - scene.gutter);
    if (row.kind === 'step') this._step(row, y);
    else if (row.kind === 'lane') this._lane(row, y);
    else if (row.kind === 'fan') this._fan(row, y);
  }

  _step(row, y) {
    const { sheet, at } = row;
    const { scene, context } = this;
    this._parts(sheet, at, y + (ROW - BAR) / 2, BAR);
    const right = this._x(sheet.to(at, scene.now));
    if (!sheet.ended(at) || scene.chosen === sheet.keys[at]) this._outline(sheet, at, y);
    const note = sheet.nameOf(at) === 'Completed' ? '' : sheet.nameOf(at);
    if (!note || right < scene.gutter) return;
    this._font(11);
    context.fillStyle = this.colours[wordOf(sheet.typeOf(at), sheet.nameOf(at))];
    context.fillText(note, right + 7, y + ROW / 2);
  }

  _parts(sheet, at, y, height) {
    const { context } = this;
    sheet.parts(at, this.scene.now, (type, from, to, next) => {
      const left = this._x(from);
      const right = this._x(to);
      if (right < this.scene.gutter || left > this.scene.width) return;
      if (type === 'RUNNING' || type === 'CANCELLING') {
        context.fillStyle = this.colours[`${this._colourOfRun(next)}-fill`];
        context.globalAlpha = next && next[1] === 'AwaitingRetry' ? 0.55 : 1;
        this._bar(left, y, Math.max(2, right - left), height);
        context.globalAlpha = 1;
        if (!next) this._stripes(left, y, right - left, height);
      } else {
        this._waiting(left, right, y + height / 2, type === 'PENDING' ? 'pending' : wordOf(type, ''));
      }
    });
    if (Number.isNaN(sheet.start[at]) && sheet.ended(at)) this._waiting(this._x(sheet.created[at]), this._x(sheet.created[at]) + 3, y + height / 2, wordOf(sheet.typeOf(at), ''));
  }

  _colourOfRun(next) {
    if (!next) return 'running';
    if (next[1] === 'AwaitingRetry') return 'failed';
    return ['PENDING', 'PAUSED', 'SCHEDULED', 'RUNNING', 'CANCELLING'].includes(next[0]) ? 'running' : wordOf(next[0], next[1]);
  }

  _bar(x, y, width, height) {
    const { context } = this;
    // Far beyond the sight, rounded corners of a huge path would only cost time.
    const left = Math.max(x, this.scene.gutter - 20);
    const right = Math.min(x + width, this.scene.width + 20);
    if (width < 6) {
      context.fillRect(left, y, right - left, height);
      return;
    }
    context.beginPath();
    context.roundRect(left, y, right - left, height, 3);
    context.fill();
  }

  /** Lines across a bar whose run has not ended. */
  _stripes(x, y, width, height) {
    const left = Math.max(x, this.scene.gutter);
    const right = Math.min(x + width, this.scene.width);
    if (right - left < 8) return;
    const { context } = this;
    this._clipped(left, y, right - left, height, () => {
      context.strokeStyle = this.colours.surface;
      context.globalAlpha = 0.35;
      context.lineWidth = 3;
      context.beginPath();
      const offset = (((x - left) % 12) + 12) % 12;
      for (let at = left - height - 12 + offset; at < right; at += 12) {
        context.moveTo(at, y + height);
        context.lineTo(at + height, y);
      }
      context.stroke();
      context.globalAlpha = 1;
    });
  }

  /** A thin line of dots: the run waited. */
  _waiting(left, right, y, word) {
    const { context } = this;
    if (right - left < 1) return;
    context.strokeStyle = this.colours[`${word}-fill`] ?? this.colours.soft;
    context.lineWidth = 2;
    context.setLineDash([2, 3]);
    context.beginPath();
    context.moveTo(Math.max(left, this.scene.gutter - 10), y);
    context.lineTo(Math.min(right, this.scene.width + 10), y);
    context.stroke();
    context.setLineDash([]);
  }

  _outline(sheet, at, y) {
    if (this.scene.chosen !== sheet.keys[at]) return;
    const { context } = this;
    const left = Math.max(this._x(sheet.from(at)), this.scene.gutter - 20);
    const right = Math.min(Math.max(this._x(sheet.to(at, this.scene.now)), left + 2), this.scene.width + 20);
    context.strokeStyle = this.colours.accent;
    context.lineWidth = 2;
    context.strokeRect(left - 2, y + (ROW - BAR) / 2 - 2, right - left + 4, BAR + 4);
  }

  /** Bars that do not overlap: those in sight, found by halving; of several on one pixel, the one that went worst. */
  _lane(row, y) {
    const { sheet, members } = row;
    const { scene, context } = this;
    const top = y + 3;
    const height = ROW - 6;
    let last = -1;
    let lastRank = -1;
    for (let place = firstAfter(sheet, members, scene.from, scene.now); place < members.length; place++) {
      const at = members[place];
      const left = this._x(sheet.start[at]);
      if (left > scene.width) break;
      const right = this._x(sheet.to(at, scene.now));
      const word = wordOf(sheet.typeOf(at), sheet.nameOf(at));
      const pixel = Math.floor(right);
      const rank = RANKS[word];
      if (pixel === last && rank <= lastRank) continue;
      lastRank = pixel === last ? Math.max(rank, lastRank) : rank;
      last = pixel;
      context.fillStyle = this.colours[`${word}-fill`];
      const width = right - left;
      if (width < 4) context.fillRect(left, top, Math.max(1, width - 0.5), height);
      else this._bar(left, top, width - 1, height);
      if (width > 60) this._within(sheet.labels[at], left, right, y);
      if (scene.chosen === sheet.keys[at]) this._outline(sheet, at, y);
    }
  }

  _within(text, left, right, y) {
    const from = Math.max(left, this.scene.gutter);
    this._font(11);
    const cut = this._cut(text, Math.min(right, this.scene.width) - from - 12);
    if (cut.length < 3) return;
    this.context.fillStyle = '#fff';
    this.context.fillText(cut, from + 6, y + ROW / 2 + 0.5);
  }

  /** Many runs of one task: how many ran at each moment, stacked by state. */
  _fan(row, y) {
    const { scene, context } = this;
    const [from, to] = spanOf(row, scene.now);
    const left = Math.max(this._x(from), scene.gutter);
    const right = Math.min(this._x(to), scene.width);
    const top = y + 3;
    const height = ROW - 6;
    context.fillStyle = this.colours.sunken;
    this._bar(left, top, Math.max(2, right - left), height);
    const columns = Math.max(1, Math.ceil(scene.width - scene.gutter));
    const { heights, words, most } = this._density(row, columns);
    if (!most) return;
    const bottom = top + height;
    for (let column = 0; column < columns; column++) {
      let base = bottom;
      for (let word = 0; word < words.length; word++) {
        const value = heights[word * columns + column];
        if (value <= 0) continue;
        const part = Math.max(1, (value / most) * height);
        context.fillStyle = this.colours[`${words[word]}-fill`];
        context.fillRect(scene.gutter + column, base - part, 1, part);
        base -= part;
        if (base <= top) break;
      }
    }
    this._share(row, right, y);
  }

  _density(row, columns) {
    const { sheet, members } = row;
    const { scene } = this;
    const words = [...new Set(row.states.map(([[type, name]]) => wordOf(type, name)))].sort((a, b) => RANKS[b] - RANKS[a]);
    const numbers = sheet.states.map(([type, name]) => words.indexOf(wordOf(type, name)));
    const heights = new Float32Array(words.length * columns + words.length);
    for (const at of members) {
      const from = sheet.start[at];
      if (Number.isNaN(from) || from > scene.to) continue;
      const to = sheet.to(at, scene.now);
      if (to < scene.from) continue;
      const word = numbers[sheet.state[at]] * columns;
      const first = Math.max(0, this._x(from) - scene.gutter);
      const last = Math.min(columns, Math.max(this._x(to) - scene.gutter, first + 0.01));
      // What a column is covered by, exactly: the ends count in part, what is between as a whole.
      const [a, b] = [Math.floor(first), Math.min(columns - 1, Math.floor(last))];
      if (a >= columns) continue;
      if (a === b) heights[word + a] += last - first;
      else {
        heights[word + a] += a + 1 - first;
        heights[word + b] += last - b;
        for (let column = a + 1; column < b; column++) heights[word + column] += 1;
      }
    }
    let most = 0;
    for (let column = 0; column < columns; column++) {
      let sum = 0;
      for (let word = 0; word < words.length; word++) sum += heights[word * columns + column];
      if (sum > most) most = sum;
    }
    return { heights, words, most };
  }

  /** Beside it, how many are in which state. */
  _share(row, right, y) {
    const { scene, context } = this;
    this._font(11, 600);
    let x = Math.max(scene.gutter + 8, Math.min(right + 8, scene.width - 8));
    const parts = row.states.slice(0, 5).map(([[type, name], count]) => ({
      text: `${markOf(type, name)} ${count.toLocaleString('en')}${name.toUpperCase() === type ? '' : ` ${name}`}`,
      word: wordOf(type, name),
    }));
    const width = parts.reduce((sum, part) => sum + context.measureText(part.text).width + 10, 0);
    if (x + width > scene.width - 8) {
      x = scene.width - width - 12;
      context.fillStyle = this.colours.surface;
      context.globalAlpha = 0.88;
      context.fillRect(x - 6, y + 4, width + 6, ROW - 8);
      context.globalAlpha = 1;
    }
    for (const part of parts) {
      context.fillStyle = this.colours[part.word];
      context.fillText(part.text, x, y + ROW / 2);
      x += context.measureText(part.text).width + 10;
    }
  }

  _clipped(x, y, width, height, draw) {
    this.context.save();
    this.context.beginPath();
    this.context.rect(x, y, width, height);
    this.context.clip();
    draw();
    this.context.restore();
  }

  _y(number) {
    return HEAD + number * ROW - this.scene.top;
  }

  _x(moment) {
    return this.scene.gutter + this.scene.view.x(this.scene.axis.place(moment));
  }

  _font(size, weight = 400) {
    this.context.font = `${weight} ${size}px ${this.colours.font}`;
  }

  _ground(row, y, number, x, width) {
    const { context, scene } = this;
    const isChosen = scene.current === number;
    if (!isChosen && scene.hovered?.number !== number) return;
    context.globalAlpha = isChosen ? 0.13 : 1;
    context.fillStyle = isChosen ? this.colours.accent : this.colours.hover;
    context.fillRect(x, y, width, ROW);
    context.globalAlpha = 1;
  }

  _cut(text, width) {
    const { context } = this;
    if (context.measureText(text).width <= width) return text;
    let low = 0;
    let high = text.length;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (context.measureText(`${text.slice(0, middle)}…`).width <= width) low = middle;
      else high = middle - 1;
    }
    return `${text.slice(0, low)}…`;
  }
}

const RANKS = {
  cached: 0, completed: 1, cancelled: 2, pending: 3, scheduled: 4, paused: 5, running: 6, crashed: 7, failed: 8,
};

/** The state among several that went worst. */
export function worst(states) {
  return states.reduce((found, [state]) => (RANKS[wordOf(...state)] > RANKS[wordOf(...found)] ? state : found), states[0][0]);
}

/** From when to when any of many runs ran; made once for each version of a sheet and moment. */
export function spanOf(row, now) {
  if (row.span && row.spanNow === now) return row.span;
  const { sheet, members } = row;
  let from = Infinity;
  let to = -Infinity;
  for (const at of members) {
    from = Math.min(from, sheet.from(at));
    to = Math.max(to, Number.isNaN(sheet.start[at]) ? sheet.created[at] : sheet.to(at, now));
  }
  row.spanNow = now;
  row.span = [from, to];
  return row.span;
}

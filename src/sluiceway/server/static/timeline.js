// The timeline of a run. It is drawn on a canvas within an element like
//
//   <div data-timeline data-source="ADDRESS of timeline.json"> … </div>
//
// Where there is no server, as in a file that was saved, the data stand in the page: `data-inline="ID"`.
// `timeline-choose` is sent to the element when somebody chooses a run.

import { Axis, View, durationText, idleGaps, worthFolding } from './timeline/axis.js';
import { HEAD, ROW, spanOf } from './timeline/bars.js';
import { Drawing } from './timeline/drawing.js';
import { Interaction } from './timeline/interaction.js';
import { rowsOf } from './timeline/layout.js';
import { markOf, readPalette, wordOf } from './timeline/palette.js';
import { Sheet } from './timeline/sheet.js';
import { feedOf } from './timeline/feed.js';

const GUTTER = 300;
const NARROW_GUTTER = 150;
const MOST_ROWS_SEEN = 22;

export class Timeline {
  constructor(element) {
    this.element = element;
    this.frame = element.querySelector('[data-timeline-frame]');
    this.tip = element.querySelector('[data-timeline-tip]');
    this.said = element.querySelector('[data-timeline-said]');
    this.canvas = document.createElement('canvas');
    this.canvas.setAttribute('aria-hidden', 'true');
    this.spacer = document.createElement('div');
    this.frame.append(this.canvas, this.spacer);
    this.drawing = new Drawing(this.canvas);
    this.view = new View();
    this.toggledIds = new Set();
    this.childSheets = new Map();
    this.rows = [];
    this.current = 0;
    this.chosen = element.dataset.chosen || null;
    this.chosenSheet = null;
    this.chosenAt = -1;
    this.folding = true;
    this.feed = feedOf(element);
    this.opened = {
      toggled: (id) => this.toggledIds.has(id),
      child: (key) => this._child(key),
    };
    this.interaction = new Interaction(this);
    this._buttons();
    new ResizeObserver(() => this._resize()).observe(this.frame);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this._recolour());
    new MutationObserver(() => this._recolour()).observe(document.documentElement, { attributeFilter: ['data-theme'] });
    this.palette = readPalette(this.element);
    this.ready = this._start();
  }

  async _start() {
    this.sheet = await this.feed.open(null, (sheet) => {
      this.sheet = sheet;
      this.changed();
    });
    this.changed();
    this._keepUp();
  }

  _child(key) {
    if (!this.childSheets.has(key)) {
      this.childSheets.set(key, null);
      this.feed.open(key, (sheet) => {
        this.childSheets.set(key, sheet);
        this.changed();
      });
    }
    return this.childSheets.get(key);
  }

  // --- what there is -----------------------------------------------------------------------------

  get live() {
    return this.feed.live;
  }

  get overflows() {
    return this.rows.length * ROW + HEAD > this.frame.clientHeight + 1;
  }

  /** Lay everything out anew: rows came, or were opened or closed. */
  changed() {
    if (!this.sheet) return;
    this.now = this.feed.now();
    const before = this.rows[this.current]?.id;
    this.rows = rowsOf(this.sheet, this.opened, this.now);
    this.numbers = null;
    const place = before === undefined ? -1 : this.rows.findIndex((row) => row.id === before);
    this.current = place >= 0 ? place : Math.min(this.current, Math.max(0, this.rows.length - 1));
    this._layAxis();
    const seen = Math.min(MOST_ROWS_SEEN, Math.max(4, this.rows.length));
    this.frame.style.height = `${HEAD + seen * ROW + 2}px`;
    this.spacer.style.height = `${Math.max(0, HEAD + this.rows.length * ROW - (HEAD + seen * ROW))}px`;
    if (this.chosen && !this.chosenSheet) this._findChosen();
    this.element.dataset.rows = String(this.rows.length);
    this.element.dataset.runs = String(this.sheet.size);
    this._resize();
  }

  _findChosen() {
    const at = this.sheet.places.get(this.chosen);
    if (at !== undefined) [this.chosenSheet, this.chosenAt] = [this.sheet, at];
  }

  _layAxis() {
    const { sheet, now } = this;
    const order = Array.from({ length: sheet.size }, (_, at) => at).filter((at) => !Number.isNaN(sheet.start[at]));
    order.sort((a, b) => sheet.start[a] - sheet.start[b]);
    const starts = order.map((at) => sheet.start[at]);
    const ends = order.map((at) => sheet.to(at, now));
    const { run } = sheet;
    let from = run.start ?? run.created;
    let to = run.end ?? (this.live ? now : from);
    for (let at = 0; at < sheet.size; at++) {
      from = Math.min(from, sheet.created[at]);
      to = Math.max(to, sheet.to(at, now));
    }
    const gaps = this.folding && starts.length ? worthFolding(idleGaps(starts, ends, from, to), to - from) : [];
    this.axis = new Axis(from, to, gaps);
    this.element.dataset.folds = String(gaps.length);
    if (this.view.fitted) this.view.fit(this.axis);
  }

  // --- drawing -----------------------------------------------------------------------------------

  _resize() {
    this.width = this.frame.clientWidth;
    this.height = this.frame.clientHeight;
    this.gutter = Math.round(Math.min(GUTTER, Math.max(NARROW_GUTTER, this.width * 0.3)));
    this.view.width = Math.max(50, this.width - this.gutter);
    this.canvas.style.width = `${this.width}px`;
    this.canvas.style.height = `${this.height}px`;
    if (this.axis && this.view.fitted) this.view.fit(this.axis);
    this.draw();
  }

  _recolour() {
    this.palette = readPalette(this.element);
    this.draw();
  }

  /** Draw with the next frame, however often it is asked for until then. */
  draw() {
    if (this.waiting || !this.axis) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.drawNow();
    });
  }

  drawNow() {
    this.drawing.draw({
      rows: this.rows, axis: this.axis, view: this.view, palette: this.palette, now: this.now, live: this.live,
      top: this.frame.scrollTop, gutter: this.gutter, width: this.width, height: this.height,
      current: this.focused || this.current === this.chosenNumber() ? this.current : -1, hovered: this.hovered, chosen: this.chosen, lines: this._lines(),
      from: this.axis.moment(this.view.place(0)), to: this.axis.moment(this.view.place(this.view.width)),
    });
  }

  /** What goes into the chosen run, and where what came of it went; each line from row to row. */
  _lines() {
    if (!this.chosenSheet || this.chosenAt < 0) return null;
    this.numbers ??= this._numbers();
    const { chosenSheet: sheet, chosenAt: at, now } = this;
    const row = this._rowOf(sheet, at);
    if (row === undefined) return null;
    const lines = [];
    const add = (first, second, ahead) => {
      const [fromRow, toRow] = [this._rowOf(sheet, first), this._rowOf(sheet, second)];
      if (fromRow === undefined || toRow === undefined) return;
      lines.push({ from: sheet.to(first, now), to: sheet.from(second), fromRow, toRow, ahead });
    };
    for (const key of sheet.inputs[at] ?? []) if (sheet.places.has(key)) add(sheet.places.get(key), at, false);
    for (const later of this._dependents(sheet).get(sheet.keys[at]) ?? []) add(at, later, true);
    return lines.slice(0, 500);
  }

  _dependents(sheet) {
    if (sheet.dependentsVersion === sheet.version) return sheet.dependents;
    sheet.dependents = new Map();
    for (let at = 0; at < sheet.size; at++) {
      for (const key of sheet.inputs[at] ?? []) {
        const found = sheet.dependents.get(key);
        if (found) found.push(at);
        else sheet.dependents.set(key, [at]);
      }
    }
    sheet.dependentsVersion = sheet.version;
    return sheet.dependents;
  }

  /** The number of the row on which each run is drawn, by sheet; a run of a closed row is drawn on that. */
  _numbers() {
    const numbers = new Map();
    this.rows.forEach((row, number) => {
      if (row.kind === 'note') return;
      let known = numbers.get(row.sheet);
      if (!known) numbers.set(row.sheet, (known = new Int32Array(row.sheet.size).fill(-1)));
      if (row.kind === 'step') known[row.at] = number;
      else if (row.kind === 'lane' || !row.open) for (const at of row.members) if (known[at] < 0) known[at] = number;
    });
    return numbers;
  }

  _rowOf(sheet, at) {
    this.numbers ??= this._numbers();
    const number = this.numbers.get(sheet)?.[at];
    return number === undefined || number < 0 ? undefined : number;
  }

  // --- being steered -----------------------------------------------------------------------------

  zoom(factor, x = this.view.width / 2) {
    this.view.zoom(factor, x, this.axis);
    this.draw();
  }

  pan(pixels) {
    this.view.pan(pixels, this.axis);
    this.draw();
  }

  fit() {
    this.view.fit(this.axis);
    this.draw();
  }

  toggle(row) {
    if (!row.openable) return;
    if (!this.toggledIds.delete(row.id)) this.toggledIds.add(row.id);
    this.changed();
    this._say(`${row.label} ${this.rows[this.current]?.open ? 'open' : 'closed'}`);
  }

  moveTo(number) {
    this.current = Math.min(this.rows.length - 1, Math.max(0, number));
    this._scrollTo(this.current);
    const row = this.rows[this.current];
    if (row) this._say(describe(row, this.now));
    this.draw();
  }

  _scrollTo(number) {
    const [top, seen] = [number * ROW, this.frame.clientHeight - HEAD];
    if (top < this.frame.scrollTop) this.frame.scrollTop = top;
    else if (top + ROW > this.frame.scrollTop + seen) this.frame.scrollTop = top + ROW - seen;
  }

  /** Choose a run, by somebody's hand; its lines are drawn, and the page is told. */
  choose(sheet, at) {
    this.chosenSheet = sheet;
    this.chosenAt = at;
    this.chosen = sheet ? sheet.keys[at] : null;
    if (sheet) this._say(describe({ kind: 'step', sheet, at, label: sheet.labels[at] }, this.now));
    const detail = sheet ? { key: sheet.keys[at], run: sheet.run.key, child: sheet.children[at] } : null;
    this.element.dispatchEvent(new CustomEvent('timeline-choose', { detail, bubbles: true }));
    this.draw();
  }

  /** Bring a run into sight. */
  reveal(sheet, at) {
    const x = this.view.x(this.axis.place(sheet.from(at)));
    if (x < 0 || x > this.view.width) this.view.pan(x - this.view.width / 2, this.axis);
    this.draw();
  }

  showRun(sheet, at) {
    this.view.show(this.axis.place(sheet.from(at)), this.axis.place(sheet.to(at, this.now)), this.axis);
    this.draw();
  }

  showChosen() {
    const row = this.rows[this.current];
    if (this.chosenSheet) this.showRun(this.chosenSheet, this.chosenAt);
    else if (row?.kind === 'step') this.showRun(row.sheet, row.at);
    else if (row?.kind === 'fan') {
      const [from, to] = spanOf(row, this.now);
      this.view.show(this.axis.place(from), this.axis.place(to), this.axis);
      this.draw();
    }
  }

  hover(found, point) {
    const same = found?.number === this.hovered?.number && found?.at === this.hovered?.at;
    this.hovered = found;
    if (this.tip) this._showTip(found, point);
    if (!same) this.draw();
  }

  _showTip(found, point) {
    this.tip.hidden = !found || found.row.kind === 'note' || (found.row.kind === 'lane' && found.at < 0);
    if (this.tip.hidden) return;
    const row = found.at >= 0 ? { kind: 'step', sheet: found.row.sheet, at: found.at, label: found.row.sheet.labels[found.at] } : found.row;
    this.tip.textContent = describe(row, this.now);
    const x = Math.min(point.x + 14, this.width - this.tip.offsetWidth - 8);
    const above = point.y + this.tip.offsetHeight + 24 > this.height;
    this.tip.style.left = `${Math.max(4, x)}px`;
    this.tip.style.top = `${above ? point.y - this.tip.offsetHeight - 10 : point.y + 16}px`;
  }

  /** The number of the row of the chosen run. */
  chosenNumber() {
    return this.chosenSheet ? (this._rowOf(this.chosenSheet, this.chosenAt) ?? -2) : -2;
  }

  get focused() {
    return document.activeElement === this.frame && this.frame.matches(':focus-visible');
  }

  _say(text) {
    if (this.said) this.said.textContent = text;
  }

  _buttons() {
    const acts = {
      fit: () => this.fit(),
      in: () => this.zoom(1.6),
      out: () => this.zoom(1 / 1.6),
      fold: (button) => {
        this.folding = !this.folding;
        button.setAttribute('aria-pressed', String(this.folding));
        this.view.fitted = true;
        this.changed();
      },
      open: () => {
        for (const row of this.rows) if (row.openable && !row.open) this._flip(row.id);
        this.changed();
      },
      close: () => {
        for (const row of this.rows) if (row.openable && row.open) this._flip(row.id);
        this.changed();
      },
    };
    for (const button of this.element.querySelectorAll('button[data-timeline-act]')) {
      button.addEventListener('click', () => acts[button.dataset.timelineAct](button));
    }
  }

  _flip(id) {
    if (!this.toggledIds.delete(id)) this.toggledIds.add(id);
  }

  // --- keeping up --------------------------------------------------------------------------------

  _keepUp() {
    this.feed.follow(() => this.changed());
    const tick = () => {
      if (this.live && !document.hidden) {
        this.now = this.feed.now();
        if (this.view.fitted || this.axis.to < this.now) this._layAxis();
        this.draw();
      }
      if (this.live) setTimeout(tick, this.sheet.size > 20_000 ? 2_000 : 250);
    };
    tick();
  }
}

/** What a row says, in words. */
export function describe(row, now) {
  if (row.kind === 'note') return row.label;
  if (row.kind !== 'step') {
    const [from, to] = spanOf(row, now);
    const states = (row.states ?? []).map(([[type, name], count]) => `${markOf(type, name)} ${count.toLocaleString('en')} ${name}`);
    return [`${row.label} ×${row.members.length.toLocaleString('en')}`, durationText(Math.max(0, to - from)), ...states].join('\n');
  }
  const { sheet, at } = row;
  const lines = [`${row.label}`, `${markOf(sheet.typeOf(at), sheet.nameOf(at))} ${sheet.nameOf(at)}`];
  if (!Number.isNaN(sheet.start[at])) {
    lines[1] += `, took ${durationText(sheet.to(at, now) - sheet.start[at])}`;
    const waited = sheet.start[at] - sheet.created[at];
    if (waited > 1_000) lines.push(`waited ${durationText(waited)} before it started`);
  }
  if (sheet.count[at] > 1) lines.push(`${sheet.count[at]} attempts`);
  return lines.join('\n');
}

for (const element of document.querySelectorAll('[data-timeline]')) element.timeline = new Timeline(element);

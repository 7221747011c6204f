// Drawing: only the rows in sight, only what of them is in sight, and nothing twice on the same pixel.

import { durationText, ticks } from './axis.js';
import { Bars, HEAD, ROW, spanOf, worst } from './bars.js';
import { markOf, wordOf } from './palette.js';

const INDENT = 14;

export class Drawing extends Bars {
  /** Draw what is in sight of a scene: `rows, axis, view, palette, now, top, gutter, width, height, chosen, hovered, lines`. */
  draw(scene) {
    const { context } = this;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(scene.width * ratio), Math.round(scene.height * ratio)];
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.scene = scene;
    this.colours = scene.palette;
    context.fillStyle = this.colours.surface;
    context.fillRect(0, 0, scene.width, scene.height);
    context.textBaseline = 'middle';
    this.marks = ticks(scene.axis, scene.view);
    const first = Math.max(0, Math.floor(scene.top / ROW));
    const last = Math.min(scene.rows.length, Math.ceil((scene.top + scene.height - HEAD) / ROW));
    this._clipped(scene.gutter, HEAD, scene.width - scene.gutter, scene.height - HEAD, () => {
      this._grid();
      for (let number = first; number < last; number++) this._track(scene.rows[number], this._y(number), number);
      if (scene.lines) this._lines(scene.lines);
      this._nowLine();
    });
    this._clipped(0, HEAD, scene.gutter, scene.height - HEAD, () => {
      for (let number = first; number < last; number++) this._label(scene.rows[number], this._y(number), number);
    });
    this._head();
  }

  // --- the frame ---------------------------------------------------------------------------------

  _grid() {
    const { context, scene } = this;
    context.strokeStyle = this.colours.line;
    context.lineWidth = 1;
    context.beginPath();
    for (const mark of this.marks) {
      const x = Math.round(scene.gutter + mark.x) + 0.5;
      context.moveTo(x, HEAD);
      context.lineTo(x, scene.height);
    }
    context.stroke();
    for (const [from, to] of scene.axis.folds) {
      const [left, right] = [this._x(from), this._x(to)];
      context.fillStyle = this.colours.sunken;
      context.fillRect(left, HEAD, right - left, scene.height);
      context.strokeStyle = this.colours['line-strong'];
      context.setLineDash([3, 4]);
      context.beginPath();
      context.moveTo(Math.round((left + right) / 2) + 0.5, HEAD);
      context.lineTo(Math.round((left + right) / 2) + 0.5, scene.height);
      context.stroke();
      context.setLineDash([]);
    }
  }

  _head() {
    const { context, scene } = this;
    context.fillStyle = this.colours.surface;
    context.fillRect(0, 0, scene.width, HEAD);
    this._font(11);
    context.fillStyle = this.colours.soft;
    context.textAlign = 'center';
    this._clipped(scene.gutter, 0, scene.width - scene.gutter, HEAD, () => {
      for (const mark of this.marks) context.fillText(mark.label, scene.gutter + mark.x, HEAD / 2);
      for (const [from, to] of scene.axis.folds) {
        const middle = (this._x(from) + this._x(to)) / 2;
        if (middle < scene.gutter || middle > scene.width) continue;
        const text = `⋯ ${durationText(to - from)} idle ⋯`;
        const width = context.measureText(text).width + 10;
        const x = Math.max(scene.gutter + width / 2, Math.min(middle, scene.width - width / 2));
        context.fillStyle = this.colours.sunken;
        context.fillRect(x - width / 2, 5, width, HEAD - 10);
        context.fillStyle = this.colours.soft;
        context.fillText(text, x, HEAD / 2);
      }
    });
    context.textAlign = 'left';
    context.fillStyle = this.colours.soft;
    this._font(11, 600);
    context.fillText('Step', 12, HEAD / 2);
    context.textAlign = 'right';
    context.fillText('Took', scene.gutter - 10, HEAD / 2);
    context.textAlign = 'left';
    context.strokeStyle = this.colours['line-strong'];
    context.beginPath();
    context.moveTo(0, HEAD - 0.5);
    context.lineTo(scene.width, HEAD - 0.5);
    context.moveTo(scene.gutter - 0.5, 0);
    context.lineTo(scene.gutter - 0.5, scene.height);
    context.stroke();
  }

  _nowLine() {
    const { context, scene } = this;
    if (!scene.live) return;
    const x = Math.round(this._x(scene.now)) + 0.5;
    context.strokeStyle = this.colours.running;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(x, HEAD);
    context.lineTo(x, scene.height);
    context.stroke();
  }

  // --- labels ------------------------------------------------------------------------------------

  _label(row, y, number) {
    const { context, scene } = this;
    this._ground(row, y, number, 0, scene.gutter);
    const middle = y + ROW / 2;
    let x = 12 + row.depth * INDENT;
    if (row.openable) this._triangle(x + 4, middle, row.open);
    x += 16;
    if (row.kind === 'lane' || row.kind === 'note') {
      this._font(11);
      context.fillStyle = this.colours.soft;
      context.fillText(row.kind === 'lane' ? `lane ${row.label}` : row.label, x, middle);
      return;
    }
    const [type, name] = row.kind === 'step' ? [row.sheet.typeOf(row.at), row.sheet.nameOf(row.at)] : worst(row.states);
    this._font(12);
    context.fillStyle = this.colours[wordOf(type, name)];
    context.fillText(markOf(type, name), x, middle);
    x += 17;
    this._font(12);
    const took = this._took(row);
    context.textAlign = 'right';
    context.fillStyle = this.colours.soft;
    context.fillText(took, scene.gutter - 10, middle);
    const end = scene.gutter - 18 - context.measureText(took).width;
    context.textAlign = 'left';
    const suffix = this._suffix(row);
    const strong = row.kind === 'fan' || (row.kind === 'step' && row.sheet.children[row.at] !== null);
    this._font(12.5, strong ? 600 : 400);
    const suffixWidth = suffix ? context.measureText(suffix).width + 8 : 0;
    const label = this._cut(row.label, end - x - suffixWidth);
    context.fillStyle = this.colours.text;
    context.fillText(label, x, middle);
    if (suffix) {
      x += context.measureText(label).width + 8;
      context.fillStyle = this.colours.soft;
      context.fillText(suffix, x, middle);
    }
  }

  _suffix(row) {
    if (row.kind === 'fan') return `×${row.members.length.toLocaleString('en')}`;
    return row.sheet.count[row.at] > 1 ? `↻${row.sheet.count[row.at]}` : '';
  }

  _took(row) {
    const { now } = this.scene;
    if (row.kind === 'step') {
      const { sheet, at } = row;
      return Number.isNaN(sheet.start[at]) ? '–' : durationText(sheet.to(at, now) - sheet.start[at]);
    }
    const [from, to] = spanOf(row, now);
    return to > from ? durationText(to - from) : '–';
  }

  _triangle(x, y, open) {
    const { context } = this;
    context.fillStyle = this.colours.soft;
    context.beginPath();
    if (open) {
      context.moveTo(x - 4.5, y - 2.5);
      context.lineTo(x + 4.5, y - 2.5);
      context.lineTo(x, y + 3.5);
    } else {
      context.moveTo(x - 2.5, y - 4.5);
      context.lineTo(x + 3.5, y);
      context.lineTo(x - 2.5, y + 4.5);
    }
    context.fill();
  }

  // --- what depends on what ----------------------------------------------------------------------

  _lines(lines) {
    const { context, scene } = this;
    context.lineWidth = 1.5;
    for (const { from, to, fromRow, toRow, ahead } of lines) {
      const [x1, y1] = [this._x(from), this._y(fromRow) + ROW / 2];
      const [x2, y2] = [this._x(to), this._y(toRow) + ROW / 2];
      if (Math.max(y1, y2) < 0 || Math.min(y1, y2) > scene.height) continue;
      const bend = Math.max(24, Math.min(120, Math.abs(x2 - x1) / 2));
      context.strokeStyle = ahead ? this.colours.pending : this.colours.accent;
      context.globalAlpha = 0.85;
      context.beginPath();
      context.moveTo(x1, y1);
      context.bezierCurveTo(x1 + bend, y1, x2 - bend, y2, x2, y2);
      context.stroke();
      context.fillStyle = context.strokeStyle;
      context.beginPath();
      context.moveTo(x2 + 1, y2);
      context.lineTo(x2 - 7, y2 - 4);
      context.lineTo(x2 - 7, y2 + 4);
      context.fill();
      context.globalAlpha = 1;
    }
  }
}

// What pointer, wheel and keyboard do to the timeline.

import { HEAD, ROW } from './bars.js';
import { firstAfter } from './layout.js';

const WHEEL_ZOOM = 0.0018;
const KEY_ZOOM = 1.5;

export class Interaction {
  /** @param {object} board what is steered: see `Timeline` */
  constructor(board) {
    this.board = board;
    this.drag = null;
    const { frame } = board;
    frame.addEventListener('wheel', (event) => this._wheel(event), { passive: false });
    frame.addEventListener('pointerdown', (event) => this._down(event));
    frame.addEventListener('pointermove', (event) => this._move(event));
    frame.addEventListener('pointerup', (event) => this._up(event));
    frame.addEventListener('pointercancel', () => (this.drag = null));
    frame.addEventListener('pointerleave', () => board.hover(null));
    frame.addEventListener('dblclick', (event) => this._double(event));
    frame.addEventListener('keydown', (event) => this._key(event));
    for (const kind of ['scroll', 'focus', 'blur']) frame.addEventListener(kind, () => board.draw());
  }

  _point(event) {
    const box = this.board.canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  /** What is at a point: the row, and which of its runs. */
  hit(x, y) {
    const { board } = this;
    if (y < HEAD) return null;
    const number = Math.floor((y - HEAD + board.frame.scrollTop) / ROW);
    const row = board.rows[number];
    if (!row) return null;
    return { number, row, at: this._runAt(row, x), label: x < board.gutter };
  }

  _runAt(row, x) {
    if (row.kind === 'step') return row.at;
    if (row.kind !== 'lane' || x < this.board.gutter) return -1;
    const { axis, view, now, gutter } = this.board;
    const reach = 2 / view.scale;
    const place = view.place(x - gutter);
    const at = row.members[firstAfter(row.sheet, row.members, axis.moment(place - reach), now)];
    if (at === undefined || axis.place(row.sheet.start[at]) > place + reach) return -1;
    return at;
  }

  _wheel(event) {
    const { board } = this;
    const { x, y } = this._point(event);
    const amount = event.deltaMode === 1 ? event.deltaY * 16 : event.deltaY;
    if (event.ctrlKey || event.metaKey || event.altKey || y < HEAD) {
      event.preventDefault();
      board.zoom(Math.exp(-amount * WHEEL_ZOOM * (event.ctrlKey && Math.abs(amount) < 40 ? 4 : 1)), x - board.gutter);
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      board.pan(event.deltaX || amount);
    } else if (!board.overflows && x > board.gutter) {
      // Nothing to scroll up or down: the wheel zooms.
      event.preventDefault();
      board.zoom(Math.exp(-amount * WHEEL_ZOOM), x - board.gutter);
    }
  }

  _down(event) {
    if (event.button !== 0) return;
    const point = this._point(event);
    if (point.x > this.board.frame.clientWidth) return; // the scroll bar
    this.drag = { ...point, last: point, moved: false };
    this.board.frame.setPointerCapture(event.pointerId);
  }

  _move(event) {
    const point = this._point(event);
    const { drag, board } = this;
    if (!drag) {
      board.hover(this.hit(point.x, point.y), point);
      return;
    }
    if (!drag.moved && Math.hypot(point.x - drag.x, point.y - drag.y) < 4) return;
    drag.moved = true;
    board.hover(null);
    board.frame.scrollTop -= point.y - drag.last.y;
    board.pan(drag.last.x - point.x);
    drag.last = point;
  }

  _up(event) {
    const { drag, board } = this;
    this.drag = null;
    if (!drag || drag.moved) return;
    const { x, y } = this._point(event);
    const found = this.hit(x, y);
    if (!found) return;
    board.current = found.number;
    const { row, at, label } = found;
    if (row.openable && (row.kind === 'fan' || (label && x < 12 + row.depth * 14 + 18))) board.toggle(row);
    else if (at >= 0) board.choose(row.sheet, at);
    else board.draw();
  }

  _double(event) {
    const { x, y } = this._point(event);
    const found = this.hit(x, y);
    if (found?.at >= 0) this.board.showRun(found.row.sheet, found.at);
  }

  _key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const action = this._actions(event)[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }

  _actions(event) {
    const { board } = this;
    const row = board.rows[board.current];
    const sideways = event.shiftKey && row?.kind === 'lane';
    const page = Math.max(1, Math.floor(board.frame.clientHeight / ROW) - 2);
    return {
      ArrowDown: () => board.moveTo(board.current + 1),
      ArrowUp: () => board.moveTo(board.current - 1),
      PageDown: () => board.moveTo(board.current + page),
      PageUp: () => board.moveTo(board.current - page),
      Home: () => board.moveTo(0),
      End: () => board.moveTo(board.rows.length - 1),
      ArrowRight: () => (sideways ? this._along(row, 1) : board.pan(80)),
      ArrowLeft: () => (sideways ? this._along(row, -1) : board.pan(-80)),
      '+': () => board.zoom(KEY_ZOOM),
      '=': () => board.zoom(KEY_ZOOM),
      '-': () => board.zoom(1 / KEY_ZOOM),
      0: () => board.fit(),
      f: () => board.showChosen(),
      ' ': () => row && board.toggle(row),
      Enter: () => this._enter(row),
      Escape: () => board.choose(null, -1),
    };
  }

  _enter(row) {
    if (!row) return;
    if (row.kind === 'step') this.board.choose(row.sheet, row.at);
    else if (row.kind === 'lane') this._along(row, 0);
    else this.board.toggle(row);
  }

  /** Choose the next run of a lane, or the one before. */
  _along(row, by) {
    const { board } = this;
    const chosen = row.sheet === board.chosenSheet ? row.members.indexOf(board.chosenAt) : -1;
    const place = chosen < 0 ? 0 : Math.min(row.members.length - 1, Math.max(0, chosen + by));
    board.choose(row.sheet, row.members[place]);
    board.reveal(row.sheet, row.members[place]);
  }
}

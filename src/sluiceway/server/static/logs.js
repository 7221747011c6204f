// The log of a run: a list of which only what is in sight is there, however many lines the run has logged.
//
// The server is asked for stretches by position. Lines have one height; a longer text is shown in full below.

const HEIGHT = 20;
const STRETCH = 200;
const KEPT = 60;

/** Browsers draw no element that is higher than some millions of pixels: beyond, the scroll bar is to scale. */
const MOST_PIXELS = 6_000_000;

const LOOK_AGAIN = 1_000;
const ROWS_SEEN = 30;

export class LogList {
  constructor(element) {
    this.element = element;
    this.frame = element.querySelector('[data-logs-frame]');
    this.full = element.querySelector('[data-logs-full]');
    this.count = element.querySelector('[data-logs-count]');
    this.buttons = Object.fromEntries([...element.querySelectorAll('[data-logs-act]')].map((one) => [one.dataset.logsAct, one]));
    this.sight = document.createElement('div');
    this.sight.className = 'logs-sight';
    this.spacer = document.createElement('div');
    this.frame.append(this.sight, this.spacer);
    this.stretches = new Map();
    this.names = {};
    this.total = 0;
    this.first = 0;
    this.chosen = -1;
    this.following = false;
    this._listen();
    this.ready = this._look();
  }

  // --- what there is -----------------------------------------------------------------------------

  async _look() {
    const answer = await fetch(this.element.dataset.outline);
    if (!answer.ok) return;
    const outline = await answer.json();
    const before = this.total;
    this.outline = outline;
    this.total = outline.total;
    if (this.total !== before && before % STRETCH) this.stretches.delete(Math.floor(before / STRETCH));
    this._tell();
    if (this.total) this._begin();
    if (this.following) this.first = this._last();
    this._sizes();
    this.draw();
    if (outline.live) setTimeout(() => this._lookSoon(), LOOK_AGAIN);
  }

  async _lookSoon() {
    if (document.hidden) {
      setTimeout(() => this._lookSoon(), LOOK_AGAIN);
      return;
    }
    try {
      await this._look();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      setTimeout(() => this._lookSoon(), 5 * LOOK_AGAIN); // the server is not there just now
    }
  }

  _begin() {
    this.frame.hidden = false;
    this.element.querySelector('[data-logs-plain]').hidden = true;
    this.buttons.top.hidden = false;
    this.buttons.tail.hidden = false;
    this.buttons.error.hidden = this.outline.firstError === null;
  }

  _tell() {
    const { total, errors, warnings } = this.outline;
    const parts = [`${total.toLocaleString('en')} ${total === 1 ? 'line' : 'lines'}`];
    if (errors) parts.push(`${errors.toLocaleString('en')} ${errors === 1 ? 'error' : 'errors'}`);
    if (warnings > errors) parts.push(`${(warnings - errors).toLocaleString('en')} ${warnings - errors === 1 ? 'warning' : 'warnings'}`);
    const text = parts.join(' · ');
    if (this.count.textContent !== text) this.count.textContent = text;
    this.element.dataset.total = String(total);
  }

  /** The line at a position, if it is here; if not, its stretch is asked for. */
  _line(position) {
    const number = Math.floor(position / STRETCH);
    const found = this.stretches.get(number);
    if (!found) {
      this._fetch(number);
      return null;
    }
    return found.lines?.[position - number * STRETCH] ?? null;
  }

  async _fetch(number) {
    const stretch = { lines: null };
    this.stretches.set(number, stretch);
    const address = new URL(this.element.dataset.source, document.baseURI);
    address.searchParams.set('position', number * STRETCH);
    address.searchParams.set('limit', STRETCH);
    try {
      const answer = await fetch(address);
      if (!answer.ok) throw new TypeError(`${address.pathname} answers ${answer.status}`);
      const page = await answer.json();
      Object.assign(this.names, page.names);
      stretch.lines = page.lines;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      setTimeout(() => this.stretches.delete(number), LOOK_AGAIN);
      return;
    }
    this._forget();
    this.draw();
  }

  /** Let go of the stretches that are farthest away. */
  _forget() {
    if (this.stretches.size <= KEPT) return;
    const here = this.first / STRETCH;
    const far = [...this.stretches.keys()].sort((a, b) => Math.abs(b - here) - Math.abs(a - here));
    for (const number of far.slice(0, this.stretches.size - KEPT)) this.stretches.delete(number);
  }

  // --- where it is -------------------------------------------------------------------------------

  get seen() {
    return this.frame.clientHeight / HEIGHT;
  }

  _last() {
    return Math.max(0, this.total - this.seen);
  }

  _sizes() {
    const rows = Math.min(ROWS_SEEN, Math.max(8, this.total));
    this.frame.style.height = `${rows * HEIGHT}px`;
    this.pixels = Math.min(MOST_PIXELS, this.total * HEIGHT);
    this.sight.style.height = `${this.frame.clientHeight}px`;
    this.spacer.style.height = `${Math.max(0, this.pixels - this.frame.clientHeight)}px`;
    this._place();
  }

  /** Put the scroll bar where the first line in sight says. */
  _place() {
    const room = this.pixels - this.frame.clientHeight;
    const top = this._last() ? (this.first / this._last()) * room : 0;
    this.expected = Math.round(Math.min(room, Math.max(0, top)));
    if (Math.abs(this.frame.scrollTop - this.expected) >= 1) this.frame.scrollTop = this.expected;
  }

  go(first) {
    this.first = Math.min(this._last(), Math.max(0, first));
    this.follow(this.first >= this._last() - 0.5 && this.outline.live && this.following);
    this._place();
    this.draw();
  }

  /** Show a line in the middle, and choose it. */
  show(position) {
    this.follow(false);
    this.choose(position);
    this.go(position - this.seen / 3);
  }

  follow(wanted) {
    this.following = wanted;
    this.buttons.tail.setAttribute('aria-pressed', String(wanted));
  }

  // --- drawing -----------------------------------------------------------------------------------

  draw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.drawNow();
    });
  }

  drawNow() {
    const from = Math.floor(this.first);
    const to = Math.min(this.total, Math.ceil(this.first + this.seen) + 1);
    const rows = [];
    for (let position = from; position < to; position++) rows.push(this._row(position, (position - this.first) * HEIGHT));
    this.sight.replaceChildren(...rows);
    this.frame.setAttribute('aria-rowcount', String(this.total));
    this.element.dataset.first = String(from);
  }

  _row(position, top) {
    const line = this._line(position);
    const row = document.createElement('div');
    row.className = `line l-${line ? line[1] : 'debug'}${position === this.chosen ? ' chosen' : ''}`;
    row.style.transform = `translateY(${top}px)`;
    row.dataset.position = position;
    row.setAttribute('role', 'row');
    row.setAttribute('aria-rowindex', String(position + 1));
    cell(row, 'line-number', (position + 1).toLocaleString('en'));
    if (!line) {
      cell(row, 'line-text', '…');
      return row;
    }
    const [moment, , level, step, text] = line;
    const time = cell(row, 'line-time', clock(moment));
    time.title = new Date(moment / 1_000).toISOString();
    cell(row, 'line-level', level);
    const end = text.indexOf('\n');
    const content = cell(row, 'line-text', end < 0 ? text : text.slice(0, end));
    if (end >= 0) {
      const more = document.createElement('span');
      more.className = 'line-more';
      more.textContent = `+${text.split('\n').length - 1} lines`;
      content.append(' ', more);
    }
    if (step) {
      const owner = document.createElement('a');
      owner.className = 'line-step';
      owner.href = this.element.dataset.step.replace('STEP', step);
      owner.textContent = this.names[step] ?? 'step';
      owner.tabIndex = -1;
      row.append(owner);
    }
    return row;
  }

  /** Choose a line: its text is shown in full. */
  choose(position) {
    this.chosen = position;
    this._showFull();
    this.draw();
  }

  async _showFull() {
    const { chosen } = this;
    let line = chosen < 0 ? null : this._line(chosen);
    for (let wait = 0; chosen >= 0 && !line && wait < 100 && chosen === this.chosen; wait++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      line = this._line(chosen);
    }
    if (chosen !== this.chosen) return;
    this.full.hidden = !line;
    if (!line) return;
    const [moment, , level, step, text] = line;
    const heading = document.createElement('p');
    heading.className = 'soft small';
    heading.textContent = `Line ${(chosen + 1).toLocaleString('en')} · ${level} · ${new Date(moment / 1_000).toLocaleString()}${step ? ` · ${this.names[step] ?? ''}` : ''}`;
    const body = document.createElement('pre');
    body.className = 'block';
    body.tabIndex = 0;
    body.textContent = text;
    this.full.replaceChildren(heading, body);
  }

  // --- being steered -----------------------------------------------------------------------------

  _listen() {
    const { frame } = this;
    frame.addEventListener('scroll', () => {
      if (Math.abs(frame.scrollTop - this.expected) < 1) return;
      const room = this.pixels - frame.clientHeight;
      this.expected = frame.scrollTop;
      this.first = this.pixels < MOST_PIXELS ? frame.scrollTop / HEIGHT : (frame.scrollTop / Math.max(1, room)) * this._last();
      if (this.first < this._last() - 1) this.follow(false);
      this.draw();
    });
    frame.addEventListener('wheel', (event) => {
      // To scale, the scroll bar would leap over thousands of lines.
      if (this.pixels < MOST_PIXELS || event.ctrlKey) return;
      event.preventDefault();
      this.go(this.first + (event.deltaMode === 1 ? event.deltaY : event.deltaY / HEIGHT));
    }, { passive: false });
    frame.addEventListener('click', (event) => {
      const row = event.target.closest('.line');
      if (row && !event.target.closest('a') && !String(getSelection())) this.choose(Number(row.dataset.position));
    });
    frame.addEventListener('keydown', (event) => this._key(event));
    new ResizeObserver(() => this.outline && (this._sizes(), this.draw())).observe(frame);
    this.buttons.error.addEventListener('click', () => this.show(this.outline.firstError));
    this.buttons.top.addEventListener('click', () => this.go(0));
    this.buttons.tail.addEventListener('click', () => {
      this.follow(!this.following);
      if (this.following) this.go(this._last());
    });
  }

  _key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.floor(this.seen) - 1;
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    const move = moves[event.key];
    if (move === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const from = this.chosen < 0 ? Math.floor(this.first) - (move === 1 ? 1 : 0) : this.chosen;
    const to = Math.min(this.total - 1, Math.max(0, from + move));
    this.choose(to);
    if (to < this.first) this.go(to);
    else if (to > this.first + this.seen - 1) this.go(to - this.seen + 1);
  }
}

function cell(row, name, text) {
  const part = document.createElement('span');
  part.className = name;
  part.setAttribute('role', 'cell');
  part.textContent = text;
  row.append(part);
  return part;
}

function clock(moment) {
  const when = new Date(moment / 1_000);
  const two = (number) => String(number).padStart(2, '0');
  return `${two(when.getHours())}:${two(when.getMinutes())}:${two(when.getSeconds())}.${String(when.getMilliseconds()).padStart(3, '0')}`;
}

for (const element of document.querySelectorAll('[data-logs]')) element.logs = new LogList(element);

// The task runs of one flow run, in columns: typed arrays that grow, so that 100,000 of them stay small and quick.

export const NEVER = Infinity;

const FINAL = new Set(['COMPLETED', 'FAILED', 'CRASHED', 'CANCELLED']);

export class Sheet {
  /** @param {object} run what is known of the flow run: `key`, `label`, `created`, `start`, `end`, in microseconds */
  constructor(run) {
    this.run = run;
    this.size = 0;
    this.version = 0;
    this.tasks = [];
    this.states = [];
    this.keys = [];
    this.labels = [];
    this.children = [];
    this.inputs = [];
    this.segments = new Map();
    this.places = new Map();
    this._taskNumbers = new Map();
    this._stateNumbers = new Map();
    this._parents = [];
    this._room(256);
  }

  _room(capacity) {
    const grown = (Kind, before) => {
      const array = new Kind(capacity);
      if (before) array.set(before);
      return array;
    };
    this.created = grown(Float64Array, this.created);
    this.start = grown(Float64Array, this.start);
    this.end = grown(Float64Array, this.end);
    this.task = grown(Uint32Array, this.task);
    this.state = grown(Uint16Array, this.state);
    this.count = grown(Uint32Array, this.count);
    this.capacity = capacity;
  }

  /** Take over a page of rows: new ones are added, known ones brought up to date. */
  take(page) {
    if (page.run) this.run = page.run;
    const tasks = page.tasks.map((name) => number(this._taskNumbers, this.tasks, name, name));
    const states = page.states.map((state) => number(this._stateNumbers, this.states, state.join(' '), state));
    for (let row = 0; row < page.key.length; row++) {
      const at = this._place(page.key[row]);
      this.created[at] = page.created[row];
      this.start[at] = page.start[row] ?? NaN;
      this.end[at] = page.end[row] ?? NaN;
      this.task[at] = tasks[page.task[row]];
      this.state[at] = states[page.state[row]];
      this.count[at] = page.count[row];
      this.labels[at] = page.label[row];
      this._parents[at] = page.parent[row];
      this.children[at] = page.child[row];
      this.inputs[at] = page.inputs[row] ?? null;
      const segments = page.segments[row];
      if (segments) this.segments.set(at, segments.map(([state, moment]) => [states[state], moment]));
    }
    this.version += 1;
  }

  _place(key) {
    let at = this.places.get(key);
    if (at === undefined) {
      at = this.size++;
      if (at === this.capacity) this._room(2 * this.capacity);
      this.keys[at] = key;
      this.places.set(key, at);
    }
    return at;
  }

  /** The place of the task run that called another one; -1 for the flow itself. */
  parent(at) {
    const key = this._parents[at];
    return key === null ? -1 : (this.places.get(key) ?? -1);
  }

  typeOf(at) {
    return this.states[this.state[at]][0];
  }

  nameOf(at) {
    return this.states[this.state[at]][1];
  }

  ended(at) {
    return FINAL.has(this.typeOf(at));
  }

  /** When a run began to take room: when it started, or, before that, when it was called. */
  from(at) {
    return Number.isNaN(this.start[at]) ? this.created[at] : this.start[at];
  }

  /** Where the bar of a run ends. */
  to(at, now) {
    if (!Number.isNaN(this.end[at])) return Math.max(this.end[at], this.from(at));
    return this.ended(at) ? this.from(at) : Math.max(now, this.from(at));
  }

  /**
   * Call a function with each part of a run: its state, from when to when, and the state that came next.
   * A run that was never retried has two at most: it waited, and it ran.
   */
  parts(at, now, call) {
    const end = this.to(at, now);
    const history = this.segments.get(at);
    if (history) {
      history.forEach(([state, moment], place) => {
        const next = history[place + 1];
        if (FINAL.has(this.states[state][0])) return;
        call(this.states[state][0], moment, next ? next[1] : end, next ? this.states[next[0]] : null);
      });
      return;
    }
    const began = this.start[at];
    if (Number.isNaN(began)) {
      if (!this.ended(at)) call('PENDING', this.created[at], end, null);
      return;
    }
    if (began > this.created[at]) call('PENDING', this.created[at], began, ['RUNNING', 'Running']);
    call('RUNNING', began, end, this.ended(at) ? this.states[this.state[at]] : null);
  }
}

function number(numbers, list, key, value) {
  let found = numbers.get(key);
  if (found === undefined) {
    found = list.push(value) - 1;
    numbers.set(key, found);
  }
  return found;
}

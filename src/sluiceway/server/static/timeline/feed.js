// Where the data of a timeline come from: a server, page by page and then what has changed; or the page itself.

import { Sheet } from './sheet.js';

/** How many runs that have not ended are asked for by name; of more, all that were called after them are. */
const NAMED = 50;

const LEAST_PAUSE = 500;
const MOST_PAUSE = 10_000;

/** Return the feed of a timeline: `open(key, changed)`, `follow(changed)`, `now()`, `live`. */
export function feedOf(element) {
  const { source, inline } = element.dataset;
  return inline ? new InlineFeed(JSON.parse(document.getElementById(inline).textContent)) : new ServerFeed(source);
}

class InlineFeed {
  constructor(data) {
    this.data = data;
    this.live = false;
  }

  now() {
    return this.data.now;
  }

  async open(key, changed) {
    const page = this.data.runs[key ?? this.data.key];
    const sheet = new Sheet(page ? page.run : { key });
    if (page) sheet.take(page);
    changed(sheet);
    return sheet;
  }

  follow() {}
}

class ServerFeed {
  /** @param {string} source the address of the run's data; those of child runs are beside it */
  constructor(source) {
    this.source = source;
    this.live = true;
    this.offset = 0;
    this.known = [];
  }

  now() {
    return Date.now() * 1_000 + this.offset;
  }

  async open(key, changed) {
    const source = key === null ? this.source : this.source.replace(/[^/]+(?=\/timeline\.json$)/, key);
    let sheet = null;
    let cursor = null;
    do {
      const page = await this._read(source, cursor ? { after: cursor } : {});
      sheet ??= new Sheet(page.run);
      sheet.take(page);
      cursor = page.cursor;
      // Long runs are shown as they come, though not anew for each page.
      if (!cursor || sheet.size % 20_000 < page.key.length) changed(sheet);
    } while (cursor);
    this.known.push({ sheet, source, done: sheet.run.end !== null });
    if (key === null) this.live = sheet.run.end === null;
    return sheet;
  }

  async _read(source, asked) {
    const address = new URL(source, document.baseURI);
    for (const [name, value] of Object.entries(asked)) address.searchParams.set(name, value);
    const answer = await fetch(address, { headers: { accept: 'application/json' } });
    if (!answer.ok) throw new Error(`${address.pathname} answers ${answer.status}`);
    const page = await answer.json();
    this.offset = page.now - Date.now() * 1_000;
    return page;
  }

  /** Ask for what has changed until the run has ended, less often the longer the answers take. */
  follow(changed) {
    let pause = LEAST_PAUSE;
    const look = async () => {
      const began = performance.now();
      try {
        if (!document.hidden) await this._catchUp(changed);
        pause = Math.min(MOST_PAUSE, Math.max(LEAST_PAUSE, 5 * (performance.now() - began)));
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
        pause = Math.min(MOST_PAUSE, 2 * pause); // the server is not there just now
      }
      if (this.live) setTimeout(look, pause);
    };
    if (this.live) setTimeout(look, pause);
  }

  async _catchUp(changed) {
    for (const one of this.known) {
      if (one.done) continue;
      const { sheet } = one;
      const over = sheet.run.end !== null;
      let asked = this._asked(sheet);
      do {
        const page = await this._read(one.source, asked);
        sheet.take(page);
        asked = page.cursor ? { after: page.cursor } : null;
      } while (asked);
      // What was written with the end of the run is there with the answer after that.
      one.done = over;
    }
    this.live = !this.known[0].done;
    changed();
  }

  /** Ask for what was called since, and for what had not ended. */
  _asked(sheet) {
    const open = [];
    let last = '';
    for (let at = 0; at < sheet.size; at++) {
      if (sheet.keys[at] > last) last = sheet.keys[at];
      if (!sheet.ended(at)) open.push(sheet.keys[at]);
    }
    open.sort();
    const asked = {};
    if (open.length) asked.keys = open.slice(0, NAMED).join(',');
    if (open.length > NAMED) asked.after = `timeline.${open[NAMED - 1]}`;
    else if (last) asked.after = `timeline.${last}`;
    return asked;
  }
}

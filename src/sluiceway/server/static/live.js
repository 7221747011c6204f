// Keeps a page fresh: one stream of events tells that something has changed; then the page is read again, and the
// pieces marked `data-live` that differ are brought up to date in place.
import { morph } from "./morph.js";
import { address } from "./root.js";
import { tellTimes } from "./times.js";

const LEAST_PAUSE = 1000;
const POLL = 5000;
const SELDOM = 30_000; // time alone changes some things: what was due is late now
const NAMES = ["change", "changed", "changes", "runs", "flow_run", "task_run", "state", "pulse", "update"];

let waiting = false;
let reading = false;
let last = 0;
let cost = 0;

export function startLive() {
  const mark = document.getElementById("pulse");
  if (!document.querySelector("[data-live]")) return;
  const tell = (state, text) => {
    mark.dataset.pulse = state;
    mark.title = text;
  };
  const source = new EventSource(address("/api/events"));
  const changed = (event) => {
    tell("live", "This page keeps itself up to date.");
    document.dispatchEvent(new CustomEvent("sluiceway:change", { detail: event.data }));
    refreshSoon();
  };
  source.onopen = () => {
    tell("live", "This page keeps itself up to date.");
    if (last) refreshSoon();
  };
  source.onmessage = changed;
  for (const name of NAMES) source.addEventListener(name, changed);
  let polling = 0;
  source.onerror = () => {
    tell("lost", "The connection is lost; trying again.");
    if (source.readyState === EventSource.CLOSED && !polling) polling = setInterval(refreshSoon, POLL);
  };
  document.addEventListener("visibilitychange", () => document.hidden || refreshSoon());
  setInterval(refreshSoon, SELDOM);
  addEventListener("pagehide", () => source.close());
}

// At most one reading at a time, and pauses between that are longer than the reading took.
export function refreshSoon() {
  if (waiting || document.hidden) return;
  waiting = true;
  const pause = Math.max(0, last + Math.max(LEAST_PAUSE, 4 * cost) - performance.now());
  setTimeout(refresh, pause);
}

export async function refresh() {
  waiting = false;
  if (reading) return refreshSoon();
  reading = true;
  const begun = performance.now();
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, credentials: "same-origin" });
    if (answer.ok) bringUpToDate(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // no connection: the stream says so, too
  } finally {
    reading = false;
    last = performance.now();
    cost = last - begun;
  }
}

function bringUpToDate(fresh) {
  for (const old of document.querySelectorAll("[data-live][id]")) {
    const wanted = fresh.getElementById(old.id);
    if (wanted && !old.isEqualNode(wanted)) morph(old, wanted);
  }
  tellTimes();
  document.dispatchEvent(new CustomEvent("sluiceway:fresh"));
}

// The palette and the keyboard: `/` searches, `g r` goes to the runs, `j k` move over rows, `?` tells the keys.
import { moveRow, chooseRow } from "./rows.js";
import { address } from "./root.js";

const GO_WAIT = 1200;
let going = 0;
let found = [];
let chosen = 0;
let asked = 0;

const palette = document.getElementById("palette");
const input = document.getElementById("palette-input");
const list = document.getElementById("palette-list");
const help = document.getElementById("help");

function actions() {
  const places = [...document.querySelectorAll(".side nav a")].map((link) => ({
    text: link.textContent.trim(), kind: "Page", url: link.href,
  }));
  const here = [...document.querySelectorAll("[data-command]")].map((element) => ({
    text: element.dataset.command, kind: "Action", run: () => element.click(),
  }));
  const theme = document.getElementById("switch-theme");
  return [...here, ...places, { text: "Switch between light and dark", kind: "Action", run: () => theme.click() },
    { text: "Keyboard shortcuts", kind: "Action", run: () => help.showModal() }];
}

function show(items) {
  found = items;
  chosen = 0;
  list.replaceChildren(...items.map(entry));
  mark();
}

function entry(item, place) {
  const row = document.createElement("li");
  row.id = `palette-${place}`;
  row.setAttribute("role", "option");
  if (item.tone) row.append(symbol(item.tone));
  const text = document.createElement("span");
  text.className = "text";
  text.textContent = item.text;
  if (item.sub) {
    const sub = document.createElement("span");
    sub.className = "sub";
    sub.textContent = "  " + item.sub;
    text.append(sub);
  }
  const kind = document.createElement("span");
  kind.className = "kind";
  kind.textContent = item.kind;
  row.append(text, kind);
  row.addEventListener("click", () => open(place));
  row.addEventListener("mousemove", () => place !== chosen && ((chosen = place), mark()));
  return row;
}

function symbol(tone) {
  const space = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(space, "svg");
  picture.setAttribute("class", `mark toned t-${tone}`);
  picture.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `#m-${tone}`);
  picture.append(use);
  return picture;
}

function mark() {
  for (const [place, row] of [...list.children].entries()) row.setAttribute("aria-selected", String(place === chosen));
  if (found.length) input.setAttribute("aria-activedescendant", `palette-${chosen}`);
  else input.removeAttribute("aria-activedescendant");
  list.children[chosen]?.scrollIntoView({ block: "nearest" });
}

function open(place) {
  const item = found[place];
  if (!item) {
    if (input.value.trim()) location.assign(address("/search?q=" + encodeURIComponent(input.value.trim())));
    return;
  }
  palette.close();
  if (item.run) item.run();
  else location.assign(item.url);
}

async function search() {
  const text = input.value.trim();
  const mine = ++asked;
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const own = actions().filter((item) => words.every((word) => item.text.toLowerCase().includes(word)));
  show(own);
  if (!text) return;
  const answer = await fetch(address("/search/suggest?q=" + encodeURIComponent(text)), { credentials: "same-origin" });
  if (!answer.ok || mine !== asked) return;
  const all = { text: `Search for “${text}”`, kind: "Search", url: address("/search?q=" + encodeURIComponent(text)) };
  show([...(await answer.json()), ...own, all]);
}

export function openPalette() {
  if (palette.open) return;
  input.value = "";
  palette.showModal();
  search();
}

function isTyping(target) {
  return target.closest?.("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable], dialog[open]");
}

function onKey(event) {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    return openPalette();
  }
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (going) {
    clearTimeout(going);
    going = 0;
    const link = document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
    if (link) {
      event.preventDefault();
      link.click();
    }
    return;
  }
  const act = {
    "/": openPalette, "?": () => help.showModal(), j: () => moveRow(1), k: () => moveRow(-1), x: chooseRow,
    g: () => { going = setTimeout(() => (going = 0), GO_WAIT); },
  }[event.key];
  if (act) {
    event.preventDefault();
    act();
  }
}

function onPaletteKey(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) {
    event.preventDefault();
    chosen = (chosen + step + found.length) % Math.max(1, found.length);
    mark();
  } else if (event.key === "Enter") {
    event.preventDefault();
    open(chosen);
  }
}

export function startPalette() {
  document.addEventListener("keydown", onKey);
  input.addEventListener("keydown", onPaletteKey);
  let soon = 0;
  input.addEventListener("input", () => {
    clearTimeout(soon);
    soon = setTimeout(search, 90);
  });
  const opener = document.getElementById("open-palette");
  opener.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    openPalette();
  });
  const helper = document.getElementById("open-help");
  helper.hidden = false;
  helper.addEventListener("click", () => help.showModal());
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
    });
  }
}

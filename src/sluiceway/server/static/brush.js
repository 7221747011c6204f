// The strip of states over time: dragging over a part of it, or a click on a column, leads to the runs of that time.

const chart = () => document.getElementById("brush");
let from = null;

function share(event) {
  const box = chart().getBoundingClientRect();
  return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
}

function columnsBetween(one, other) {
  const columns = Number(chart().dataset.columns);
  const first = Math.min(columns - 1, Math.floor(Math.min(one, other) * columns));
  const last = Math.min(columns, Math.max(first + 1, Math.ceil(Math.max(one, other) * columns)));
  return [first, last, columns];
}

function show(event) {
  const [first, last, columns] = columnsBetween(from, share(event));
  const choice = chart().querySelector(".brush-choice");
  const across = chart().viewBox.baseVal.width;
  choice.setAttribute("x", (first / columns) * across);
  choice.setAttribute("width", ((last - first) / columns) * across);
}

function go(event) {
  const { start, end, url } = chart().dataset;
  const [first, last, columns] = columnsBetween(from, share(event));
  const moment = (place) => Number(start) + ((Number(end) - Number(start)) * place) / columns;
  const text = (microseconds) => new Date(Math.round(microseconds / 1000)).toISOString();
  const target = new URL(url, location.href);
  target.searchParams.set("since", text(moment(first)));
  target.searchParams.set("until", text(moment(last)));
  location.assign(target);
}

document.addEventListener("pointerdown", (event) => {
  if (event.button || !event.target.closest?.("#brush")) return;
  from = share(event);
  chart().setPointerCapture(event.pointerId);
  show(event);
  event.preventDefault();
});
document.addEventListener("pointermove", (event) => from !== null && show(event));
document.addEventListener("pointerup", (event) => {
  if (from === null) return;
  go(event);
  from = null;
});
document.addEventListener("pointercancel", () => (from = null));

// Makes one piece of a page like another one with as few changes as possible, so that scroll, selection, focus and
// what a person has typed or opened stay as they are.
const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.id || node.dataset.key || "" : "");

export function morph(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || keyOf(old) !== keyOf(fresh)) {
    old.replaceWith(document.importNode(fresh, true));
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (keeps(old, fresh)) return;
  matchAttributes(old, fresh);
  matchChildren(old, fresh);
}

// What scripts or people have filled in stays: times are told here, fields belong to whoever types.
function keeps(old, fresh) {
  if (old.dataset?.keep !== undefined) return true;
  if (old.nodeName === "TIME") return old.dateTime === fresh.dateTime;
  if (old.dataset?.since) return old.dataset.since === fresh.dataset.since;
  return old.nodeName === "TEXTAREA" || old.nodeName === "SELECT";
}

const OWN = new Set(["open", "checked", "value", "data-told"]);

function matchAttributes(old, fresh) {
  const untouched = (name) => OWN.has(name) || (name === "class" && old.classList.contains("at"));
  for (const { name, value } of fresh.attributes) {
    if (!untouched(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !untouched(name)) old.removeAttribute(name);
  }
}

function matchChildren(old, fresh) {
  const keyed = new Map();
  for (const child of old.childNodes) if (keyOf(child)) keyed.set(keyOf(child), child);
  let place = old.firstChild;
  for (const wanted of fresh.childNodes) {
    const known = keyOf(wanted) && keyed.get(keyOf(wanted));
    if (known) {
      keyed.delete(keyOf(wanted));
      if (known === place) place = place.nextSibling;
      else old.insertBefore(known, place);
      morph(known, wanted);
    } else if (place && !keyOf(place) && !keyOf(wanted) && place.nodeName === wanted.nodeName) {
      const next = place.nextSibling;
      morph(place, wanted);
      place = next;
    } else {
      old.insertBefore(document.importNode(wanted, true), place);
    }
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

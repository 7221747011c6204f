// The graph is moved by dragging, and a box that is pointed at shows what it depends on and what depends on it.

for (const frame of document.querySelectorAll('[data-graph]')) {
  drag(frame);
  light(frame.querySelector('svg'));
}

function drag(frame) {
  let from = null;
  frame.addEventListener('pointerdown', (event) => {
    if (event.button === 0 && event.pointerType === 'mouse') from = { x: event.clientX, y: event.clientY, moved: false };
  });
  frame.addEventListener('pointermove', (event) => {
    if (!from) return;
    if (Math.hypot(event.clientX - from.x, event.clientY - from.y) > 4 || from.moved) {
      from.moved = true;
      frame.classList.add('dragged');
      frame.scrollBy(from.x - event.clientX, from.y - event.clientY);
      [from.x, from.y] = [event.clientX, event.clientY];
    }
  });
  const end = () => {
    frame.classList.remove('dragged');
    if (from?.moved) frame.addEventListener('click', (event) => event.preventDefault(), { once: true, capture: true });
    from = null;
  };
  frame.addEventListener('pointerup', end);
  frame.addEventListener('pointerleave', () => (from = null));
  frame.addEventListener('dragstart', (event) => event.preventDefault());
}

function light(graph) {
  const parts = [...graph.querySelectorAll('a[data-part]')];
  const wires = [...graph.querySelectorAll('path[data-before]')];
  const show = (part) => {
    const number = part?.dataset.part;
    const lit = new Set(number === undefined ? [] : [number]);
    for (const wire of wires) {
      const touches = number !== undefined && (wire.dataset.before === number || wire.dataset.after === number);
      wire.classList.toggle('lit', touches);
      if (touches) lit.add(wire.dataset.before).add(wire.dataset.after);
    }
    for (const other of parts) other.classList.toggle('lit', lit.has(other.dataset.part));
    graph.classList.toggle('has-lit', number !== undefined);
  };
  for (const part of parts) {
    part.addEventListener('pointerenter', () => show(part));
    part.addEventListener('pointerleave', () => show(null));
    part.addEventListener('focus', () => show(part));
    part.addEventListener('blur', () => show(null));
  }
}

// The colours of states, read off the style sheet, so that both colour schemes and print have theirs.

const MARKS = {
  SCHEDULED: '◷', PENDING: '○', RUNNING: '▶', COMPLETED: '✔', FAILED: '✘', CRASHED: '✱', CANCELLED: '⊘',
  CANCELLING: '⊘', PAUSED: '‖',
};

const NAMES = [
  'text', 'soft', 'line', 'line-strong', 'surface', 'sunken', 'hover', 'accent',
  ...['completed', 'cached', 'failed', 'crashed', 'cancelled', 'running', 'scheduled', 'paused', 'pending'].flatMap(
    (state) => [state, `${state}-fill`],
  ),
];

/** The word of the style sheet for a state: its own name's, where it has one. */
export function wordOf(type, name) {
  if (name === 'Cached') return 'cached';
  return type === 'CANCELLING' ? 'cancelled' : type.toLowerCase();
}

/** The shape of a state, so that colour is never alone. */
export function markOf(type, name) {
  return name === 'AwaitingRetry' ? '↻' : MARKS[type];
}

/** Read the colours as they are now. An element of its own resolves what the style sheet computes. */
export function readPalette(element) {
  const probe = document.createElement('span');
  probe.hidden = true;
  element.append(probe);
  const colours = {};
  for (const name of NAMES) {
    probe.style.color = `var(--${name})`;
    colours[name] = getComputedStyle(probe).color;
  }
  const style = getComputedStyle(element);
  colours.font = style.fontFamily;
  probe.remove();
  return colours;
}

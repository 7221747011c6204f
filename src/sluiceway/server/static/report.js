// What a run that was saved as a file can do by itself: open the step that is chosen, and filter its log.

function openStep(id) {
  const step = document.getElementById(id);
  if (step?.nodeName !== 'DETAILS') return;
  step.open = true;
  step.scrollIntoView({ block: 'center' });
}

document.addEventListener('timeline-choose', ({ detail: chosen }) => {
  if (chosen) openStep(`step-${chosen.key}`);
});

addEventListener('hashchange', () => openStep(location.hash.slice(1)));

const levelField = document.getElementById('report-level');
const textField = document.getElementById('report-text');

function filterLines() {
  const [level, text] = [Number(levelField.value), textField.value.toLowerCase()];
  let shown = 0;
  for (const line of document.querySelectorAll('#report-lines > li')) {
    const fits = Number(line.dataset.level) >= level && line.textContent.toLowerCase().includes(text);
    line.hidden = !fits;
    shown += fits;
  }
  document.querySelector('[data-report-count]').textContent = shown.toLocaleString('en');
}

levelField.addEventListener('change', filterLines);
textField.addEventListener('input', filterLines);

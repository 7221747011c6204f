// The step that is chosen, beside the timeline or the table: its own page is read, and its main part shown here.

const detail = document.getElementById('detail');
const beside = detail?.closest('.beside');
let asked = 0;

async function show(run, step) {
  const mine = ++asked;
  const path = detail.dataset.address.replace('RUN', run).replace('STEP', step);
  detail.hidden = false;
  beside.classList.add('with-detail');
  detail.setAttribute('aria-busy', 'true');
  mark(step);
  const answer = await fetch(path, { headers: { Accept: 'text/html' } });
  if (mine !== asked) return;
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const part = page.getElementById('step') ?? page.getElementById('main');
  detail.replaceChildren(closing(), ...part.childNodes);
  detail.removeAttribute('aria-busy');
  detail.scrollTop = 0;
  document.dispatchEvent(new CustomEvent('sluiceway:fresh'));
}

function closing() {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'icon-button close';
  button.setAttribute('aria-label', 'Close');
  button.textContent = '×';
  button.addEventListener('click', hide);
  return button;
}

function hide() {
  asked += 1;
  detail.hidden = true;
  detail.replaceChildren();
  beside.classList.remove('with-detail');
  mark(null);
}

function mark(step) {
  for (const row of document.querySelectorAll('tr[data-step]')) row.classList.toggle('chosen', row.dataset.step === step);
  const address = new URL(location.href);
  if (step) address.searchParams.set('step', step);
  else address.searchParams.delete('step');
  history.replaceState(null, '', address);
}

if (detail) {
  document.addEventListener('timeline-choose', ({ detail: chosen }) => {
    if (chosen) show(chosen.run, chosen.key);
    else hide();
  });
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && !detail.hidden && !document.querySelector('dialog[open]')) hide();
  });
  // A click into a row shows the step here; the link in it leads to the page of the step, as ever.
  document.addEventListener('click', (event) => {
    const row = event.target.closest('tr[data-step]');
    if (!row || event.target.closest('a, button, input') || String(getSelection())) return;
    const [, run] = /\/runs\/([^/]+)\/steps\//.exec(row.querySelector('a.main-link').href) ?? [];
    if (run) show(run, row.dataset.step);
  });
  const step = new URL(location.href).searchParams.get('step');
  const [, run] = /\/runs\/([^/?]+)/.exec(location.pathname) ?? [];
  if (step && run) show(run, step);
}

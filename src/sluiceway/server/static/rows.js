// Rows of tables by keyboard, the choice of several, and fields that send their form by themselves.
let at = null;

const rows = () => [...document.querySelectorAll("tbody[data-rows] > tr")];

export function moveRow(step) {
  const all = rows();
  if (!all.length) return;
  const place = all.indexOf(at);
  const next = all[Math.min(all.length - 1, Math.max(0, place < 0 ? (step > 0 ? 0 : all.length - 1) : place + step))];
  at?.classList.remove("at");
  at = next;
  at.classList.add("at");
  at.querySelector("a.main-link, a")?.focus({ preventScroll: true });
  at.scrollIntoView({ block: "nearest" });
}

export function chooseRow() {
  const box = at?.querySelector("input[type=checkbox]");
  box?.click();
}

function countChosen() {
  for (const bar of document.querySelectorAll("[data-chosen-bar]")) {
    const form = bar.closest("form") ?? document;
    const count = form.querySelectorAll("tbody input[type=checkbox]:checked").length;
    bar.classList.toggle("has-chosen", count > 0);
    for (const text of bar.querySelectorAll("[data-chosen-count]")) text.textContent = count ? `${count} chosen` : "";
    for (const button of bar.querySelectorAll("button[data-needs-chosen]")) button.disabled = !count;
  }
}

export function startRows() {
  document.addEventListener("change", (event) => {
    const field = event.target;
    if (field.matches?.("[data-choose-all]")) {
      for (const box of field.closest("form").querySelectorAll("tbody input[type=checkbox]")) box.checked = field.checked;
    }
    if (field.matches?.("[data-submits]")) field.form.requestSubmit();
    countChosen();
  });
  document.addEventListener("submit", (event) => {
    const question = event.submitter?.dataset.confirm;
    if (question && !confirm(question)) event.preventDefault();
    if (!event.defaultPrevented && event.target.method === "get") leaveOutEmpty(event.target);
  });
  document.addEventListener("sluiceway:fresh", countChosen);
  countChosen();
}

// Addresses stay short: a field that nobody filled is not sent.
function leaveOutEmpty(form) {
  const empty = [...form.elements].filter((field) => field.name && field.value === "" && !field.disabled);
  for (const field of empty) field.disabled = true;
  setTimeout(() => empty.forEach((field) => (field.disabled = false)));
}

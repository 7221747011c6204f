// Copies the text of what has `data-copy`, by one click.
export function startCopying() {
  document.addEventListener("mouseover", (event) => {
    const button = event.target.closest?.("[data-copy]:not([title])");
    if (button) button.title = `Copy ${button.dataset.copy}`;
  });
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    event.preventDefault();
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      if (!copyBySelection(button.dataset.copy)) return;
    }
    button.classList.add("done");
    setTimeout(() => button.classList.remove("done"), 1200);
  });
}

// Where the page has no secure address, browsers offer no clipboard but this.
function copyBySelection(text) {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "unseen";
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  return copied;
}

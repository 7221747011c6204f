// Light or dark: as the system has it, until somebody switches.
import { root } from "./root.js";

export function startTheme() {
  const button = document.getElementById("switch-theme");
  const page = document.documentElement;
  button.hidden = false;
  button.addEventListener("click", () => {
    const now = page.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    const next = now === "dark" ? "light" : "dark";
    page.dataset.theme = next;
    document.cookie = `sluiceway_theme=${next}; path=${root || "/"}; max-age=31536000; samesite=strict`;
    document.dispatchEvent(new CustomEvent("sluiceway:theme"));
  });
}

// The dialog that lists the keys of the page, found from the buttons themselves.
import { keysAreOn, turnKeys } from "./keys.js";

function label(button) {
  const copy = button.cloneNode(true);
  for (const key of copy.querySelectorAll("kbd")) key.remove();
  return button.getAttribute("aria-label") ?? copy.textContent.trim();
}

function row(button) {
  const [line, key, words] = ["tr", "th", "td"].map((name) => document.createElement(name));
  const cap = document.createElement("kbd");
  cap.textContent = button.dataset.key.toUpperCase();
  key.append(cap);
  words.textContent = label(button);
  line.append(key, words);
  return line;
}

export function offerHelp() {
  const button = document.querySelector("[data-keys-help]");
  const dialog = document.getElementById("keys");
  const checkbox = dialog.querySelector("[data-keys-on]");
  button.hidden = false;
  button.addEventListener("click", () => {
    const known = new Map();
    for (const found of document.querySelectorAll("[data-key]")) {
      if (found.checkVisibility() && !known.has(found.dataset.key)) known.set(found.dataset.key, row(found));
    }
    dialog.querySelector("tbody").replaceChildren(...known.values());
    checkbox.checked = keysAreOn();
    dialog.showModal();
  });
  checkbox.addEventListener("change", () => turnKeys(checkbox.checked));
}

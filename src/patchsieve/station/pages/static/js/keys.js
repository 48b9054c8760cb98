// A key presses the button that names it: data-key on the button is all that a page has to say.
const OFF = "patchsieve-keys-off";

export function keysAreOn() {
  return localStorage.getItem(OFF) === null;
}

export function turnKeys(on) {
  if (on) localStorage.removeItem(OFF);
  else localStorage.setItem(OFF, "1");
}

// Whether the key belongs to the page and not to a field, a dialog or the browser.
export function isFree(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return false;
  if (document.querySelector("dialog[open]")) return false;
  return !event.target.closest("input:not([type=range], [type=checkbox], [type=radio]), textarea, select, [contenteditable]");
}

function pressable(key) {
  const wanted = key === "=" ? "+" : key.toLowerCase();
  return [...document.querySelectorAll("[data-key]")].find(
    (button) => button.dataset.key === wanted && !button.disabled && button.checkVisibility(),
  );
}

export function listenForKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.key.length !== 1 || !keysAreOn() || !isFree(event)) return;
    const button = pressable(event.key);
    if (!button) return;
    event.preventDefault();
    if (!event.repeat || "keyRepeats" in button.dataset) button.click();
  });
}

// A form with data-swap="#id" answers in place: what the station sends takes the place of that element, and the focus
// stays where it was. Without this module the same form loads the page anew.

export function words(name) {
  return document.getElementById("words").dataset[name];
}

// Fetch a piece of a page. Throws an Error whose text is for people.
export async function fetchPiece(address, options = {}) {
  let answer;
  try {
    answer = await fetch(address, { ...options, headers: { "X-Piece": "1", ...options.headers } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error(words("failed"), { cause: error });
  }
  const text = await answer.text();
  if (answer.ok) return text;
  const why = answer.status === 401 ? words("stranger") : reason(text) ?? words("failed");
  throw Object.assign(new Error(why), { status: answer.status, answer });
}

function reason(text) {
  try {
    return JSON.parse(text).detail;
  } catch {
    return new DOMParser().parseFromString(text, "text/html").querySelector("[role=alert]")?.textContent.trim();
  }
}

export function elementOf(text) {
  const holder = document.createElement("template");
  holder.innerHTML = text;
  return holder.content.firstElementChild;
}

export function put(target, text) {
  const active = document.activeElement;
  const place = target.contains(active) ? active.dataset.key ?? active.name : null;
  const fresh = elementOf(text);
  target.replaceWith(fresh);
  if (place) fresh.querySelector(`[data-key="${CSS.escape(place)}"], [name="${CSS.escape(place)}"]`)?.focus();
  fresh.dispatchEvent(new CustomEvent("swapped", { bubbles: true }));
  return fresh;
}

function complain(error) {
  document.querySelector("[data-complaint]").textContent = error.message;
}

export function listenForForms() {
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.dataset.swap) return;
    event.preventDefault();
    if (form.ariaBusy === "true") return;
    form.ariaBusy = "true";
    try {
      const body = new FormData(form, event.submitter);
      // Not the button's formAction, which without the attribute is the page's address.
      const address = event.submitter?.getAttribute("formaction") ?? form.getAttribute("action");
      const text = await fetchPiece(address, { method: "POST", body });
      const target = document.querySelector(form.dataset.swap);
      if (target) put(target, text);
    } catch (error) {
      complain(error);
    } finally {
      form.ariaBusy = "false";
    }
  });
}

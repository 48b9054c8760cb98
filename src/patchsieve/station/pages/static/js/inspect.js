// The inspect page: images go in by button, drop or folder; results come into the list, one of them is looked at.
import { chosen, dropped } from "./files.js";
import { fetchPiece, put } from "./swap.js";
import { Uploads } from "./uploads.js";

const form = document.getElementById("upload");
const list = document.getElementById("results");
const progress = document.getElementById("progress");
const look = document.getElementById("look");
const place = form.querySelector(".drop");

const uploads = new Uploads(form, list, changed);

function changed() {
  const { all, done, failed } = uploads.counts;
  progress.hidden = all === 0;
  progress.querySelector("progress").max = Math.max(1, all);
  progress.querySelector("progress").value = done + failed;
  const words = [form.dataset.progress.replace("{done}", done).replace("{all}", all)];
  if (failed) words.push(form.dataset.failed.replace("{failed}", failed));
  progress.querySelector("[data-progress-words]").textContent = words.join(", ");
  progress.querySelector("[data-cancel]").disabled = !uploads.busy;
  count();
  lookAtFirst();
}

// The first image is looked at without asking, as soon as it has a result; later ones do not tear anybody away.
function lookAtFirst() {
  if (current()) return;
  const first = [...list.children].find((item) => !item.classList.contains("failed"));
  const link = first?.querySelector("[data-open]");
  if (link) open(link);
}

function count() {
  for (const number of document.querySelectorAll("[data-count]")) {
    number.textContent = list.querySelectorAll(`[data-verdict="${number.dataset.count}"]`).length;
  }
  document.querySelector("[data-empty]").hidden = list.childElementCount > 0;
}

function current() {
  return list.querySelector("[aria-current]");
}

async function open(link) {
  current()?.removeAttribute("aria-current");
  link.setAttribute("aria-current", "true");
  show(link.parentElement);
  try {
    const text = await fetchPiece(link.href);
    // Whoever goes on quickly sees the last one asked for, not the last one answered.
    if (current() !== link) return;
    if (look.firstElementChild) put(look.firstElementChild, text);
    document.querySelector("[data-complaint]").textContent = "";
  } catch (error) {
    document.querySelector("[data-complaint]").textContent = error.message;
  }
}

// Into sight within the list; the page stays where it is.
function show(item) {
  const [outer, inner] = [list.getBoundingClientRect(), item.getBoundingClientRect()];
  list.scrollBy(
    Math.min(0, inner.left - outer.left) || Math.max(0, inner.right - outer.right),
    Math.min(0, inner.top - outer.top) || Math.max(0, inner.bottom - outer.bottom),
  );
}

function step(by) {
  const links = [...list.querySelectorAll("[data-open]")].filter((link) => link.checkVisibility());
  const at = links.indexOf(current());
  const next = links[at < 0 ? 0 : at + by];
  if (next) open(next);
}

function filter(button) {
  const on = button.ariaPressed !== "true";
  for (const other of document.querySelectorAll("[data-only][aria-pressed]")) other.ariaPressed = "false";
  button.ariaPressed = String(on);
  if (on) list.dataset.only = button.dataset.only;
  else delete list.dataset.only;
}

function take(input) {
  uploads.add(chosen(input));
  input.value = "";
}

for (const part of form.querySelectorAll("[data-needs-script]")) part.hidden = false;
const images = form.elements.image;
images.multiple = true;
images.required = false;
form.querySelector("[data-without-script]").hidden = true;
for (const input of form.querySelectorAll("input[type=file]")) input.addEventListener("change", () => take(input));
form.addEventListener("submit", (event) => event.preventDefault());

for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    place.classList.add("over");
  });
}
// From one element of the page to another it has not left.
document.addEventListener("dragleave", (event) => place.classList.toggle("over", event.relatedTarget !== null));
document.addEventListener("drop", async (event) => {
  event.preventDefault();
  place.classList.remove("over");
  uploads.add(await dropped(event.dataTransfer));
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  const link = event.target.closest("[data-open]");
  if (link && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    open(link);
  } else if (button?.dataset.step) step(Number(button.dataset.step));
  else if (button?.dataset.only) filter(button);
  else if (button?.hasAttribute("data-cancel")) uploads.cancel();
});
document.addEventListener("swapped", (event) => {
  const judgement = event.target.closest("#judgement") ?? event.target.querySelector("#judgement");
  const said = current()?.querySelector(".said");
  if (judgement && said) said.textContent = judgement.dataset.said;
});
addEventListener("beforeunload", (event) => {
  if (uploads.busy) event.preventDefault();
});

const first = list.querySelector("[data-open]");
if (first) first.setAttribute("aria-current", "true");
count();

// The review page: going to another suspect without loading the page, and work in the background that is followed.
import { elementOf, fetchPiece, put } from "./swap.js";

const EVERY = 700;
const complaint = document.querySelector("[data-complaint]");
const work = document.querySelector("[data-poll]");

async function look(link) {
  try {
    put(document.getElementById("suspect"), await fetchPiece(link.href));
    history.replaceState(null, "", link.href);
    complaint.textContent = "";
  } catch (error) {
    complaint.textContent = error.message;
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-look]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  look(link);
});

const job = () => document.getElementById("job");
const isOpen = () => job().dataset.open === "true";

// What is under way is renewed piece by piece: the focus stays, and a screen reader hears only what is new.
function refresh(fresh) {
  const [old, now] = [job().querySelector("progress"), fresh.querySelector("progress")];
  if (!old || !now) return put(job(), fresh.outerHTML);
  old.value = now.value;
  const [before, after] = [job().querySelector("[role=status]"), fresh.querySelector("[role=status]")];
  if (before.textContent !== after.textContent) before.textContent = after.textContent;
  return job();
}

async function follow() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, EVERY));
    if (!isOpen()) continue;
    try {
      refresh(elementOf(await fetchPiece(work.dataset.poll)));
      complaint.textContent = "";
    } catch (error) {
      complaint.textContent = error.message;
    }
  }
}

// A mark changes what a refit would take in.
document.addEventListener("swapped", async (event) => {
  if (event.target.id !== "suspect" || isOpen()) return;
  put(job(), await fetchPiece(work.dataset.poll));
});

follow();

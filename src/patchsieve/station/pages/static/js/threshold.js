// The threshold's line can be dragged, and follows the slider and the field; what it would cost follows it.
import { fetchPiece, put } from "./swap.js";

const A_MOMENT = 150;
const scores = document.querySelector(".scores");
const chart = scores.querySelector("svg");
const handle = scores.querySelector("[data-handle]");
const form = document.getElementById("try");
const slider = form.querySelector("[data-slider]");
const field = form.elements.at;
const [low, high, left, right] = ["low", "high", "left", "right"].map((name) => Number(scores.dataset[name]));
let waiting;
let asking;

function show(threshold) {
  const share = Math.min(1, Math.max(0, (threshold - low) / (high - low)));
  handle.setAttribute("transform", `translate(${left + share * (right - left)} 0)`);
  const chosen = document.querySelector("[data-chosen]");
  if (chosen) chosen.value = threshold;
  clearTimeout(waiting);
  waiting = setTimeout(() => tell(threshold), A_MOMENT);
}

async function tell(threshold) {
  asking?.abort();
  asking = new AbortController();
  try {
    const text = await fetchPiece(`${location.pathname}/cost?at=${threshold}`, { signal: asking.signal });
    put(document.getElementById("cost"), text);
  } catch (error) {
    if (error.name !== "AbortError") document.getElementById("cost").textContent = error.message;
  }
}

function move(threshold) {
  const rounded = Number(threshold.toPrecision(6));
  slider.value = rounded;
  field.value = rounded;
  show(rounded);
}

slider.addEventListener("input", () => {
  field.value = Number(Number(slider.value).toPrecision(6));
  show(Number(field.value));
});
field.addEventListener("input", () => {
  if (!field.checkValidity()) return;
  slider.value = field.value;
  show(Number(field.value));
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  show(Number(field.value));
});

function scoreAt(event) {
  const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(chart.getScreenCTM().inverse());
  return low + (Math.min(right, Math.max(left, point.x)) - left) / (right - left) * (high - low);
}

handle.addEventListener("pointerdown", (event) => {
  handle.setPointerCapture(event.pointerId);
  event.preventDefault();
  slider.focus();
});
handle.addEventListener("pointermove", (event) => {
  if (handle.hasPointerCapture(event.pointerId)) move(scoreAt(event));
});
slider.closest("label").hidden = false;

// The wall follows the line. An event only says that there is something new; what is true comes from the station as a
// whole, so counters cannot drift from it, and a wall that was away shows at once what is. It asks now and then without
// an event too: a plug that somebody pulled sends none.
import { fetchPiece, put } from "./swap.js";

const AT_MOST_EVERY = 300;
const AT_LEAST_EVERY = 5_000;
const PATIENCE = 4_000;

const wall = document.querySelector("[data-wall]");
const sign = document.querySelector("[data-connection]");

let heard = new Date();
let listening = false;
let wanted = false;
let fetching = false;

function show(connected) {
  if (connected) heard = new Date();
  const live = connected && listening;
  const words = live ? sign.dataset.live : sign.dataset.lost.replace("{time}", heard.toLocaleTimeString());
  // Written only when it changes: a screen reader would read it again.
  if (sign.textContent !== words) sign.textContent = words;
  sign.classList.toggle("live", live);
  sign.classList.toggle("lost", !live);
  wall.classList.toggle("lost", !live);
}

function place(text) {
  const now = wall.firstElementChild;
  const fresh = document.createElement("template");
  fresh.innerHTML = text;
  // Nothing new: leave the page, and whoever has the focus in it, alone.
  if (fresh.content.firstElementChild.dataset.state !== now.dataset.state) put(now, text);
}

async function renew() {
  wanted = true;
  if (fetching) return;
  fetching = true;
  while (wanted) {
    wanted = false;
    try {
      place(await fetchPiece(wall.dataset.now, { signal: AbortSignal.timeout(PATIENCE) }));
      show(true);
    } catch (error) {
      // Nobody is logged in here any more: the page itself leads to where one can.
      if (error.status === 401) return location.reload();
      show(false);
    }
    await new Promise((resolve) => setTimeout(resolve, AT_MOST_EVERY));
  }
  fetching = false;
}

function listen() {
  const events = new EventSource(wall.dataset.events);
  events.addEventListener("open", () => {
    listening = true;
    renew();
  });
  for (const kind of ["inspection", "missed"]) events.addEventListener(kind, renew);
  events.addEventListener("error", () => {
    listening = false;
    show(false);
    // The browser comes back by itself unless the station said no; then it is asked again all the same.
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, AT_LEAST_EVERY);
  });
}

const full = document.querySelector("[data-full]");
full.hidden = !document.fullscreenEnabled;
full.addEventListener("click", () => {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.body.requestFullscreen();
});

listen();
setInterval(renew, AT_LEAST_EVERY);

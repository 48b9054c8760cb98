// The overview stays up to date: every half a minute, while somebody can see it and reads no table of it.
import { fetchPiece, put } from "./swap.js";

const HALF_A_MINUTE = 30_000;

async function refresh() {
  const now = document.getElementById("overview-now");
  if (document.hidden || now.querySelector("details[open]") || now.contains(document.activeElement)) return;
  try {
    put(now, await fetchPiece(location.href));
  } catch {
    // The next time may succeed; what stands there was right half a minute ago.
  }
}

setInterval(refresh, HALF_A_MINUTE);

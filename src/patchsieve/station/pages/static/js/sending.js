// One image on its way: sent again with the same key until the station has answered for good, so that nothing is
// inspected twice. 429 and 503 say when to come back; a lost connection is tried again with growing pauses.
import { fetchPiece } from "./swap.js";

const PAUSES = [1, 2, 4, 8, 16, 30];

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
}

function secondsOf(answer) {
  const given = Number(answer.headers.get("Retry-After"));
  // Not all clients at the same moment.
  return Math.max(1, given || 1) * (1 + Math.random() / 2);
}

// Returns the piece of a page that shows the result. `tell(state, seconds)` hears "sending", "waiting" and "lost".
export async function send(form, image, signal, tell) {
  for (let lost = 0; ; ) {
    const body = new FormData();
    body.set("point", form.elements.point.value);
    body.set("image", image.file, image.name);
    // In a header, so that the station can say that it is busy before it has read the body.
    const headers = { "X-CSRF-Token": form.elements.csrf.value, "Idempotency-Key": image.key };
    tell("sending");
    try {
      return await fetchPiece(form.action, { method: "POST", body, signal, headers });
    } catch (error) {
      if (signal.aborted) throw error;
      const busy = error.status === 429 || error.status === 503;
      // With a status the station has answered, without one nobody has.
      if (error.status ? !busy : lost === PAUSES.length) throw error;
      const seconds = busy ? secondsOf(error.answer) : PAUSES[lost];
      lost = busy ? 0 : lost + 1;
      tell(busy ? "waiting" : "lost", Math.ceil(seconds));
      await pause(seconds, signal);
    }
  }
}

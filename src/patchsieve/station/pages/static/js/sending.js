// One image on its way: sent again with the same key until the station has answered for good, so that nothing is
// inspected twice. 429 and 503 say when to come back; a lost connection is tried again with growing pauses.
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

function refusal(text) {
  const page = new DOMParser().parseFromString(text, "text/html");
  return page.querySelector("[role=alert]")?.textContent.trim();
}

// Returns the piece of a page that shows the result. `tell(state, seconds)` hears "sending", "waiting" and "lost".
export async function send(form, image, signal, tell) {
  for (let lost = 0; ; ) {
    const body = new FormData();
    body.set("point", form.elements.point.value);
    body.set("image", image.file, image.name);
    tell("sending");
    let answer;
    try {
      answer = await fetch(form.action, {
        method: "POST",
        body,
        signal,
        // In a header, so that the station can say that it is busy before it has read the body.
        headers: { "X-Piece": "1", "X-CSRF-Token": form.elements.csrf.value, "Idempotency-Key": image.key },
      });
    } catch (error) {
      if (signal.aborted || lost === PAUSES.length) throw error;
      const seconds = PAUSES[lost++];
      tell("lost", seconds);
      await pause(seconds, signal);
      continue;
    }
    lost = 0;
    const text = await answer.text();
    if (answer.ok) return text;
    if (answer.status !== 429 && answer.status !== 503) throw new Error(refusal(text) ?? answer.statusText);
    const seconds = secondsOf(answer);
    tell("waiting", Math.ceil(seconds));
    await pause(seconds, signal);
  }
}

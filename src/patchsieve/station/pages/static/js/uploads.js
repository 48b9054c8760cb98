// Many images on their way, a few at a time, each with a place in the list of results.
import { send } from "./sending.js";
import { elementOf } from "./swap.js";

const AT_ONCE = 4;

export class Uploads {
  constructor(form, list, changed) {
    this.form = form;
    this.list = list;
    this.changed = changed;
    this.waiting = [];
    this.under = new Set();
    this.counts = { all: 0, done: 0, failed: 0 };
  }

  get busy() {
    return this.waiting.length + this.under.size > 0;
  }

  add(files) {
    if (!this.busy) this.counts = { all: 0, done: 0, failed: 0 };
    const shape = document.getElementById("waiting-item").content.firstElementChild;
    if (!files.length) return;
    for (const { file, name } of files) {
      const item = shape.cloneNode(true);
      const image = { file, name, item, key: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}` };
      item.querySelector(".name").textContent = name;
      item.querySelector("[data-again]").addEventListener("click", () => this.again(image));
      this.tell(image, "queued");
      this.waiting.push(image);
    }
    // The newest lot first, each in its own order.
    this.list.prepend(...this.waiting.slice(-files.length).map(({ item }) => item));
    this.counts.all += files.length;
    this.next();
  }

  cancel() {
    for (const image of this.waiting.splice(0)) this.stopped(image);
    for (const controller of this.under) controller.abort();
    this.changed();
  }

  again(image) {
    this.counts.failed -= 1;
    image.item.classList.remove("failed");
    image.item.querySelector("[data-again]").hidden = true;
    this.waiting.push(image);
    this.next();
  }

  next() {
    while (this.under.size < AT_ONCE && this.waiting.length) this.run(this.waiting.shift());
    this.changed();
  }

  async run(image) {
    const controller = new AbortController();
    this.under.add(controller);
    try {
      const text = await send(this.form, image, controller.signal, (state, seconds) => this.tell(image, state, seconds));
      image.item.replaceWith(elementOf(text));
      this.counts.done += 1;
    } catch (error) {
      if (controller.signal.aborted) this.stopped(image);
      else this.failed(image, error.message);
    } finally {
      this.under.delete(controller);
      this.next();
    }
  }

  tell(image, state, seconds) {
    const words = this.form.dataset[state].replace("{seconds}", seconds);
    image.item.querySelector(".state").textContent = words;
  }

  stopped(image) {
    this.failed(image, this.form.dataset.stopped);
  }

  failed(image, reason) {
    this.counts.failed += 1;
    image.item.classList.add("failed");
    image.item.querySelector(".state").textContent = reason;
    image.item.querySelector("[data-again]").hidden = false;
  }
}

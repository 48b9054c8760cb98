// <picture-viewer>: mixes photo, overlay and map, zooms and pans. Everything is one SVG, so outlines and pictures move
// as one, and a zoom is nothing but another viewBox.
import { isFree, keysAreOn } from "./keys.js";

const MOST = 32;
const STEP = 0.12;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

class PictureViewer extends HTMLElement {
  connectedCallback() {
    this.stage = this.querySelector(".stage");
    this.svg = this.stage.querySelector("svg");
    this.size = { width: Number(this.dataset.width), height: Number(this.dataset.height) };
    this.pointers = new Map();
    this.fit();
    const controls = this.querySelector("[data-needs-script]");
    controls.hidden = false;
    this.mix = controls.querySelector("[data-mix]");
    this.mix.addEventListener("input", () => this.show(Number(this.mix.value)));
    controls.addEventListener("click", (event) => this.pressed(event.target.closest("button")));
    this.stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    for (const kind of ["pointerdown", "pointermove", "pointerup", "pointercancel"]) {
      this.stage.addEventListener(kind, (event) => this[kind](event));
    }
    this.stage.addEventListener("keydown", (event) => this.arrow(event));
  }

  pressed(button) {
    if (!button) return;
    const { zoom, blink, outlines } = button.dataset;
    if (zoom === "0") this.fit();
    else if (zoom) this.zoomAt(this.centre, Number(zoom));
    else if (blink !== undefined) this.blink(button);
    else if (outlines !== undefined) this.outline(button);
  }

  // 0 is the photo, 50 the overlay, 100 the map.
  show(value) {
    const [overlay, map] = [this.svg.querySelector(".overlay"), this.svg.querySelector(".map")];
    overlay.setAttribute("opacity", Math.min(1, value / 50));
    map.setAttribute("opacity", Math.max(0, (value - 50) / 50));
    if (value > 50 && map.dataset.href) {
      map.setAttribute("href", map.dataset.href);
      delete map.dataset.href;
    }
  }

  blink(button) {
    const shown = button.ariaPressed === "true";
    button.ariaPressed = String(!shown);
    this.show(shown ? Number(this.mix.value) : Number(this.mix.value) > 0 ? 0 : 50);
  }

  outline(button) {
    const shown = button.ariaPressed === "true";
    button.ariaPressed = String(!shown);
    this.svg.querySelector(".outlines").setAttribute("visibility", shown ? "hidden" : "visible");
  }

  // Look at a region, a box of (left, top, right, bottom) in pixels of the image.
  lookAt([left, top, right, bottom], number) {
    for (const outline of this.svg.querySelectorAll(".chosen")) outline.classList.remove("chosen");
    this.svg.querySelector(`[data-region="${number}"]`)?.classList.add("chosen");
    this.centre = { x: (left + right) / 2, y: (top + bottom) / 2 };
    const room = Math.min(this.size.width / (right - left), this.size.height / (bottom - top));
    this.zoom = Math.min(MOST, Math.max(1, room / 3));
    this.draw();
  }

  fit() {
    this.zoom = 1;
    this.centre = { x: this.size.width / 2, y: this.size.height / 2 };
    this.draw();
  }

  // The point under the pointer stays under the pointer.
  zoomAt(point, factor) {
    const zoom = Math.min(MOST, Math.max(1, this.zoom * factor));
    const share = this.zoom / zoom;
    this.centre = {
      x: point.x + (this.centre.x - point.x) * share,
      y: point.y + (this.centre.y - point.y) * share,
    };
    this.zoom = zoom;
    this.draw();
  }

  move(x, y) {
    this.centre = { x: this.centre.x + x, y: this.centre.y + y };
    this.draw();
  }

  draw() {
    const { width, height } = this.size;
    const [w, h] = [width / this.zoom, height / this.zoom];
    this.centre.x = Math.min(width - w / 2, Math.max(w / 2, this.centre.x));
    this.centre.y = Math.min(height - h / 2, Math.max(h / 2, this.centre.y));
    this.svg.setAttribute("viewBox", `${this.centre.x - w / 2} ${this.centre.y - h / 2} ${w} ${h}`);
    this.stage.classList.toggle("near", this.zoom > 1);
    const scale = this.svg.getScreenCTM()?.a ?? 1;
    this.stage.classList.toggle("pixels", scale > 4);
    this.querySelector("[data-zoom-now]").textContent = `${Math.round(100 * this.zoom)} %`;
  }

  at(event) {
    return new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse());
  }

  wheel(event) {
    // Fully zoomed out, the wheel scrolls the page as everywhere else.
    if (this.zoom === 1 && event.deltaY > 0 && !event.ctrlKey) return;
    event.preventDefault();
    this.zoomAt(this.at(event), 2 ** (-event.deltaY / (event.ctrlKey ? 60 : 300)));
  }

  pointerdown(event) {
    if (event.button !== 0) return;
    this.stage.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, event);
  }

  pointermove(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    if (this.pointers.size === 2) this.pinch(before, event);
    else if (this.zoom > 1) {
      const [from, to] = [this.at(before), this.at(event)];
      this.move(from.x - to.x, from.y - to.y);
    }
    this.pointers.set(event.pointerId, event);
  }

  pinch(before, event) {
    const other = [...this.pointers.values()].find((pointer) => pointer.pointerId !== event.pointerId);
    const apart = (pointer) => Math.hypot(pointer.clientX - other.clientX, pointer.clientY - other.clientY);
    this.zoomAt(this.at(other), apart(event) / Math.max(1, apart(before)));
  }

  pointerup(event) {
    this.pointers.delete(event.pointerId);
  }

  pointercancel(event) {
    this.pointers.delete(event.pointerId);
  }

  arrow(event) {
    const direction = ARROWS[event.key];
    if (!direction || this.zoom === 1 || !keysAreOn() || !isFree(event)) return;
    event.preventDefault();
    const [x, y] = direction;
    this.move((x * STEP * this.size.width) / this.zoom, (y * STEP * this.size.height) / this.zoom);
  }
}

customElements.define("picture-viewer", PictureViewer);

// A button with data-box shows its region in the viewer of the same panel.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-box]");
  button?.closest("[data-inspection]")?.querySelector("picture-viewer")?.lookAt(JSON.parse(button.dataset.box), button.dataset.number);
});

// The image with its labels over it, and the point whose class is read.

const $ = (id) => document.getElementById(id);

export class View {
  #image = $("image").getContext("2d", { alpha: false });
  #labels = $("labels").getContext("2d");
  #stage = $("stage");
  #result;
  #point;
  #palette = new Uint32Array(256);
  #classes = [];

  constructor() {
    this.#stage.addEventListener("click", (event) => {
      const box = this.#stage.getBoundingClientRect();
      const { width, height } = this.#image.canvas;
      const x = Math.floor(((event.clientX - box.left) / box.width) * width);
      const y = Math.floor(((event.clientY - box.top) / box.height) * height);
      this.#moveTo(x, y);
    });
    this.#stage.addEventListener("keydown", (event) => {
      const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!direction) return;
      event.preventDefault();
      const { width, height } = this.#image.canvas;
      const [x, y] = this.#point ?? [width >> 1, height >> 1];
      const step = event.shiftKey ? 20 : 1;
      this.#moveTo(x + direction[0] * step, y + direction[1] * step);
    });
  }

  /** Names and colors of the classes: [{name, color: [r, g, b]}]. */
  set classes(classes) {
    this.#classes = classes;
  }

  /** Lays out an image of this size, without labels. */
  open(width, height) {
    for (const { canvas } of [this.#image, this.#labels]) [canvas.width, canvas.height] = [width, height];
    this.#stage.style.setProperty("--ratio", width / height);
    this.#stage.hidden = false;
    $("reading").hidden = false;
    this.#result = undefined;
    this.#moveTo();
  }

  /** Shows what `draw` draws. */
  drawImage(draw) {
    draw(this.#image);
  }

  /** Shows a result of the engine over the image. */
  showLabels(result) {
    this.#result = result;
    this.#paint();
    this.#read();
  }

  /** Which classes are colored: a boolean for each. */
  set shown(shown) {
    this.#palette.fill(0);
    this.#classes.forEach(({ color: [r, g, b] }, index) => {
      if (shown[index]) this.#palette.set([((255 << 24) | (b << 16) | (g << 8) | r) >>> 0], index);
    });
    this.#paint();
  }

  set opacity(share) {
    this.#labels.canvas.style.opacity = share;
  }

  /** The image with the labels over it, as a PNG Blob. */
  async overlay(opacity) {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [this.#image.canvas.width, this.#image.canvas.height];
    const context = canvas.getContext("2d");
    context.drawImage(this.#image.canvas, 0, 0);
    context.globalAlpha = opacity;
    context.drawImage(this.#labels.canvas, 0, 0);
    return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  }

  #paint() {
    if (!this.#result) return;
    const { labels, width, height } = this.#result;
    const painted = this.#labels.createImageData(width, height);
    const pixels = new Uint32Array(painted.data.buffer); // little-endian, as every browser's machine is
    for (let i = 0; i < labels.length; i++) pixels[i] = this.#palette[labels[i]];
    this.#labels.putImageData(painted, 0, 0);
  }

  #moveTo(x, y) {
    const { width, height } = this.#image.canvas;
    this.#point = x === undefined ? undefined : [clamp(x, width), clamp(y, height)];
    const mark = $("point");
    mark.hidden = !this.#point;
    if (this.#point) {
      mark.style.left = `${((this.#point[0] + 0.5) / width) * 100}%`;
      mark.style.top = `${((this.#point[1] + 0.5) / height) * 100}%`;
    }
    this.#read();
  }

  #read() {
    const reading = $("reading");
    if (!this.#result) reading.textContent = "";
    else if (!this.#point) reading.textContent = "Click on the image to read the class of a pixel.";
    else {
      const [x, y] = this.#point;
      const { name, color } = this.#classes[this.#result.labels[y * this.#result.width + x]];
      const text = `${name} at x ${x}, y ${y}`;
      if (reading.lastChild?.textContent !== text) reading.replaceChildren(swatch(color), text);
    }
  }
}

/** A small square of a class's color, for the eye only. */
export function swatch(color) {
  const square = document.createElement("span");
  square.className = "swatch";
  square.style.backgroundColor = `rgb(${color.join(" ")})`;
  square.ariaHidden = "true";
  return square;
}

function clamp(value, length) {
  return Math.min(Math.max(value, 0), length - 1);
}

// The list of classes: a switch, the color, the name and the share of the pixels of each.

import { swatch } from "./view.js";

const $ = (id) => document.getElementById(id);

export class Legend {
  #rows = [];
  #onChange;

  /** `onChange(shown)` is called with a boolean for each class. */
  constructor(onChange) {
    this.#onChange = onChange;
    $("show-all").addEventListener("click", () => this.#switchAll(true));
    $("hide-all").addEventListener("click", () => this.#switchAll(false));
  }

  /** Lists `classes`, [{name, color}]; a class keeps its switch where it was listed before. */
  set classes(classes) {
    const hidden = new Set(this.#rows.filter(({ box }) => !box.checked).map(({ name }) => name));
    this.#rows = classes.map(({ name, color }) => {
      const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: !hidden.has(name) });
      box.addEventListener("change", () => this.#changed());
      const share = span("share", "");
      const label = document.createElement("label");
      label.append(box, swatch(color), span("name", name), share);
      return { name, box, share, label };
    });
    $("classes").replaceChildren(
      ...this.#rows.map(({ label }) => {
        const item = document.createElement("li");
        item.append(label);
        return item;
      }),
    );
    this.#changed();
  }

  /** Shows each class's share of the pixels, from their counts. */
  set counts(counts) {
    const pixels = counts.reduce((sum, count) => sum + count, 0);
    this.#rows.forEach(({ share, label }, index) => {
      const percent = (100 * counts[index]) / pixels;
      share.textContent = percent > 0 && percent < 0.1 ? "< 0.1 %" : `${percent.toFixed(1)} %`;
      label.classList.toggle("absent", counts[index] === 0);
    });
  }

  /** No shares: there is no result yet. */
  clear() {
    for (const { share, label } of this.#rows) {
      share.textContent = "";
      label.classList.remove("absent");
    }
  }

  #switchAll(on) {
    for (const { box } of this.#rows) box.checked = on;
    this.#changed();
  }

  #changed() {
    this.#onChange(this.#rows.map(({ box }) => box.checked));
  }
}

function span(className, text) {
  return Object.assign(document.createElement("span"), { className, textContent: text });
}

// The network in its worker, as promises.

const GPU_START_SECONDS = 60; // a driver that hangs while it compiles must not hang the page

export class Engine {
  #worker = new Worker("worker.js");
  #pending = new Map();
  #started;
  #lastId = 0;
  #failure;

  /** Starts `file`, an entry of networks.json, on `compute` "cpu" or "gpu"; see `start`. */
  constructor(file, compute) {
    this.#started = new Promise((resolve, reject) => this.#pending.set("start", { resolve, reject }));
    this.#worker.onmessage = ({ data }) => this.#receive(data);
    this.#worker.onerror = (event) => this.#fail(event.message || "the worker could not be loaded");
    this.#worker.postMessage({ start: { file, compute } });
    if (compute === "gpu")
      setTimeout(
        () => this.#settle("start", "reject", new Error("it did not start in time")),
        GPU_START_SECONDS * 1000,
      );
  }

  /** Resolves to {compute, threads, whole} once the network has run; `whole`: the GPU runs all of it. */
  started() {
    return this.#started;
  }

  /** ImageData -> {labels, width, height, counts, milliseconds}. */
  segment(image) {
    if (this.#failure) return Promise.reject(this.#failure);
    const id = ++this.#lastId;
    const { width, height } = image;
    const rgba = image.data;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#worker.postMessage({ image: { id, rgba, width, height } }, [rgba.buffer]);
    });
  }

  /** Ends the worker and frees its memory. Whatever is pending is rejected. */
  stop() {
    this.#worker.terminate();
    this.#fail("stopped");
  }

  #receive({ started, result, error, lost }) {
    if (started) this.#settle("start", "resolve", started);
    else if (result) this.#settle(result.id, "resolve", result);
    else if (error) this.#settle(error.id ?? "start", "reject", new Error(error.message));
    else if (lost) this.#fail(`the GPU was lost (${lost})`);
  }

  #settle(id, how, value) {
    this.#pending.get(id)?.[how](value);
    this.#pending.delete(id);
  }

  #fail(message) {
    this.#failure = new Error(message);
    for (const id of [...this.#pending.keys()]) this.#settle(id, "reject", this.#failure);
  }
}

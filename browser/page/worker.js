// Runs one exported file by LiteRT.js, off the page's own thread.
//
// A classic worker, because LiteRT.js loads its WASM by importScripts. Messages in: {start: {file, compute}}, then
// {image: {id, rgba, width, height}} one at a time. Messages out: {started: {compute, note}}, {result: {...}} or
// {error: {id, message}}.

let modules;
let network;

async function loadModules() {
  const [litert, { upsampleArgmax }, resize] = await Promise.all([
    import("./litert/index.js"),
    import("./upsample.js"),
    import("./resize.js"),
  ]);
  return { litert, upsampleArgmax, ...resize };
}

/** Loads the WASM in the one of its forms that this browser can run: with threads, or as the GPU needs it. */
async function loadRuntime(litert, compute) {
  const folder = new URL("litert/wasm/", self.location.href).href;
  const gpu = compute === "gpu";
  const jspi = gpu && "Suspending" in WebAssembly;
  const threads = !gpu && self.crossOriginIsolated && (await litert.supportsFeature("relaxedSimd"));
  // Read by the WASM's loader, which would otherwise look beside this file.
  self.Module = {
    locateFile: (name) => folder + name,
    mainScriptUrlOrBlob: `${folder}litert_wasm_threaded_internal.js`,
  };
  const runtime = await litert.loadLiteRt(folder, { jspi, threads });
  const device = runtime.getWebGpuDevice();
  if (gpu && !device) throw new Error("the browser gives no WebGPU adapter");
  // A GPU that is lost ends its promises never: the page starts anew on the processor.
  device?.lost.then((lost) => gpu && self.postMessage({ lost: lost.message || lost.reason }));
  return threads ? runtime.liteRtWasm.getThreadCount() : 1;
}

async function start({ file, compute }) {
  modules = await loadModules();
  const response = await fetch(file.url);
  if (!response.ok) throw new Error(`${file.url}: the server answers ${response.status}`);
  const content = new Uint8Array(await response.arrayBuffer());
  const threads = await loadRuntime(modules.litert, compute);
  const compiled = await modules.litert.loadAndCompile(content, {
    accelerator: compute === "gpu" ? "webgpu" : "wasm",
    gpuOptions: { precision: "fp32" }, // in half precision, labels of a tenth of a percent of the pixels change
  });
  const shape = [...compiled.getOutputDetails()[0].shape].slice(1);
  network = { compiled, file, shape };
  // The first runs take longer, and show what fails.
  const [height, width] = file.size;
  const noise = new Uint8ClampedArray(height * width * 4).map((_, index) => (index * 2654435761) >>> 24);
  for (let run = 0; run < 2; run++) await segment({ rgba: noise, width, height });
  const whole = compute !== "gpu" || compiled.isFullyAccelerated;
  return { compute, threads, whole };
}

/** RGB of the file's size -> its output as float32. */
async function logitsOf(rgb) {
  const { compiled, file } = network;
  const { Tensor } = modules.litert;
  const input = new Tensor(rgb, [1, ...file.size, 3]);
  let outputs;
  try {
    outputs = await compiled.run(input);
    return dequantize(await outputs[0].data(), file.quantization);
  } finally {
    input.delete();
    outputs?.forEach((output) => output.delete());
  }
}

function dequantize(values, quantization) {
  if (!quantization) return values;
  const scale = Math.fround(quantization.scale);
  const logits = new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) logits[i] = (values[i] - quantization.zero_point) * scale;
  return logits;
}

/** Labels of an image of any size, as Segmenter gives them in Python. */
async function segment({ id, rgba, width, height, keepLogits }) {
  const { file } = network;
  const begin = performance.now();
  const limit = file.size_multiple - 1;
  const fitted = modules.fitImage(modules.dropAlpha(rgba), [height, width], file.size, limit);
  const fittedAt = performance.now();
  const logits = await logitsOf(fitted);
  const computedAt = performance.now();
  const padded = modules.isPadded([height, width], file.size, limit);
  const [fullHeight, fullWidth] = padded ? file.size : [height, width];
  let labels = modules.upsampleArgmax(logits, network.shape, fullHeight, fullWidth);
  if (fullHeight !== height || fullWidth !== width) labels = crop(labels, fullWidth, height, width);
  const end = performance.now();
  const counts = new Uint32Array(network.shape[2]);
  for (let i = 0; i < labels.length; i++) counts[labels[i]]++;
  const milliseconds = { fit: fittedAt - begin, network: computedAt - fittedAt, upsampling: end - computedAt };
  const result = { id, labels, width, height, counts, milliseconds };
  if (keepLogits) result.logits = logits;
  return result;
}

function crop(labels, fullWidth, height, width) {
  const cropped = new Uint8Array(height * width);
  for (let y = 0; y < height; y++) cropped.set(labels.subarray(y * fullWidth, y * fullWidth + width), y * width);
  return cropped;
}

self.onmessage = async ({ data }) => {
  try {
    if (data.start) self.postMessage({ started: await start(data.start) });
    else if (data.image) {
      const result = await segment(data.image);
      self.postMessage({ result }, [result.labels.buffer]);
    }
  } catch (error) {
    self.postMessage({ error: { id: data.image?.id, message: String(error?.message ?? error) } });
  }
};

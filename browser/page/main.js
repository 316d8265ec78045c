// The page: chooses what is segmented and by what, and shows the results.

import { Engine } from "./engine.js";
import { Legend } from "./legend.js";
import { grayPng } from "./png.js";
import { freeze, nextFrame, openCamera, openFile } from "./sources.js";
import { View } from "./view.js";

const $ = (id) => document.getElementById(id);

const view = new View();
const legend = new Legend((shown) => (view.shown = shown));
const frame = document.createElement("canvas").getContext("2d", { alpha: false, willReadFrequently: true });

let networks; // networks.json
let engine; // undefined while one is starting
let engineNumber = 0; // of the latest one that was asked for
let source; // what is shown
let openNumber = 0; // of the latest source that was asked for
let result; // of the frame that is shown
let busy = false; // a frame is with the engine
let again = false; // and another one was asked for meanwhile
let lastFrameAt;

function say(text, isError = false) {
  $("status").textContent = text;
  $("status").classList.toggle("error", isError);
}

// The network.

function chosen(name) {
  return document.querySelector(`input[name="${name}"]:checked`).value;
}

async function startEngine() {
  const number = ++engineNumber;
  const file = networks.files[Number(chosen("precision"))];
  const compute = chosen("compute");
  engine?.stop();
  engine = undefined;
  $("compute-note").textContent = "";
  showFile(file);
  say(`Loading the ${file.precision} network (${megabytes(file.bytes)}) …`);
  const starting = new Engine(file, compute);
  try {
    const { threads, whole } = await starting.started();
    if (number !== engineNumber) return starting.stop();
    engine = starting;
    if (compute === "cpu") $("compute-note").textContent = threads > 1 ? `${threads} threads` : "1 thread";
    else if (!whole) $("compute-note").textContent = "The GPU runs part of the network, the processor the rest.";
    say(source ? waiting(source) : "Ready.");
    await segmentFrame();
  } catch (error) {
    starting.stop();
    if (number === engineNumber) engineFailed(file, compute, error);
  }
}

/** From the GPU to the processor; from the processor to a message. */
function engineFailed(file, compute, error) {
  engine?.stop();
  engine = undefined;
  if (compute === "cpu") return say(`The ${file.precision} network cannot run here: ${error.message}`, true);
  document.querySelector('input[name="compute"][value="cpu"]').checked = true;
  startEngine().then(() => {
    if (engine)
      $("compute-note").append(`. The GPU cannot run this network (${error.message}), so the processor does.`);
  });
}

function showFile(file) {
  view.classes = file.classes;
  legend.classes = file.classes;
  const facts = [file.dataset && `trained on ${file.dataset}`, `${file.classes.length} classes`];
  $("subtitle").textContent = [...facts, `input ${file.size[1]}\u00a0×\u00a0${file.size[0]}\u00a0pixels`]
    .filter(Boolean)
    .join(" · ");
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

// What is segmented.

async function open(opening) {
  const number = ++openNumber;
  try {
    say("Opening …");
    const opened = await opening();
    if (number !== openNumber) return opened.close(); // another one was asked for meanwhile
    source?.close();
    source = opened;
    result = undefined;
    lastFrameAt = undefined;
    $("drop").hidden = true;
    $("opacity-label").hidden = false;
    view.open(source.width, source.height);
    legend.clear();
    [frame.canvas.width, frame.canvas.height] = [source.width, source.height];
    if (!source.video) view.drawImage(source.draw);
    showWhatNeedsResult(false);
    showPlayer();
    say(engine ? waiting(source) : "The network is being loaded …");
    if (source.video) playFrames(source);
    else segmentFrame();
  } catch (error) {
    if (number === openNumber) say(error.message, true);
  }
}

/** What the status says until the first labels of `opened` are there. */
function waiting(opened) {
  return opened.video ? opened.note : "Segmenting …";
}

function showPlayer() {
  const { video, live } = source;
  $("player").hidden = !video;
  $("camera").textContent = live ? "Stop camera" : "Use camera";
  $("seek-label").hidden = Boolean(live);
  $("time-title").textContent = video ? "Time for this frame" : "Time for this image";
  if (!video) return;
  $("seek").max = live ? 1 : video.duration;
  video.onplay = video.onpause = () => {
    $("play").textContent = video.paused ? "Play" : "Pause";
    lastFrameAt = undefined;
  };
  video.onseeked = () => video.paused && segmentFrame();
}

/** Segments frames as they come, as many as the network keeps up with. */
async function playFrames(moving) {
  await moving.video.play().catch(() => {}); // where it may not begin by itself, the button does
  await segmentFrame();
  while (source === moving) {
    await nextFrame(moving.video);
    if (source === moving && !moving.video.paused) await segmentFrame();
  }
}

/** Segments what the source shows now, or once more when the engine is through with the frame before. */
async function segmentFrame() {
  if (!source || !engine) return;
  if (busy) {
    again = true;
    return;
  }
  busy = true;
  const [of, by] = [source, engine];
  const seconds = of.video?.currentTime;
  of.draw(frame);
  const image = frame.getImageData(0, 0, of.width, of.height);
  const shown = of.video && (await createImageBitmap(frame.canvas)); // a video goes on meanwhile
  try {
    const segmented = await by.segment(image);
    if (source === of && engine === by) {
      if (shown) view.drawImage((context) => context.drawImage(shown, 0, 0));
      show({ ...segmented, seconds });
    }
  } catch (error) {
    if (engine === by) engineFailed(networks.files[Number(chosen("precision"))], chosen("compute"), error);
  } finally {
    shown?.close();
    busy = false;
    if (again) {
      again = false;
      segmentFrame();
    }
  }
}

function showWhatNeedsResult(there) {
  $("time").hidden = !there;
  for (const id of ["save-labels", "save-overlay"]) $(id).disabled = !there;
}

function show(segmented) {
  result = segmented;
  view.showLabels(result);
  legend.counts = result.counts;
  const { fit, network, upsampling } = result.milliseconds;
  const times = [
    ["Network", network],
    ["Upsampling and arg-max", upsampling],
    ["Resizing the image", fit],
  ];
  const rows = times.map(([name, value]) => [name, `${value.toFixed(1)} ms`]);
  const now = performance.now();
  if (source.video && !source.video.paused && lastFrameAt) {
    rows.push(["Frames per second", (1000 / (now - lastFrameAt)).toFixed(1)]);
  }
  lastFrameAt = now;
  $("times").replaceChildren(
    ...rows.flat().map((text, index) => {
      return Object.assign(document.createElement(index % 2 ? "dd" : "dt"), { textContent: text });
    }),
  );
  if (source.video && !source.live) $("seek").value = result.seconds;
  showWhatNeedsResult(true);
  if (!$("status").classList.contains("error")) say(source.note);
}

// Downloads.

function save(blob, kind) {
  const moment = result.seconds === undefined ? "" : `_${result.seconds.toFixed(2)}s`;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${source.name}${moment}_${kind}.png`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function opacity() {
  return Number($("opacity").value) / 100;
}

// What the person does.

for (const id of ["choose", "drop"]) $(id).addEventListener("click", () => $("file").click());
$("file").addEventListener("change", () => {
  const [file] = $("file").files;
  $("file").value = ""; // so that the same file can be chosen again
  if (file) open(() => openFile(file));
});
$("camera").addEventListener("click", () => open(source?.live ? () => freeze(source) : openCamera));
$("play").addEventListener("click", () => (source.video.paused ? source.video.play() : source.video.pause()));
$("seek").addEventListener("input", () => (source.video.currentTime = Number($("seek").value)));
$("opacity").addEventListener("input", () => {
  $("opacity-value").textContent = `${$("opacity").value} %`;
  view.opacity = opacity();
});
$("save-labels").addEventListener("click", async () =>
  save(await grayPng(result.labels, result.width, result.height), "labels"),
);
$("save-overlay").addEventListener("click", async () => save(await view.overlay(opacity()), "overlay"));

addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dragging");
});
addEventListener("dragleave", (event) => event.relatedTarget || document.body.classList.remove("dragging"));
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dragging");
  const [file] = event.dataTransfer.files;
  if (file) open(() => openFile(file));
  else say("This is not a file. Save the image or the video first, then drop its file.", true);
});

function listFiles() {
  const group = $("precision");
  networks.files.forEach((file, index) => {
    const input = Object.assign(document.createElement("input"), {
      type: "radio",
      name: "precision",
      value: index,
      checked: !index,
    });
    const label = document.createElement("label");
    label.append(input, ` ${file.precision} (${megabytes(file.bytes)})`);
    group.append(label);
  });
  document.querySelector('input[name="compute"][value="gpu"]').disabled = !navigator.gpu;
  if (!navigator.gpu) document.querySelector('input[value="gpu"]').parentElement.append(" – not in this browser");
  for (const name of ["precision", "compute"]) {
    for (const input of document.getElementsByName(name)) input.addEventListener("change", startEngine);
  }
}

try {
  const response = await fetch("networks.json");
  if (!response.ok) throw new Error(`the server answers ${response.status}`);
  networks = await response.json();
  document.title = $("title").textContent = networks.title;
  listFiles();
  startEngine();
} catch (error) {
  say(`The list of networks cannot be loaded: ${error.message}`, true);
}

// What is segmented: an image, a video or the camera, each as {name, width, height, draw(context)} and, where it moves,
// `video`, the <video> element that plays it.

const MOST_PIXELS = 16e6; // what a canvas holds on every phone

/**
 * A file as a source; of a video its first frame is ready.
 *
 * Throws an Error whose message is for the person where the browser cannot read the file.
 */
export async function openFile(file) {
  const name = file.name.replace(/\.[^.]*$/, "") || "image";
  if (file.type.startsWith("video/")) return openVideo(file, name);
  let bitmap;
  try {
    // The pixels as they are in the file, but upright: what a decoder in Python gives.
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image", colorSpaceConversion: "none" });
  } catch {
    throw new Error(`${file.name}: the browser cannot read it. Choose an image (JPEG, PNG, WebP) or a video.`);
  }
  return still(bitmap, name);
}

/** What a video or the camera shows now, as an image. */
export async function freeze({ name, video }) {
  return still(await createImageBitmap(video), name);
}

function still(bitmap, name) {
  const scale = Math.min(1, Math.sqrt(MOST_PIXELS / (bitmap.width * bitmap.height)));
  const [width, height] = [bitmap.width, bitmap.height].map((length) => Math.max(1, Math.floor(length * scale)));
  const note =
    scale < 1
      ? `The image of ${bitmap.width} × ${bitmap.height} pixels was reduced to ${width} × ${height}, and so are its labels.`
      : "";
  return {
    name,
    width,
    height,
    note,
    draw: (context) => context.drawImage(bitmap, 0, 0, width, height),
    close: () => bitmap.close(),
  };
}

async function openVideo(file, name) {
  const url = URL.createObjectURL(file);
  const video = newVideo();
  video.loop = true;
  video.src = url;
  try {
    await firstFrame(video);
  } catch {
    URL.revokeObjectURL(url);
    throw new Error(`${file.name}: the browser cannot play it. Convert it to MP4 (H.264) or WebM.`);
  }
  return movingSource(video, name, () => {
    video.pause();
    video.removeAttribute("src");
    video.load();
    URL.revokeObjectURL(url);
  });
}

/** The camera as a source; on a phone the one at its back. Throws an Error whose message is for the person. */
export async function openCamera() {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Error("The camera needs a page from localhost or over https.");
  }
  let stream;
  try {
    const wish = { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 720 } };
    stream = await navigator.mediaDevices.getUserMedia({ video: wish });
  } catch (error) {
    const denied = error.name === "NotAllowedError";
    throw new Error(
      denied ? "The browser was not allowed to use the camera." : "No camera was found, or another program uses it.",
    );
  }
  const video = newVideo();
  video.srcObject = stream;
  await firstFrame(video);
  return { ...movingSource(video, "camera", () => stream.getTracks().forEach((track) => track.stop())), live: true };
}

function newVideo() {
  const video = document.createElement("video");
  video.muted = true;
  video.playsInline = true;
  return video;
}

function firstFrame(video) {
  return new Promise((resolve, reject) => {
    video.onloadeddata = () => (video.videoWidth ? resolve() : reject(new Error("no frames")));
    video.onerror = () => reject(new Error("cannot be played"));
  });
}

function movingSource(video, name, close) {
  const { videoWidth: width, videoHeight: height } = video;
  return {
    name,
    width,
    height,
    note: "",
    video,
    draw: (context) => context.drawImage(video, 0, 0, width, height),
    close,
  };
}

/** Resolves when the video shows its next frame, or soon where the browser does not tell. */
export function nextFrame(video) {
  return new Promise((resolve) => {
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(resolve);
    else requestAnimationFrame(resolve);
  });
}
